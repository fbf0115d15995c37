/// The trust bundle: which keys of this CA hosts and clients must trust, signed by a trust key of its own (SSHSIG, gatehouse-trust).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::ca {

/// Times are Unix seconds.
struct TrustBundle {
  std::uint64_t version = 0;  ///< rises with each change of content; takers refuse a lower one
  std::uint64_t issued = 0;
  std::uint64_t expires = 0;  ///< past it the last good files stay in use and everything alarms
  std::string ca_id;
  std::vector<keys::PublicKey> user_ca;
  std::vector<keys::PublicKey> host_ca;
  std::vector<keys::PublicKey> trust_keys;  ///< whose signatures over the next bundle and over KRLs count
  std::string krl_path = "/v1/krl";
};

/// {version, issued, expires, ca_id, user_ca[], host_ca[], trust_keys[], principals, krl}; keys as lines of a .pub file.
std::string write_trust_bundle(const TrustBundle& bundle);
/// Verify the signature over these octets first. Unknown members are skipped: a newer CA may say more.
/// @error Problem: malformed, a key of an unknown type, no trust key
Result<TrustBundle> parse_trust_bundle(std::string_view json);

}  // namespace gatehouse::ca
