/// The keys and certificates that the agent holds: what is shown, and what answers a signature. No clock: the time comes in.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/agent/messages.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::agent {

/// Two clocks: certificates are valid by the calendar; a lifetime runs on while the machine sleeps and is not moved by a step of the clock.
struct Now {
  std::uint64_t unix_seconds = 0;
  std::chrono::seconds since_boot{0};
};

struct HeldIdentity {
  std::shared_ptr<keys::PrivateKey> key;
  std::optional<keys::Certificate> certificate;
  std::string comment;
  std::optional<std::chrono::seconds> ends_at;  ///< since boot; by the lifetime constraint
  bool from_ca = false;                         ///< a log-in of ours: its plain key is not shown
  bool listed = true;                           ///< false: answers signatures until it expires, but is not shown (replaced by a renewal)

  /// What the identity is called on the wire: the certificate, or the plain key.
  Bytes blob() const { return certificate ? certificate->blob() : key->public_key().blob(); }
};

class IdentityStore {
 public:
  /// What one agent holds at most.
  static constexpr std::size_t max_identities = 1024;

  /// Replaces an identity with the same blob. @return false when the store is full
  bool add(HeldIdentity identity);
  /// A renewed certificate takes the place of `old_blob`, which goes on answering until it expires: a client lists first and signs later.
  bool replace(Bytes old_blob, HeldIdentity renewed);
  bool remove(Bytes blob);
  void remove_all() { identities_.clear(); }
  /// All certificates, also replaced ones, that a log-in got for this key.
  void remove_log_in(const keys::PublicKey& key);

  /// Never an expired certificate, nor one that is not valid yet: each would cost one of the server's few attempts. Log-ins come first,
  /// then other certificates, then plain keys.
  std::vector<Identity> list(Now now) const;
  /// The identity that `blob` names, or null.
  const HeldIdentity* find(Bytes blob, Now now) const;
  /// Drops what ended.
  void drop_ended(Now now);
  std::size_t size() const { return identities_.size(); }

 private:
  std::vector<HeldIdentity> identities_;
};

}  // namespace gatehouse::agent
