/// The PIN: read from its descriptor when it is needed, used once, wiped.
#pragma once

#include <array>
#include <functional>
#include <mutex>

#include "daemon/unique_fd.h"
#include "pkcs11/token/session.h"
#include "pkcs11/token/slot.h"
#include "protocol/core/secret.h"

namespace gatehouse::pkcs11 {

/// A token may lock itself, or wipe its keys, after a few wrong PINs. So a PIN that the token refused is never shown to it again: its
/// salted hash is remembered, in a file that outlives this process where there is one. For many threads at once.
class PinSource {
 public:
  /// @param pin     descriptor of the PIN file; none: only tokens that need no PIN
  /// @param memory  a file (memfd) that is kept over restarts; may be none
  PinSource(UniqueFd pin, UniqueFd memory);

  /// C_Login of the user on a token, unless it needs none or the process is logged in. Nothing is tried when the token says that the next
  /// wrong PIN locks it, that the PIN is locked, or that it must be changed.
  /// @error Remedy::change_pin: the PIN source is empty or unreadable, the PIN was refused now or before
  TokenResult<void> log_in(const Session& session, const TokenInfo& token);
  /// C_Login(CKU_CONTEXT_SPECIFIC), between C_SignInit and C_Sign of a key with CKA_ALWAYS_AUTHENTICATE.
  TokenResult<void> authenticate_operation(const Session& session);

  /// Whether the source holds something else than the PIN that was refused.
  bool has_another_pin();

 private:
  using Digest = std::array<std::uint8_t, 32>;
  struct Memory {
    std::array<std::uint8_t, 16> salt;
    Digest refused;
  };

  TokenResult<void> use(const std::function<CK_RV(Bytes pin)>& call);
  Digest digest_of(Bytes pin) const;
  bool was_refused(Bytes pin) const;
  void remember_refused(Bytes pin);

  std::mutex mutex_;
  UniqueFd pin_;
  UniqueFd memory_file_;
  Memory memory_{};
  bool any_refused_ = false;
};

}  // namespace gatehouse::pkcs11
