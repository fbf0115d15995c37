#include <gtest/gtest.h>

#include "ca/api/answer.h"
#include "ca/api/problem_document.h"
#include "ca/api/trust_bundle.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::ca {
namespace {

TEST(Rfc9457Problem, WritesTypeTitleStatusAndDetail) {
  EXPECT_EQ(write_problem_document({ProblemType::not_authorized, "no role's group contains bob", "01ab", {}}),
            R"({"type":"urn:gatehouse:problem:not-authorized","title":"Not authorized","status":403,)"
            R"("detail":"no role's group contains bob","request_id":"01ab"})");
}

TEST(Rfc9457Problem, EveryTypeSurvivesWritingAndReading) {
  for (int value = 0; value <= static_cast<int>(ProblemType::ca_unavailable); ++value) {
    const auto type = static_cast<ProblemType>(value);
    ASSERT_EQ(problem_by_word(problem_word(type)), type);
    const auto again = parse_problem_document(write_problem_document({type, "why", "id", {}}));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->type, type);
    EXPECT_EQ(again->detail, "why");
    EXPECT_EQ(again->request_id, "id");
    EXPECT_GE(problem_status(type), 400U);
  }
}

TEST(Rfc9457Problem, MayHaveNoDetail) {
  const auto again = parse_problem_document(write_problem_document({ProblemType::not_found, "", "", {}}));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->detail, "");
}

TEST(Rfc9457Problem, ATypeThatWeDoNotKnowKeepsItsWords) {
  const auto document =
      parse_problem_document(R"({"type":"https://example.org/out-of-credit","title":"No credit","detail":"30","balance":30})");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->type, ProblemType::internal);
  EXPECT_EQ(document->detail, "No credit: 30");
}

TEST(CertificateAnswer, WritesSerialsAsTexts) {
  CertificateAnswer answer;
  answer.certificate = "ssh-ed25519-cert-v01@openssh.com AAAA";
  answer.request_id = "id";
  answer.serial = 18446744073709551615U;
  answer.key_id = "user=alice";
  answer.role = "user";
  answer.principals = {"alice"};
  answer.valid_after = 1;
  answer.valid_before = 2;
  answer.session_end = 3;
  const std::string json = write_answer(answer);
  EXPECT_NE(json.find(R"("serial":"18446744073709551615")"), std::string::npos);
  const auto again = parse_certificate_answer(json);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(*again, answer);
}

TEST(HealthAnswer, IsUpWhenAllPartsAre) {
  HealthAnswer answer{{{"directory", true, ""}, {"token", false, "away"}}};
  EXPECT_FALSE(answer.up());
  const auto again = parse_health_answer(write_answer(answer));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, answer);
  answer.parts[1].up = true;
  EXPECT_TRUE(answer.up());
}

TEST(TrustBundle, SurvivesWritingAndReading) {
  const auto key = [] { return keys::PrivateKey::generate(keys::KeyType::ed25519).public_key(); };
  TrustBundle bundle;
  bundle.version = 18446744073709551615U;
  bundle.issued = 10;
  bundle.expires = 20;
  bundle.ca_id = "example";
  bundle.user_ca = {key(), key()};
  bundle.host_ca = {key()};
  bundle.trust_keys = {key()};
  const auto again = parse_trust_bundle(write_trust_bundle(bundle));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->version, bundle.version);
  EXPECT_EQ(again->user_ca, bundle.user_ca);
  EXPECT_EQ(again->host_ca, bundle.host_ca);
  EXPECT_EQ(again->trust_keys, bundle.trust_keys);
  EXPECT_EQ(again->krl_path, "/v1/krl");
}

TEST(TrustBundle, RefusesABundleWithoutTrustKey) {
  TrustBundle bundle;
  bundle.version = 1;
  bundle.ca_id = "example";
  EXPECT_FALSE(parse_trust_bundle(write_trust_bundle(bundle)));
}

TEST(TrustBundle, RefusesWhatIsNoKey) {
  EXPECT_FALSE(parse_trust_bundle(
      R"({"version":"1","issued":1,"expires":2,"ca_id":"x","user_ca":["ssh-ed25519 AAAA"],"host_ca":[],"trust_keys":[],"krl":{"path":"/v1/krl"}})"));
}

}  // namespace
}  // namespace gatehouse::ca
