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

CK_MECHANISM_TYPE mechanism_of(SignatureAlgorithm algorithm, Hashing hashing) {
  const bool ours = hashing == Hashing::ours;
  switch (algorithm) {
    case SignatureAlgorithm::ed25519:
      return CKM_EDDSA;
    case SignatureAlgorithm::ecdsa_p256:
      return ours ? CKM_ECDSA : CKM_ECDSA_SHA256;
    case SignatureAlgorithm::ecdsa_p384:
      return ours ? CKM_ECDSA : CKM_ECDSA_SHA384;
    case SignatureAlgorithm::ecdsa_p521:
      return ours ? CKM_ECDSA : CKM_ECDSA_SHA512;
    case SignatureAlgorithm::rsa_sha2_256:
      return ours ? CKM_RSA_PKCS : CKM_SHA256_RSA_PKCS;
    case SignatureAlgorithm::rsa_sha2_512:
      return ours ? CKM_RSA_PKCS : CKM_SHA512_RSA_PKCS;
  }
  std::abort();
}

ByteVector token_input(SignatureAlgorithm algorithm, Hashing hashing, Bytes data) {
  if (hashing == Hashing::in_token) return to_vector(data);
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

TokenResult<Hashing> hashing_for(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, keys::KeyType type) {
  for (const Hashing hashing : {Hashing::ours, Hashing::in_token}) {
    CK_MECHANISM_INFO info{};
    const CK_RV code = functions.C_GetMechanismInfo(slot, mechanism_of(keys::preferred_signature(type), hashing), &info);
    if (code == CKR_OK && (info.flags & CKF_SIGN) != 0) return hashing;
    if (code != CKR_OK && code != CKR_MECHANISM_INVALID) return call_failed("C_GetMechanismInfo", code);
  }
  return token_error(Remedy::permanent, fmt::format("the token cannot sign with keys of type {}", keys::key_blob_name(type)));
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
