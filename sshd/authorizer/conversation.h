/// One monitor's conversation with the authorizer: which request is legal when, and its answer. No socket and no clock in here.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "protocol/keys/certificate.h"
#include "sshd/authorizer/messages.h"
#include "sshd/authorizer/trust_state.h"
#include "sshd/config/configuration.h"

namespace gatehouse::sshd::authorizer {

/// Which octets are a K_S of ours. What a Setup no longer names stays known: a host certificate that was renewed is still the K_S of the
/// sessions that began with the one before, and of connections that were forked a moment before the change. Whether a key still signs is
/// the signer's to say.
class HostKeys {
 public:
  void add(const Setup& setup);
  /// @param k_s  a plain key or a certificate @return the blob of the plain key that signs for it, or nothing
  std::optional<ByteVector> signing_key(Bytes k_s) const;

 private:
  struct Known {
    ByteVector k_s;
    ByteVector key;
  };
  std::deque<Known> known_;  ///< the latest first
};

/// What all conversations share.
struct Server {
  Configuration configuration;
  HostKeys host_keys;
  TrustState trust;
};

class Conversation {
 public:
  /// The answer to a request frame; nothing when the conversation must end (no frame of ours, wrong order at the start).
  /// @param now  Unix seconds
  std::optional<ByteVector> answer(Server& server, Bytes frame, std::uint64_t now);

  /// Whether a granted certificate is watched here.
  bool watching() const { return granted_.has_value(); }
  /// A Revoked frame, once, when the granted certificate is revoked by now.
  std::optional<ByteVector> revocation(Server& server, std::uint64_t now);

  const std::string& connection_id() const { return facts_.connection_id; }

 private:
  enum class State : std::uint8_t { greeting, opening, open };

  ByteVector opened(Bytes frame);
  ByteVector resumed(Bytes frame);
  ByteVector next_cookie(Bytes frame);
  ByteVector exchange_hash(const Server& server, Bytes frame);
  ByteVector authenticate(Server& server, Bytes frame, std::uint64_t now);
  ByteVector refused(std::string detail) const;
  Settings settings_for(const Server& server, bool exists) const;

  State state_ = State::greeting;
  Open facts_;                  ///< cookie: the one that the next KEXINIT must carry; none: none is outstanding
  ByteVector session_id_;       ///< H of the first key exchange; empty before it
  ByteVector host_key_;         ///< its K_S
  ByteVector signing_key_;      ///< the plain key of that
  std::uint32_t requests_ = 0;  ///< of authentication
  std::string user_;            ///< of the last request
  std::vector<std::string> groups_;
  std::optional<keys::Certificate> granted_;
  bool told_ = false;
};

}  // namespace gatehouse::sshd::authorizer
