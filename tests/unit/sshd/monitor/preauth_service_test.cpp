/// What a preauth process can get out of its monitor, one that was taken over too.
#include "sshd/monitor/preauth_service.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>

#include "parts.h"

namespace gatehouse::sshd {
namespace {

using Word = message::Answer::Word;

class PreauthServiceTest : public test::MonitorParts {
 protected:
  void TearDown() override {
    socket_.close();
    if (end_.valid()) end_.wait();
    MonitorParts::TearDown();
  }
  /// A connection after its first key exchange, as a preauth process sees it.
  void connect(const std::string& configuration) {
    configure(configuration);
    auto sockets = FrameSocket::pair();
    ASSERT_TRUE(sockets);
    service_.emplace(*image_, ConnectionFacts{}, *audit_, *keys_, std::move(sockets->second));
    end_ = std::async(std::launch::async, [this] { return service_->run(std::nullopt); });
    socket_ = std::move(sockets->first);
    tell(message::write(message::SignExchange{"ssh-ed25519", test::exchange(test::cookie(1), test::host_key())}).reveal());
    const auto frame = answer();
    ASSERT_TRUE(frame);
    const auto made = message::parse_signed_exchange(frame->payload);
    ASSERT_TRUE(made);
    session_id_ = made->hash;
  }
  void tell(Bytes frame) { (void)socket_.send(frame, std::chrono::seconds(10)); }
  /// @return nothing when the monitor is done with us: it would kill us now
  std::optional<Frame> answer() {
    pollfd entry{socket_.fd(), POLLIN, 0};
    while (poll(&entry, 1, 10) == 0) {
      if (end_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return std::nullopt;
    }
    auto frame = socket_.receive(std::chrono::seconds(10));
    return frame ? std::optional(std::move(*frame)) : std::nullopt;
  }
  void select(const std::string& user) {
    tell(message::write(message::SelectUser{user}));
    ASSERT_TRUE(answer());
  }
  /// Asks with a signature over `id`. @return nothing when the monitor has ended it
  std::optional<Word> ask(const ByteVector& id, const std::string& user) {
    message::Authenticate request{test::authentication(id, certificate_for(user), test::person(), user)};
    request.request.account_exists = false;  // the monitor's to say
    tell(message::write(request));
    const auto frame = answer();
    if (!frame) return std::nullopt;
    const auto said = message::parse_answer(frame->payload);
    return said ? std::optional(said->word) : std::nullopt;
  }
  std::optional<Word> ask_well() { return ask(session_id_, user_); }
  std::optional<Word> ask_badly() { return ask(ByteVector(32, 1), user_); }
  PreauthService::End end() {
    socket_.close();
    return end_.get();
  }

  std::optional<PreauthService> service_;
  std::future<PreauthService::End> end_;
  FrameSocket socket_;
  ByteVector session_id_;
};

TEST_F(PreauthServiceTest, GrantsAndSaysWhatTheSessionIs) {
  connect("PermitRootLogin yes");
  select(user_);
  EXPECT_EQ(ask_well(), Word::granted);
  EXPECT_FALSE(ask_well()) << "nothing more is asked after a grant";
  EXPECT_EQ(end(), PreauthService::End::violation);
  ASSERT_TRUE(service_->login());
  EXPECT_EQ(service_->login()->user.account.name, user_);
  const auto lines = audit_lines({"\"event\":\"login\""});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].find("\"root_session\":true") != std::string::npos, geteuid() == 0);
}

TEST_F(PreauthServiceTest, CountsTheTriesOfAProcessThatGoesOn) {
  connect("MaxAuthTries 3");
  select(user_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_badly(), Word::refused) << i;
  EXPECT_FALSE(ask_well()) << "also when it would be let in";
  EXPECT_EQ(end(), PreauthService::End::violation);
  EXPECT_FALSE(service_->login());
}

TEST_F(PreauthServiceTest, CountsWhatPreauthRefusedItself) {
  connect("MaxAuthTries 3");
  select(user_);
  for (int i = 0; i < 5; ++i) tell(message::write(message::AttemptFailed{"none_method", ""}));
  for (int i = 0; i < 3; ++i) tell(message::write(message::AttemptFailed{"unknown_method", "password"}));
  EXPECT_FALSE(ask_well());
  EXPECT_EQ(end(), PreauthService::End::violation);
  EXPECT_EQ(audit_lines({"\"reason\":\"unknown_method\""}).size(), 3U);
}

TEST_F(PreauthServiceTest, AnAccountThatIsRefusedIsAFailureLikeAnyOther) {
  connect("PermitRootLogin yes\nMaxAuthTries 3\nDenyUsers " + user_);
  select(user_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_well(), Word::refused) << i;
  EXPECT_EQ(end(), PreauthService::End::preauth_gone);
  EXPECT_FALSE(service_->login());
  EXPECT_EQ(audit_lines({"\"event\":\"refusal\"", "\"reason\":\"denied\""}).size(), 3U) << "each try is judged again";
}

TEST_F(PreauthServiceTest, WithoutAuditLogsItIsAFailureLikeAnyOther) {
  connect("PermitRootLogin yes");
  image_->audit = AuditLog();
  select(user_);
  EXPECT_EQ(ask_well(), Word::refused);
  EXPECT_EQ(ask_well(), Word::refused);
  auto log = AuditLog::open(path("audit.json"));
  ASSERT_TRUE(log);
  image_->audit = std::move(*log);
  EXPECT_EQ(ask_well(), Word::granted) << "it works again by itself";
}

TEST_F(PreauthServiceTest, AnotherSpellingOfANameIsNoAccount) {
  std::string other = user_;
  for (char& c : other) c = static_cast<char>(::toupper(static_cast<unsigned char>(c)));
  connect("PermitRootLogin yes");
  select(other);
  EXPECT_EQ(ask(session_id_, other), Word::refused);
  EXPECT_EQ(end(), PreauthService::End::preauth_gone);
  EXPECT_FALSE(service_->user_exists());
}

}  // namespace
}  // namespace gatehouse::sshd
