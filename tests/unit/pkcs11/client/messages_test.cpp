#include "pkcs11/client/messages.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::pkcs11 {
namespace {

using keys::SignatureAlgorithm;

const keys::PublicKey& some_key() {
  static const keys::PublicKey key = keys::PrivateKey::generate(keys::KeyType::ed25519).public_key();
  return key;
}

std::vector<Request> requests() {
  const ByteVector key = to_vector(some_key().blob());
  return {Hello{7},
          ListKeys{},
          AskHealth{},
          SignExchangeHash{key, SignatureAlgorithm::ed25519, ByteVector(32, 1)},
          SignExchangeHash{key, SignatureAlgorithm::rsa_sha2_512, ByteVector(64, 1)},
          SignHostKeysProof{key, SignatureAlgorithm::ecdsa_p384, ByteVector(48, 2)},
          SignSshsig{key, SignatureAlgorithm::ecdsa_p521, "gatehouse-host", ByteVector(64, 3)},
          SignCertificate{key, SignatureAlgorithm::ecdsa_p256, ByteVector(500, 4)},
          GenerateKey{keys::KeyType::rsa, 3072, "a label", {1, 2}},
          GenerateKey{keys::KeyType::ed25519, 0, "x", {}},
          ListObjects{"pkcs11:token=a"},
          DestroyKey{"pkcs11:token=a;object=b"}};
}

std::vector<Answer> answers() {
  Health health;
  health.rung = Rung::away;
  health.detail = "gone";
  health.since = 5;
  health.signatures = 6;
  health.refusals = 7;
  health.recoveries = 8;
  health.keys = {{"pkcs11:token=a;object=b", false, "not found"}, {"pkcs11:token=a;object=c", true, ""}};
  TokenObject object;
  object.uri = "pkcs11:token=a;object=b";
  object.label = "b";
  object.id = {9};
  object.key = some_key();
  object.kind = "ed25519";
  object.has_private = true;
  object.sensitive = true;
  object.extractable = false;
  TokenObject bare;
  bare.uri = "pkcs11:token=a";
  bare.kind = "unknown";
  return {Welcome{1, Purpose::ca},
          KeyList{{{"pkcs11:token=a;object=b", "b", some_key()}}},
          KeyList{},
          health,
          Signed{ByteVector(80, 1)},
          ObjectList{{object, bare}},
          Destroyed{2},
          SignerFault{FaultKind::refused, "no"}};
}

TEST(SignerRequest, SurvivesWritingAndReading) {
  for (const Request& request : requests()) {
    const auto parsed = parse_request(write_request(request));
    ASSERT_TRUE(parsed) << parsed.error().line();
    EXPECT_TRUE(*parsed == request) << "kind " << request.index();
  }
}

TEST(SignerAnswer, SurvivesWritingAndReading) {
  for (const Answer& answer : answers()) {
    const auto parsed = parse_answer(write_answer(answer));
    ASSERT_TRUE(parsed) << parsed.error().line();
    EXPECT_TRUE(*parsed == answer) << "kind " << answer.index();
  }
}

TEST(SignerRequest, IsRefusedWhenCutOrLongerAtAnyOctet) {
  for (const Request& request : requests()) {
    ByteVector whole = write_request(request);
    for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_request(Bytes(whole).first(size))) << size;
    whole.push_back(0);
    EXPECT_FALSE(parse_request(whole));
  }
}

TEST(SignerAnswer, IsRefusedWhenCutOrLongerAtAnyOctet) {
  for (const Answer& answer : answers()) {
    ByteVector whole = write_answer(answer);
    for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_answer(Bytes(whole).first(size))) << size;
    whole.push_back(0);
    EXPECT_FALSE(parse_answer(whole));
  }
}

struct BadRequest {
  const char* name;
  Request request;
};
class RefusedRequest : public testing::TestWithParam<BadRequest> {};
TEST_P(RefusedRequest, ByItsBounds) { EXPECT_FALSE(parse_request(write_request(GetParam().request))); }

INSTANTIATE_TEST_SUITE_P(
    Bounds, RefusedRequest,
    testing::Values(BadRequest{"HashOf31Octets", SignExchangeHash{{1}, SignatureAlgorithm::ed25519, ByteVector(31)}},
                    BadRequest{"HashOf33Octets", SignExchangeHash{{1}, SignatureAlgorithm::ed25519, ByteVector(33)}},
                    BadRequest{"NoKey", SignExchangeHash{{}, SignatureAlgorithm::ed25519, ByteVector(32)}},
                    BadRequest{"KeyTooLong",
                               SignExchangeHash{ByteVector(keys::max_key_blob + 1), SignatureAlgorithm::ed25519, ByteVector(32)}},
                    BadRequest{"SessionIdOf20Octets", SignHostKeysProof{{1}, SignatureAlgorithm::ed25519, ByteVector(20)}},
                    BadRequest{"NoNamespace", SignSshsig{{1}, SignatureAlgorithm::ed25519, "", ByteVector(64)}},
                    BadRequest{"NamespaceWithNul", SignSshsig{{1}, SignatureAlgorithm::ed25519, std::string("a\0b", 3), ByteVector(64)}},
                    BadRequest{"NamespaceTooLong", SignSshsig{{1}, SignatureAlgorithm::ed25519, std::string(65, 'a'), ByteVector(64)}},
                    BadRequest{"Sha256ForSshsig", SignSshsig{{1}, SignatureAlgorithm::ed25519, "a", ByteVector(32)}},
                    BadRequest{"CertificateTooLong", SignCertificate{{1}, SignatureAlgorithm::ed25519, ByteVector(max_to_be_signed + 1)}},
                    BadRequest{"RsaOf1024Bits", GenerateKey{keys::KeyType::rsa, 1024, "a", {}}},
                    BadRequest{"Ed25519WithBits", GenerateKey{keys::KeyType::ed25519, 3072, "a", {}}},
                    BadRequest{"NoLabel", GenerateKey{keys::KeyType::ed25519, 0, "", {}}},
                    BadRequest{"IdTooLong", GenerateKey{keys::KeyType::ed25519, 0, "a", ByteVector(256)}},
                    BadRequest{"NoUri", DestroyKey{""}}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(SignerRequest, RefusesSshRsa) {
  WireWriter out;
  out.byte(10).string(ByteVector{1}).string("ssh-rsa").string(ByteVector(32));
  EXPECT_FALSE(parse_request(out.view()));
}

TEST(SignerAnswer, CutsTextsForAPerson) {
  const auto parsed = parse_answer(write_answer(SignerFault{FaultKind::failed, std::string(100000, 'a')}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<SignerFault>(*parsed).detail.size(), 4096U);
}

TEST(SignerAnswer, NeverSaysUnreachable) {
  WireWriter out;
  out.byte(255).byte(static_cast<std::uint8_t>(FaultKind::unreachable)).string("x");
  EXPECT_FALSE(parse_answer(out.view()));
}

}  // namespace
}  // namespace gatehouse::pkcs11
