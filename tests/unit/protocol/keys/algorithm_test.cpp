#include "protocol/keys/algorithm.h"

#include <gtest/gtest.h>

namespace gatehouse::keys {
namespace {

constexpr KeyType all_types[] = {KeyType::ed25519, KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ecdsa_p521, KeyType::rsa};

TEST(KeyType, IsFoundByItsNames) {
  for (const KeyType type : all_types) {
    EXPECT_EQ(key_type_by_blob_name(key_blob_name(type)), type);
    EXPECT_EQ(key_type_by_certificate_blob_name(certificate_blob_name(type)), type);
    // One is never taken for the other.
    EXPECT_EQ(key_type_by_certificate_blob_name(key_blob_name(type)), std::nullopt);
    EXPECT_EQ(key_type_by_blob_name(certificate_blob_name(type)), std::nullopt);
  }
  EXPECT_EQ(key_blob_name(KeyType::rsa), "ssh-rsa");
  EXPECT_EQ(certificate_blob_name(KeyType::rsa), "ssh-rsa-cert-v01@openssh.com");
}

TEST(KeyType, OfUnknownNamesIsNone) {
  for (const char* name : {"", "ssh-dss", "ssh-ed448", "sk-ssh-ed25519@openssh.com", "rsa-sha2-512", "ssh-rsa ", "SSH-RSA", "ssh-rs"}) {
    EXPECT_EQ(key_type_by_blob_name(name), std::nullopt) << name;
  }
  EXPECT_EQ(key_type_by_certificate_blob_name("rsa-sha2-512-cert-v01@openssh.com"), std::nullopt);
}

TEST(SignatureAlgorithm, BelongsToOneKeyType) {
  for (const KeyType type : all_types) {
    EXPECT_EQ(signatures_of(type).front(), preferred_signature(type));
    for (const SignatureAlgorithm algorithm : signatures_of(type)) {
      EXPECT_EQ(key_type_of(algorithm), type);
      EXPECT_EQ(signature_by_name(signature_name(algorithm)), algorithm);
    }
  }
  EXPECT_EQ(signatures_of(KeyType::rsa).size(), 2u);
  EXPECT_EQ(preferred_signature(KeyType::rsa), SignatureAlgorithm::rsa_sha2_512);
}

TEST(SignatureAlgorithm, IsNeverSha1) {
  EXPECT_EQ(signature_by_name("ssh-rsa"), std::nullopt);
  EXPECT_EQ(signature_by_name("ssh-dss"), std::nullopt);
  EXPECT_EQ(signature_by_name(""), std::nullopt);
  EXPECT_EQ(public_key_algorithm_by_name("ssh-rsa"), std::nullopt);
  EXPECT_EQ(public_key_algorithm_by_name("ssh-rsa-cert-v01@openssh.com"), std::nullopt);
}

TEST(Rfc5656Section6, SizesTheHashByTheCurve) {
  EXPECT_EQ(signature_digest(SignatureAlgorithm::ecdsa_p256), crypto::Digest::sha256);
  EXPECT_EQ(signature_digest(SignatureAlgorithm::ecdsa_p384), crypto::Digest::sha384);
  EXPECT_EQ(signature_digest(SignatureAlgorithm::ecdsa_p521), crypto::Digest::sha512);
  EXPECT_EQ(signature_digest(SignatureAlgorithm::ed25519), std::nullopt);
}

TEST(PublicKeyAlgorithm, IsFoundByItsNameAndOrderedAsInOpenSsh) {
  EXPECT_EQ(public_key_algorithm_by_name("rsa-sha2-512-cert-v01@openssh.com"),
            (PublicKeyAlgorithm{SignatureAlgorithm::rsa_sha2_512, true}));
  EXPECT_EQ(public_key_algorithm_by_name("rsa-sha2-256"), (PublicKeyAlgorithm{SignatureAlgorithm::rsa_sha2_256, false}));
  EXPECT_EQ(all_public_key_algorithms().size(), 12u);
  bool plain_seen = false;
  for (const PublicKeyAlgorithm& algorithm : all_public_key_algorithms()) {
    EXPECT_EQ(public_key_algorithm_by_name(public_key_algorithm_name(algorithm)), algorithm);
    EXPECT_FALSE(plain_seen && algorithm.certificate) << "certificates come first";
    plain_seen = plain_seen || !algorithm.certificate;
  }
}

}  // namespace
}  // namespace gatehouse::keys
