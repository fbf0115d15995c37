/// A session process belongs to its user: whatever it does, its monitor comes to an end.
#include "sshd/monitor/session_service.h"

#include <gtest/gtest.h>
#include <sys/signalfd.h>

#include <csignal>

#include "parts.h"
#include "sshd/monitor/child_process.h"

namespace gatehouse::sshd {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class SessionServiceTest : public test::MonitorParts {
 protected:
  void SetUp() override {
    MonitorParts::SetUp();
    configure();
    auto account = own_account();
    ASSERT_TRUE(account);
    login_.user.account = *account;
    login_.settings = image_->configuration.global();
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    connection_.reset(ends[0]);
    peer_.reset(ends[1]);
  }

  /// Serves a process that does `what` and never comes back from it. @return how long it took
  template <class What>
  Clock::duration serve(What what, int signals = -1) {
    auto requests = FrameSocket::pair();
    auto notices = FrameSocket::pair();
    auto clock = CertificateClock::start(std::nullopt);
    if (!requests || !notices || !clock) {
      ADD_FAILURE();
      return {};
    }
    const pid_t child = fork();
    if (child == 0) {
      requests->first.close();
      notices->first.close();
      what(requests->second);
      _exit(0);
    }
    requests->second.close();
    notices->second.close();
    const auto begin = Clock::now();
    SessionService service(*image_, login_, ends_, *audit_, *keys_,
                           SessionProcess{child, exit_descriptor(child), std::move(requests->first), std::move(notices->first)},
                           std::move(connection_), std::move(*clock));
    service.run(signals);
    return Clock::now() - begin;
  }
  static void ignore_signals() {
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGPIPE}) signal(number, SIG_IGN);
  }
  [[noreturn]] static void stay() {
    while (true) pause();
  }
  static bool tell(FrameSocket& socket) {
    const message::ProgramStarted fact{0, message::ProgramStarted::Kind::exec, "true", false, false, 1};
    return socket.send(message::write(fact), 500ms).has_value();
  }

  Login login_;
  UniqueFd connection_;
  UniqueFd peer_;
};

TEST_F(SessionServiceTest, WritesDownWhatItWasToldBeforeTheEnd) {
  EXPECT_LT(serve([](FrameSocket& requests) {
              for (int i = 0; i < 20; ++i) tell(requests);
            }),
            5s);
  EXPECT_EQ(audit_lines({"\"event\":\"exec\""}).size(), 20U);
  EXPECT_EQ(audit_lines({"\"event\":\"session_end\"", "\"how\":\"ended\""}).size(), 1U);
}

TEST_F(SessionServiceTest, ChildrenOfTheUsersThatGoOnTalkingAreNotListenedTo) {
  const auto took = serve([](FrameSocket& requests) {
    if (fork() == 0) {
      ignore_signals();
      while (tell(requests)) {
      }
      _exit(0);
    }
  });
  EXPECT_LT(took, 10s);
  EXPECT_EQ(audit_lines({"\"event\":\"session_end\""}).size(), 1U);
}

TEST_F(SessionServiceTest, ChildrenOfTheUsersAskNothing) {
  const auto took = serve([](FrameSocket& requests) {
    const pid_t session = getpid();
    if (fork() == 0) {
      ignore_signals();
      while (getppid() == session) usleep(1000);
      for (int i = 0; i < 3; ++i) (void)requests.send(message::write(message::OpenTerminal{0}), 5s);
      (void)requests.receive(5s);
      _exit(0);
    }
    usleep(100000);
  });
  EXPECT_LT(took, 10s);
}

TEST_F(SessionServiceTest, WhatIsNoRequestEndsTheSessionByForce) {
  const auto took = serve([](FrameSocket& requests) {
    ignore_signals();
    (void)requests.send(ByteVector{0xff}, 5s);
    stay();
  });
  EXPECT_LT(took, 10s);
  EXPECT_EQ(audit_lines({"\"event\":\"session_end\"", "\"how\":\"violation\""}).size(), 1U);
}

TEST_F(SessionServiceTest, ASessionThatHangsUpOnItsMonitorIsEnded) {
  const auto took = serve([](FrameSocket& requests) {
    ignore_signals();
    requests.close();
    stay();
  });
  EXPECT_LT(took, 20s);
  EXPECT_EQ(audit_lines({"\"event\":\"session_end\"", "\"how\":\"violation\""}).size(), 1U);
}

TEST_F(SessionServiceTest, AFloodOfFactsIsSlowedDown) {
  const auto took = serve([](FrameSocket& requests) {
    const auto until = Clock::now() + 1s;
    while (Clock::now() < until && tell(requests)) {
    }
  });
  const double seconds = std::chrono::duration<double>(took).count();
  const auto lines = static_cast<double>(audit_lines({"\"event\":\"exec\""}).size());
  EXPECT_GE(lines, 200) << "a burst goes through";
  EXPECT_LE(lines, 200 + 50 * seconds + 400) << "what the socket holds at the end is read at once";
}

TEST_F(SessionServiceTest, WaitsForTheEndAsleep) {
  sigset_t watched;
  sigset_t before;
  sigemptyset(&watched);
  sigaddset(&watched, SIGTERM);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &watched, &before), 0);
  const UniqueFd signals(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  kill(getpid(), SIGTERM);
  const std::clock_t begin = std::clock();
  const auto took = serve(
      [](FrameSocket&) {
        ignore_signals();
        stay();
      },
      signals.fd());
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_GT(took, 5s) << "it was asked to say goodbye";
  EXPECT_LT(took, 20s);
  EXPECT_LT(seconds, 1.0) << "of the processor, while there was nothing to do";
  EXPECT_EQ(audit_lines({"\"event\":\"session_end\"", "\"how\":\"terminated\""}).size(), 1U);
}

}  // namespace
}  // namespace gatehouse::sshd
