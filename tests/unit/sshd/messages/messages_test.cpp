#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "sshd/messages/preauth.h"
#include "sshd/messages/session.h"

namespace gatehouse::sshd::message {
namespace {

authorizer::ExchangeHash inputs() {
  authorizer::ExchangeHash result;
  result.method = "curve25519-sha256";
  result.client_version = "SSH-2.0-a";
  result.server_version = "SSH-2.0-b";
  result.client_kexinit = ByteVector(100, 20);
  result.server_kexinit = ByteVector(100, 20);
  result.host_key = ByteVector(51, 1);
  result.client_public = ByteVector(32, 2);
  result.server_public = ByteVector(32, 3);
  result.shared_secret = SecretBytes::copy_of(WireWriter().mpint(ByteVector(32, 0x7f)).view());
  return result;
}

template <class T>
T through_preauth(const T& sent) {
  auto parsed = parse_preauth_request(write(sent));
  EXPECT_TRUE(parsed);
  return std::get<T>(*parsed);
}

template <class T>
T through_session(const T& sent) {
  auto parsed = parse_session_request(write(sent));
  EXPECT_TRUE(parsed);
  return std::get<T>(*parsed);
}

TEST(Messages, OfPreauthComeBackAsTheyWere) {
  const SelectUser user{"alice"};
  EXPECT_EQ(through_preauth(user), user);
  const AttemptFailed failed{"unsupported_algorithm", "ssh-dss"};
  EXPECT_EQ(through_preauth(failed), failed);
  const PeerFacts facts{"SSH-2.0-x", "curve25519-sha256", "aes128-ctr", "hmac-sha2-256", true, "closed by the peer"};
  EXPECT_EQ(through_preauth(facts), facts);
  Authenticate key;
  key.request.user = "alice";
  key.request.service = "ssh-connection";
  key.request.algorithm = "ssh-ed25519-cert-v01@openssh.com";
  key.request.public_key = ByteVector(400, 7);
  key.request.signature = ByteVector(80, 9);
  EXPECT_EQ(through_preauth(key), key);
}

TEST(Messages, OfASessionComeBackAsTheyWere) {
  EXPECT_EQ(through_session(OpenTerminal{7}), OpenTerminal{7});
  EXPECT_EQ(through_session(CloseTerminal{7}), CloseTerminal{7});
  const ProgramStarted started{1, ProgramStarted::Kind::subsystem, "sftp", true, false, 4711};
  EXPECT_EQ(through_session(started), started);
  const ProgramEnded ended{1, true, 9, 1ULL << 40, 3};
  EXPECT_EQ(through_session(ended), ended);
  const SftpOperation operation{1, "rename", "/from", "/to", false, 1ULL << 40, 3, 13};
  EXPECT_EQ(through_session(operation), operation);
}

TEST(Messages, TheInputsOfTheExchangeHashPassUnchanged) {
  const SecretBytes frame = write(SignExchange{"ssh-ed25519", inputs()});
  for (const bool preauth : {true, false}) {
    SignExchange got;
    if (preauth) {
      auto parsed = parse_preauth_request(frame.reveal());
      ASSERT_TRUE(parsed);
      got = std::move(std::get<SignExchange>(*parsed));
    } else {
      auto parsed = parse_session_request(frame.reveal());
      ASSERT_TRUE(parsed);
      got = std::move(std::get<SignExchange>(*parsed));
    }
    EXPECT_EQ(got.host_key_algorithm, "ssh-ed25519");
    EXPECT_TRUE(equal(authorizer::write(got.inputs).reveal(), authorizer::write(inputs()).reveal()));
  }
}

TEST(Messages, AnswersComeBackAsTheyWere) {
  const Cookie cookie{ByteVector(16, 5)};
  EXPECT_EQ(*parse_cookie(write(cookie)), cookie);
  const SignedExchange made{ByteVector(32, 1), ByteVector(83, 2)};
  EXPECT_EQ(*parse_signed_exchange(write(made)), made);
  const UserSettings settings{{"ssh-ed25519-cert-v01@openssh.com"}, 3, "Hello\n"};
  EXPECT_EQ(*parse_user_settings(write(settings)), settings);
  for (const auto word : {Answer::Word::refused, Answer::Word::acceptable, Answer::Word::granted}) {
    EXPECT_EQ(parse_answer(write(Answer{word}))->word, word);
  }
  const Terminal with{"/dev/pts/3", Terminal::LastLogin{1700000000, "192.0.2.1"}};
  EXPECT_EQ(*parse_terminal(write(with)), with);
  const Terminal without{"/dev/pts/3", std::nullopt};
  EXPECT_EQ(*parse_terminal(write(without)), without);
  EXPECT_EQ(std::get<Warn>(*parse_notice(write(Warn{"soon"}))), Warn{"soon"});
  EXPECT_EQ(std::get<Close>(*parse_notice(write(Close{"now"}))), Close{"now"});
}

TEST(Messages, DeniedIsNoAnswerOfAnyKind) {
  const ByteVector denied = write(Denied{});
  EXPECT_FALSE(parse_cookie(denied));
  EXPECT_FALSE(parse_signed_exchange(denied));
  EXPECT_FALSE(parse_answer(denied));
  EXPECT_FALSE(parse_terminal(denied));
  EXPECT_FALSE(parse_user_settings(denied));
}

TEST(Messages, OneFamilyIsNothingToTheOther) {
  EXPECT_FALSE(parse_session_request(write(SelectUser{"alice"})));
  EXPECT_FALSE(parse_preauth_request(write(OpenTerminal{1})));
  EXPECT_FALSE(parse_preauth_request(write(Answer{Answer::Word::granted}))) << "an answer is no request";
  EXPECT_FALSE(parse_preauth_request(write(Cookie{ByteVector(16, 1)})));
  EXPECT_FALSE(parse_preauth_request({}));
}

TEST(Messages, NothingMayBeMissingOrLeftOver) {
  const ByteVector whole = write(ProgramStarted{1, ProgramStarted::Kind::exec, "ls", false, true, 2});
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_session_request(Bytes(whole).first(size))) << size;
  ByteVector longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parse_session_request(longer));
}

TEST(Messages, PreauthCannotSayWhatOnlyTheMonitorKnows) {
  for (int field = 0; field < 3; ++field) {
    Authenticate key;
    key.request.user = "alice";
    if (field == 0) key.request.account_exists = true;
    if (field == 1) key.request.groups = {"wheel"};
    if (field == 2) key.request.principals_file = ByteVector{'a'};
    EXPECT_FALSE(parse_preauth_request(write(key))) << field;
  }
}

TEST(Messages, TextForTheLogHasNoControlCharacters) {
  EXPECT_FALSE(parse_preauth_request(write(AttemptFailed{"bad_user_name", "a\nb"})));
  EXPECT_FALSE(parse_preauth_request(write(AttemptFailed{"Bad reason", ""})));
  EXPECT_FALSE(parse_preauth_request(write(AttemptFailed{"", ""})));
  PeerFacts facts;
  facts.ended = "a\x1b[2J";
  EXPECT_FALSE(parse_preauth_request(write(facts)));
}

TEST(Messages, CommandsAreCutAndUserNamesBounded) {
  ProgramStarted started;
  started.command = std::string(10000, 'x');
  const auto parsed = parse_session_request(write(started));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<ProgramStarted>(*parsed).command.size(), ProgramStarted::max_command);
  EXPECT_FALSE(parse_preauth_request(write(SelectUser{std::string(256, 'a')})));
}

}  // namespace
}  // namespace gatehouse::sshd::message
