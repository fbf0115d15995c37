/// A key in the token as a keys::Signer.
#pragma once

#include <memory>
#include <string>

#include "pkcs11/client/signer_client.h"
#include "protocol/keys/signer.h"

namespace gatehouse::pkcs11 {

/// Signs through a SignerClient. `data` is recognised by its form and goes out as the typed request it is (an exchange hash by its length,
/// hostkeys-prove, the octets under an SSHSIG, the to-be-signed octets of a certificate); what is none of them is refused here, what the
/// signer's purpose forbids is refused there. Not for two threads at once; signers that share a client share that rule.
class RemoteSigner final : public keys::Signer {
 public:
  RemoteSigner(std::shared_ptr<SignerClient> client, keys::PublicKey key) : client_(std::move(client)), key_(std::move(key)) {}

  const keys::PublicKey& public_key() const override { return key_; }
  Result<ByteVector> sign(keys::SignatureAlgorithm algorithm, Bytes data) override;
  /// As sign, for who must know whether it is worth trying again.
  SignerResult<ByteVector> try_sign(keys::SignatureAlgorithm algorithm, Bytes data);

 private:
  std::shared_ptr<SignerClient> client_;
  keys::PublicKey key_;
};

/// The typed request that `data` is. @error no known form
SignerResult<Request> request_for(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data);

}  // namespace gatehouse::pkcs11
