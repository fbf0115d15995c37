#include "pkcs11/client/remote_signer.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::pkcs11 {
namespace {

constexpr auto algorithm = keys::SignatureAlgorithm::ed25519;

class RequestFor : public testing::Test {
 protected:
  keys::PrivateKey key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  Bytes blob() const { return key.public_key().blob(); }
  SignerResult<Request> of(Bytes data) { return request_for(blob(), algorithm, data); }
};

TEST_F(RequestFor, KnowsAnExchangeHashByItsLength) {
  for (const std::size_t size : {32, 48, 64}) {
    const auto request = of(ByteVector(size, 7));
    ASSERT_TRUE(request);
    EXPECT_EQ(std::get<SignExchangeHash>(*request).hash, ByteVector(size, 7));
  }
}

TEST_F(RequestFor, KnowsTheOctetsUnderAnSshsig) {
  const ByteVector octets = keys::sshsig_to_be_signed("gatehouse-krl", as_bytes("message"));
  const auto request = of(octets);
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<SignSshsig>(*request).name_space, "gatehouse-krl");
  EXPECT_EQ(std::get<SignSshsig>(*request).key, to_vector(blob()));
}

TEST_F(RequestFor, KnowsAHostKeysProofOfItsOwnKeyOnly) {
  WireWriter own;
  own.string("hostkeys-prove-00@openssh.com").string(ByteVector(32, 1)).string(blob());
  const auto request = of(own.view());
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<SignHostKeysProof>(*request).session_id, ByteVector(32, 1));

  const keys::PrivateKey other = keys::PrivateKey::generate(keys::KeyType::ed25519);
  WireWriter foreign;
  foreign.string("hostkeys-prove-00@openssh.com").string(ByteVector(32, 1)).string(other.public_key().blob());
  EXPECT_FALSE(of(foreign.view()));
}

TEST_F(RequestFor, KnowsACertificate) {
  keys::CertificateFields fields;
  fields.serial = 1;
  fields.principals = {"alice"};
  fields.valid_before = 100;
  const ByteVector octets = keys::certificate_to_be_signed(key.public_key(), fields, ByteVector(32, 1), key.public_key());
  const auto request = of(octets);
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<SignCertificate>(*request).to_be_signed, octets);
}

TEST_F(RequestFor, RefusesAllElse) {
  EXPECT_FALSE(of({}));
  EXPECT_FALSE(of(ByteVector(33)));
  EXPECT_FALSE(of(as_bytes("SSHSIG but then something that is no SSHSIG at all")));
  ByteVector longer = keys::sshsig_to_be_signed("gatehouse-krl", as_bytes("message"));
  longer.push_back(0);
  EXPECT_FALSE(of(longer));
}

}  // namespace
}  // namespace gatehouse::pkcs11
