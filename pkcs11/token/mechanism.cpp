#include "pkcs11/token/mechanism.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "protocol/crypto/digest.h"

namespace gatehouse::pkcs11 {

namespace {

using keys::SignatureAlgorithm;

// RFC 8017 section 9.2, note 1.
constexpr std::array<std::uint8_t, 19> sha256_prefix{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
constexpr std::array<std::uint8_t, 19> sha512_prefix{0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                     0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};

ByteVector digest_info(Bytes prefix, crypto::Digest digest, Bytes data) {
  ByteVector out = to_vector(prefix);
  const ByteVector hashed = crypto::hash(digest, data);
  out.insert(out.end(), hashed.begin(), hashed.end());
  return out;
}

}  // namespace

CK_MECHANISM_TYPE mechanism_of(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::ed25519:
      return CKM_EDDSA;
    case SignatureAlgorithm::ecdsa_p256:
    case SignatureAlgorithm::ecdsa_p384:
    case SignatureAlgorithm::ecdsa_p521:
      return CKM_ECDSA;
    case SignatureAlgorithm::rsa_sha2_256:
    case SignatureAlgorithm::rsa_sha2_512:
      return CKM_RSA_PKCS;
  }
  std::abort();
}

ByteVector token_input(SignatureAlgorithm algorithm, Bytes data) {
  switch (algorithm) {
    case SignatureAlgorithm::ed25519:
      return to_vector(data);
    case SignatureAlgorithm::ecdsa_p256:  // RFC 5656 section 6.2.1: the hash goes by the curve's size
      return crypto::hash(crypto::Digest::sha256, data);
    case SignatureAlgorithm::ecdsa_p384:
      return crypto::hash(crypto::Digest::sha384, data);
    case SignatureAlgorithm::ecdsa_p521:
      return crypto::hash(crypto::Digest::sha512, data);
    case SignatureAlgorithm::rsa_sha2_256:  // RFC 8332 section 3
      return digest_info(sha256_prefix, crypto::Digest::sha256, data);
    case SignatureAlgorithm::rsa_sha2_512:
      return digest_info(sha512_prefix, crypto::Digest::sha512, data);
  }
  std::abort();
}

std::size_t raw_signature_size(const keys::PublicKey& key) {
  const std::size_t octets = (static_cast<std::size_t>(key.bits()) + 7) / 8;
  return key.type() == keys::KeyType::rsa ? octets : 2 * octets;
}

TokenResult<ByteVector> blob_from_token(SignatureAlgorithm algorithm, const keys::PublicKey& key, Bytes raw) {
  const std::size_t size = raw_signature_size(key);
  ByteVector signature = to_vector(raw);
  if (key.type() == keys::KeyType::rsa && signature.size() < size) signature.insert(signature.begin(), size - signature.size(), 0);
  if (signature.size() != size) {
    return token_error(Remedy::permanent, fmt::format("C_Sign: {} octets where the key makes {}", raw.size(), size));
  }
  return keys::signature_blob(algorithm, signature);
}

}  // namespace gatehouse::pkcs11
