/// A private key in memory: ephemeral keys of the agent, our client role, service accounts' key files, tests. Never a host or CA key.
#pragma once

#include "protocol/core/secret.h"
#include "protocol/core/wire.h"
#include "protocol/crypto/openssl_handle.h"
#include "protocol/keys/signer.h"

namespace gatehouse::keys {

class PrivateKey final : public Signer {
 public:
  /// @param rsa_bits  for KeyType::rsa only
  static PrivateKey generate(KeyType type, int rsa_bits = 3072);
  /// "-----BEGIN OPENSSH PRIVATE KEY-----", not encrypted (OpenSSH PROTOCOL.key). An encrypted one is a Problem that says so.
  static Result<PrivateKey> parse_openssh(const SecretBytes& file);
  /// The private fields of SSH_AGENTC_ADD_IDENTITY for a plain key, key type string first, nothing left over (RFC 9987 section 3.2).
  static ProtocolResult<PrivateKey> parse_agent_fields(Bytes fields);
  /// The same out of a message that goes on (comment, constraints).
  static ProtocolResult<PrivateKey> read_agent_fields(WireReader& message);
  /// What certificate_agent_fields() writes: the fields after the certificate in SSH_AGENTC_ADD_IDENTITY.
  /// @param subject  the certificate's subject key, which the private fields must belong to
  static ProtocolResult<PrivateKey> read_certificate_agent_fields(WireReader& message, const PublicKey& subject);

  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey() override;

  const PublicKey& public_key() const override { return public_key_; }
  Result<ByteVector> sign(SignatureAlgorithm algorithm, Bytes data) override;
  /// An unencrypted OpenSSH private key file.
  SecretBytes openssh_file(std::string_view comment) const;
  /// What parse_agent_fields reads.
  SecretBytes agent_fields() const;
  /// The private fields that follow the certificate in SSH_AGENTC_ADD_IDENTITY for a certificate (ed25519: public, private; ecdsa: scalar;
  /// rsa: d, iqmp, p, q).
  SecretBytes certificate_agent_fields() const;

 private:
  PrivateKey(crypto::EvpPkey key, PublicKey public_key);
  static ProtocolResult<PrivateKey> from_ed25519(Bytes public_octets, Bytes private_octets);
  static ProtocolResult<PrivateKey> from_ecdsa(const PublicKey& public_key, Bytes scalar);
  struct RsaNumbers {
    Bytes d, iqmp, p, q;
  };
  static ProtocolResult<PrivateKey> from_rsa(const PublicKey& public_key, const RsaNumbers& numbers);
  crypto::EvpPkey key_;
  PublicKey public_key_;
};

}  // namespace gatehouse::keys
