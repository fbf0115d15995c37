/// Reading PrivateKey's private fields as they stand in agent messages and key files (RFC 9987 section 3.2).
#include <optional>

#include "protocol/keys/private_key.h"

namespace gatehouse::keys {

ProtocolResult<PrivateKey> PrivateKey::read_agent_fields(WireReader& message) {
  const std::string_view name = message.text();
  const std::optional<KeyType> type = key_type_by_blob_name(name);
  if (!type) return violation(Violation::bad_encoding, "private key: unknown type " + escaped(name, 64));
  switch (*type) {
    case KeyType::ed25519: {
      const Bytes public_octets = message.string();
      const Bytes private_octets = message.string();
      if (message.failed()) break;
      return from_ed25519(public_octets, private_octets);
    }
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384:
    case KeyType::ecdsa_p521: {
      const Bytes curve = message.string();
      const Bytes point = message.string();
      const Bytes scalar = message.mpint();
      if (message.failed()) break;
      const ProtocolResult<PublicKey> public_key = PublicKey::parse(WireWriter().string(name).string(curve).string(point).view());
      if (!public_key) return tl::unexpected(public_key.error());
      return from_ecdsa(*public_key, scalar);
    }
    case KeyType::rsa: {
      const Bytes n = message.mpint();
      const Bytes e = message.mpint();
      RsaNumbers numbers;
      numbers.d = message.mpint();
      numbers.iqmp = message.mpint();
      numbers.p = message.mpint();
      numbers.q = message.mpint();
      if (message.failed()) break;
      const ProtocolResult<PublicKey> public_key = PublicKey::from_rsa(e, n);
      if (!public_key) return tl::unexpected(public_key.error());
      return from_rsa(*public_key, numbers);
    }
  }
  return violation(Violation::bad_encoding, "private key: malformed");
}

ProtocolResult<PrivateKey> PrivateKey::parse_agent_fields(Bytes fields) {
  WireReader reader(fields);
  ProtocolResult<PrivateKey> key = read_agent_fields(reader);
  if (key && !reader.finish()) return violation(Violation::bad_encoding, "private key: octets left over");
  return key;
}

ProtocolResult<PrivateKey> PrivateKey::read_certificate_agent_fields(WireReader& message, const PublicKey& subject) {
  switch (subject.type()) {
    case KeyType::ed25519: {
      const Bytes public_octets = message.string();
      const Bytes private_octets = message.string();
      if (message.failed()) break;
      ProtocolResult<PrivateKey> key = from_ed25519(public_octets, private_octets);
      if (key && !(key->public_key() == subject)) return violation(Violation::bad_encoding, "private key: not the certificate's");
      return key;
    }
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384:
    case KeyType::ecdsa_p521: {
      const Bytes scalar = message.mpint();
      if (message.failed()) break;
      return from_ecdsa(subject, scalar);
    }
    case KeyType::rsa: {
      RsaNumbers numbers;
      numbers.d = message.mpint();
      numbers.iqmp = message.mpint();
      numbers.p = message.mpint();
      numbers.q = message.mpint();
      if (message.failed()) break;
      return from_rsa(subject, numbers);
    }
  }
  return violation(Violation::bad_encoding, "private key: malformed");
}

}  // namespace gatehouse::keys
