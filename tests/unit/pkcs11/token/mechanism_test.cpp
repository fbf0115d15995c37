#include "pkcs11/token/mechanism.h"

#include <gtest/gtest.h>

#include "protocol/crypto/digest.h"

namespace gatehouse::pkcs11 {
namespace {

using keys::SignatureAlgorithm;

TEST(TokenInput, HashesByTheCurve) {  // RFC 5656 section 6.2.1
  const ByteVector data = to_vector(as_bytes("abc"));
  EXPECT_EQ(hex(token_input(SignatureAlgorithm::ecdsa_p256, Hashing::ours, data)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(token_input(SignatureAlgorithm::ecdsa_p384, Hashing::ours, data).size(), 48U);
  EXPECT_EQ(token_input(SignatureAlgorithm::ecdsa_p521, Hashing::ours, data).size(), 64U);
}

TEST(TokenInput, IsADigestInfoForRsa) {  // RFC 8017 section 9.2, note 1
  const std::string sha256 = hex(token_input(SignatureAlgorithm::rsa_sha2_256, Hashing::ours, as_bytes("abc")));
  EXPECT_EQ(sha256, "3031300d060960864801650304020105000420ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string sha512 = hex(token_input(SignatureAlgorithm::rsa_sha2_512, Hashing::ours, as_bytes("abc")));
  EXPECT_EQ(sha512.substr(0, 38), "3051300d060960864801650304020305000440");
  EXPECT_EQ(sha512.size(), 2 * (19U + 64U));
}

TEST(TokenInput, IsTheDataForEd25519) {
  EXPECT_EQ(as_text(token_input(SignatureAlgorithm::ed25519, Hashing::ours, as_bytes("abc"))), "abc");
}

TEST(TokenInput, IsTheDataForATokenThatHashes) {
  EXPECT_EQ(as_text(token_input(SignatureAlgorithm::ecdsa_p256, Hashing::in_token, as_bytes("abc"))), "abc");
  EXPECT_EQ(mechanism_of(SignatureAlgorithm::ecdsa_p384, Hashing::in_token), CKM_ECDSA_SHA384);
  EXPECT_EQ(mechanism_of(SignatureAlgorithm::rsa_sha2_256, Hashing::in_token), CKM_SHA256_RSA_PKCS);
}

TEST(TokenSignature, ShortRsaGetsItsZerosBack) {  // some modules drop leading zero octets
  ByteVector modulus(256, 0xff);
  const auto key = keys::PublicKey::from_rsa(ByteVector{1, 0, 1}, modulus);
  ASSERT_TRUE(key);
  const auto blob = blob_from_token(SignatureAlgorithm::rsa_sha2_256, *key, ByteVector(254, 7));
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->size(), 4 + 12 + 4 + 256U);
  EXPECT_EQ(hex(Bytes(*blob).last(256).first(3)), "000007");
  EXPECT_FALSE(blob_from_token(SignatureAlgorithm::rsa_sha2_256, *key, ByteVector(257, 7)));
}

TEST(TokenSignature, OfAnotherLengthIsRefused) {
  const auto key = keys::PublicKey::from_ed25519(*unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  ASSERT_TRUE(key);
  EXPECT_TRUE(blob_from_token(SignatureAlgorithm::ed25519, *key, ByteVector(64)));
  EXPECT_FALSE(blob_from_token(SignatureAlgorithm::ed25519, *key, ByteVector(63)));
  EXPECT_FALSE(blob_from_token(SignatureAlgorithm::ed25519, *key, ByteVector(0)));
}

}  // namespace
}  // namespace gatehouse::pkcs11
