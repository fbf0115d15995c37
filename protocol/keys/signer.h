/// The seam between the protocol and whoever holds a private key: a token behind gatehouse-signer, or a key in memory.
#pragma once

#include "protocol/core/result.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::keys {

class Signer {
 public:
  virtual ~Signer() = default;
  virtual const PublicKey& public_key() const = 0;
  /// The signature blob over `data` (not over its digest), already verified with public_key().
  /// @error Problem that says which part failed; the caller releases nothing
  virtual Result<ByteVector> sign(SignatureAlgorithm algorithm, Bytes data) = 0;
};

}  // namespace gatehouse::keys
