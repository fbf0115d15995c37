/// Nonces that need no memory: expiry and random octets under an HMAC whose key all nodes of a CA share. That one is used only once is
/// the ledger's affair (a unique column).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

class NonceMint {
 public:
  using Seconds = std::chrono::seconds;
  using Time = std::chrono::sys_time<Seconds>;
  static constexpr Seconds life{300};
  /// How far another node's clock may be ahead of ours.
  static constexpr Seconds clock_skew{60};
  static constexpr std::size_t key_size = 32;

  /// @param audience  id of the CA; a nonce of another CA with the same key is none of ours
  NonceMint(SecretBytes key, std::string audience) : key_(std::move(key)), audience_(std::move(audience)) {}

  /// 76 characters of base64: 8 octets of expiry (Unix seconds), 16 random ones, 32 of HMAC-SHA256.
  std::string mint(Time now) const;
  enum class Verdict : std::uint8_t { good, not_ours, expired };
  Verdict judge(std::string_view nonce, Time now) const;

 private:
  ByteVector authenticator(Bytes head) const;
  SecretBytes key_;
  std::string audience_;
};

/// The key in `path` (0600, own uid); drawn and written when the file is missing.
/// @error Problem: unreadable, readable for others, or of another size
Result<SecretBytes> load_or_make_nonce_key(const std::string& path);

}  // namespace gatehouse::ca
