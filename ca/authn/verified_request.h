/// First half of authentication: that the octets are for us, fresh, and signed by the key that is to be certified. Nothing here asks
/// directory or ledger.
#pragma once

#include <optional>
#include <string>

#include "ca/api/credentials.h"
#include "ca/api/message.h"
#include "ca/authn/nonce.h"
#include "ca/authn/refusal.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {

inline constexpr int min_subject_rsa_bits = 2048;
inline constexpr int max_subject_rsa_bits = 8192;

/// A request whose possession signature, nonce, audience and channel are right. Whether the nonce was used before only the ledger knows.
struct VerifiedRequest {
  SignedRequest request;
  std::optional<keys::Sshsig> identity;  ///< verified over the same octets by the key it carries; who that is comes next
  ByteVector identity_key;               ///< blob of the plain key that made it
};

/// In this order: signatures over the octets, only then their JSON; end point, audience, channel, nonce; key type and size.
/// @param audience  our id
Judged<VerifiedRequest> verify_request(const AskSigned& ask, const std::string& audience, const NonceMint& nonces, NonceMint::Time now);

}  // namespace gatehouse::ca
