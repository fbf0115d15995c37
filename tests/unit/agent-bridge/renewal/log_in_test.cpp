#include "agent-bridge/renewal/log_in.h"

#include <gtest/gtest.h>

namespace gatehouse::agent {
namespace {

keys::Certificate certificate_until(const keys::PublicKey& subject, std::uint64_t before) {
  keys::PrivateKey ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::CertificateFields fields;
  fields.serial = before;
  fields.principals = {"alice"};
  fields.valid_after = 0;
  fields.valid_before = before;
  const ByteVector signed_octets = keys::certificate_to_be_signed(subject, fields, ByteVector(32, 1), ca.public_key());
  return *keys::Certificate::parse(keys::assemble_certificate(signed_octets, *ca.sign(keys::SignatureAlgorithm::ed25519, signed_octets)));
}

class LogInTest : public testing::Test {
 protected:
  LogInTest() { log_in_.key = std::make_shared<keys::PrivateKey>(keys::PrivateKey::generate(keys::KeyType::ed25519)); }
  void take(std::uint64_t now, std::uint64_t before, std::uint64_t session_end, double spread = 0) {
    log_in_.take({certificate_until(log_in_.key->public_key(), before), "role", session_end}, now, spread);
  }
  LogIn log_in_;
};

TEST_F(LogInTest, RenewsAtTwoThirdsOfItsLifeAtTheLatest) {
  take(10000, 13000, 50000);
  EXPECT_EQ(log_in_.next_renewal, 12000u);
  take(10000, 13000, 50000, 1.0);
  EXPECT_EQ(log_in_.next_renewal, 11700u);
  EXPECT_FALSE(log_in_.wants_renewal(11699));
  EXPECT_TRUE(log_in_.wants_renewal(11700));
}

TEST_F(LogInTest, DoesNotRenewWhereTheSessionEndsWithTheCertificate) {
  take(10000, 13000, 13000);
  EXPECT_EQ(log_in_.next_renewal, 0u);
  take(10000, 13000, 0);
  EXPECT_FALSE(log_in_.wants_renewal(12999));
  EXPECT_FALSE(log_in_.over(12999));
  EXPECT_TRUE(log_in_.over(13000));
}

TEST_F(LogInTest, WaitsLongerAfterEachFailureAndForgetsThemAfterASuccess) {
  take(10000, 13000, 50000);
  std::uint64_t before = 0;
  for (int i = 0; i < 8; ++i) {
    log_in_.failed("away", false, 12000, 1.0);
    const std::uint64_t wait = log_in_.next_renewal - 12000;
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, 301u);
    before = wait;
  }
  EXPECT_GE(before, 299u);
  EXPECT_EQ(log_in_.last_problem, "away");
  take(12000, 15000, 50000);
  EXPECT_EQ(log_in_.failures, 0);
  EXPECT_TRUE(log_in_.last_problem.empty());
}

TEST_F(LogInTest, AnEndedCertificateCanComeBackUntilTheSessionEnds) {
  take(10000, 13000, 50000);
  EXPECT_TRUE(log_in_.wants_renewal(20000));
  EXPECT_FALSE(log_in_.over(20000));
  EXPECT_FALSE(log_in_.wants_renewal(50000));
  EXPECT_TRUE(log_in_.over(50000));
}

TEST_F(LogInTest, AClockThatIsAheadCausesNoStormOfRenewals) {
  take(20000, 13000, 50000);
  EXPECT_GE(log_in_.next_renewal, 20008u);
  const std::uint64_t first = log_in_.next_renewal - 20000;
  take(20000, 13000, 50000);
  take(20000, 13000, 50000);
  EXPECT_GT(log_in_.next_renewal - 20000, first);
  EXPECT_NE(log_in_.last_problem.find("clock"), std::string::npos);
  take(20000, 20003, 50000);
  EXPECT_EQ(log_in_.next_renewal, 20010u);
}

TEST_F(LogInTest, ARefusalOfTheCaIsFinal) {
  take(10000, 13000, 50000);
  log_in_.failed("session ended", true, 12000, 0);
  EXPECT_FALSE(log_in_.wants_renewal(13000));
  EXPECT_TRUE(log_in_.over(13000));
}

}  // namespace
}  // namespace gatehouse::agent
