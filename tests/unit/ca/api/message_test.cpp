#include "ca/api/message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "ca/api/message_socket.h"

namespace gatehouse::ca {
namespace {

AskSigned signed_ask() {
  AskSigned ask;
  ask.action = Action::host_certificate;
  ask.caller = {"192.0.2.1", ByteVector(channel_size, 7)};
  ask.envelope = {{1, 2, 3}, {4, 5}, {}};
  return ask;
}

std::vector<Answer> every_answer() {
  CertificateAnswer certificate;
  certificate.certificate = "ssh-ed25519-cert-v01@openssh.com AAAA x";
  certificate.request_id = "0123";
  certificate.serial = 18446744073709551615U;
  certificate.key_id = "user=alice";
  certificate.role = "user";
  certificate.principals = {"alice", "deploy"};
  certificate.valid_after = 5;
  certificate.valid_before = 6;
  CertificateAnswer renewable = certificate;
  renewable.session_end = 7;
  return {{NonceAnswer{"n", 300, "example"}, {}},
          {certificate, {}},
          {renewable, {}},
          {RevocationAnswer{"id", 9}, {}},
          {SignedDocument{ByteVector(2'000'000, 1), {2}, "9-8"}, {}},
          {NotModified{}, {}},
          {HealthAnswer{{{"token", false, "away"}, {"ledger", true, ""}}}, {}},
          {ProblemDocument{ProblemType::directory_unavailable, "down", "id", std::chrono::seconds(5)}, std::chrono::milliseconds(123)}};
}

TEST(FrontMessages, EveryQuestionSurvivesWritingAndReading) {
  for (const Ask& ask : {Ask(AskNonce{}), Ask(signed_ask()), Ask(AskTrust{}), Ask(AskKrl{"9-8"}), Ask(AskHealth{})}) {
    const auto again = parse_ask(write_ask(ask));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, ask);
  }
}

TEST(FrontMessages, EveryAnswerSurvivesWritingAndReading) {
  for (const Answer& answer : every_answer()) {
    const auto again = parse_issuer_answer(write_issuer_answer(answer));
    ASSERT_TRUE(again) << answer.content.index();
    EXPECT_EQ(*again, answer) << answer.content.index();
  }
}

TEST(FrontMessages, RefuseEveryTruncationAndOneOctetMore) {
  const ByteVector whole = write_ask(signed_ask());
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_ask(Bytes(whole).first(size))) << size;
  ByteVector longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parse_ask(longer));
}

TEST(FrontMessages, RefuseAnUnknownActionAndKind) {
  ByteVector octets = write_ask(signed_ask());
  octets[1] = 3;
  EXPECT_FALSE(parse_ask(octets));
  octets[1] = 0;
  octets[0] = 99;
  EXPECT_FALSE(parse_ask(octets));
  EXPECT_FALSE(parse_ask({}));
}

TEST(FrontMessages, RefuseAnOversizedRequest) {
  AskSigned ask = signed_ask();
  ask.envelope.request.resize(max_request_size + 1);
  EXPECT_FALSE(parse_ask(write_ask(ask)));
}

class MessageSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/issuer-" + std::to_string(::getpid()) + ".sock";
    auto listener = listen_unix(path_, 0600);
    ASSERT_TRUE(listener) << listener.error().line();
    listener_ = std::move(*listener);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  FrontConnection accept() { return FrontConnection(FrameSocket(UniqueFd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC)))); }

  static constexpr std::chrono::milliseconds limit{5000};
  std::string path_;
  UniqueFd listener_;
};

TEST_F(MessageSocketTest, CarriesAPasswordBesideTheQuestionAndALongAnswer) {
  const std::vector<Answer> answers = every_answer();
  std::thread issuer([&] {
    FrontConnection front = accept();
    ASSERT_TRUE(front.greet(limit));
    for (const Answer& answer : answers) {
      const auto question = front.next(limit);
      ASSERT_TRUE(question) << question.error().line();
      EXPECT_EQ(std::get<AskSigned>(question->ask), signed_ask());
      ASSERT_TRUE(question->password);
      EXPECT_EQ(question->password->user, "alice");
      EXPECT_EQ(question->password->secret.reveal_text(), "secret");
      ASSERT_TRUE(front.answer(answer, limit));
    }
    const auto without = front.next(limit);
    ASSERT_TRUE(without);
    EXPECT_FALSE(without->password);
    EXPECT_TRUE(front.answer(answers.front(), limit));
  });
  auto connection = IssuerConnection::connect(path_, limit);
  ASSERT_TRUE(connection) << connection.error().line();
  std::optional<Password> password(Password{"alice", SecretBytes::copy_of(as_bytes("secret"))});
  for (const Answer& expected : answers) {
    EXPECT_TRUE(connection->alive());
    const auto answer = connection->ask(signed_ask(), password, limit);
    ASSERT_TRUE(answer) << answer.error().line();
    EXPECT_EQ(*answer, expected);
  }
  EXPECT_TRUE(connection->ask(AskHealth{}, std::nullopt, limit));
  issuer.join();
  EXPECT_FALSE(connection->alive());
}

TEST_F(MessageSocketTest, RefusesAnotherVersion) {
  std::thread issuer([&] {
    FrontConnection front = accept();
    EXPECT_FALSE(front.greet(limit));
  });
  auto socket = FrameSocket::connect(path_, limit);
  ASSERT_TRUE(socket);
  const ByteVector other{0, 0, 0, 99};
  ASSERT_TRUE(socket->send(other, limit));
  issuer.join();
}

}  // namespace
}  // namespace gatehouse::ca
