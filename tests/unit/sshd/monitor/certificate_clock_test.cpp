#include "sshd/monitor/certificate_clock.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <ctime>

namespace gatehouse::sshd {
namespace {

/// Early in a second, so that what is to be waited for is about a second away.
std::uint64_t start_of_second() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  const timespec rest{0, 1000000000 - time.tv_nsec};
  nanosleep(&rest, nullptr);
  return static_cast<std::uint64_t>(time.tv_sec) + 1;
}

Grant grant(std::uint64_t valid_before, std::optional<std::uint64_t> session_end = std::nullopt) {
  Grant result;
  result.valid_before = valid_before;
  result.session_end = session_end;
  return result;
}

TEST(EndOfSession, IsTheCertificatesUnlessTheConfigurationSaysOtherwise) {
  Settings settings;
  EXPECT_EQ(end_of_session(settings, grant(5000, 9000), 1000), 5000U);
  settings.expired_certificate_action = ExpiredCertificateAction::keep;
  EXPECT_FALSE(end_of_session(settings, grant(5000, 9000), 1000));
}

TEST(EndOfSession, IsTheSessionsWhereTheCaWroteOneDown) {
  Settings settings;
  settings.expired_certificate_action = ExpiredCertificateAction::session;
  EXPECT_EQ(end_of_session(settings, grant(5000, 9000), 1000), 9000U);
  EXPECT_EQ(end_of_session(settings, grant(5000), 1000), 5000U);
  settings.max_session_length = std::chrono::seconds(100);
  EXPECT_EQ(end_of_session(settings, grant(5000, 9000), 1000), 1100U);
  settings.max_session_length = std::chrono::seconds(100000);
  EXPECT_EQ(end_of_session(settings, grant(5000, 9000), 1000), 9000U);
}

TEST(EndOfSession, NeverComesForACertificateWithoutEnd) { EXPECT_FALSE(end_of_session(Settings{}, grant(0xFFFFFFFFFFFFFFFF), 1000)); }

TEST(CertificateClock, WakesAtTheEnd) {
  const auto now = start_of_second();
  auto clock = CertificateClock::start(now + 1);
  ASSERT_TRUE(clock);
  EXPECT_EQ(clock->due(), CertificateClock::Due::nothing) << "no warning: it began later than the warning would have come";
  pollfd entry{clock->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, 3000), 1);
  EXPECT_EQ(clock->due(), CertificateClock::Due::end);
}

TEST(CertificateClock, WarnsOnceInTheLastMinute) {
  const auto now = start_of_second();
  auto clock = CertificateClock::start(now + CertificateClock::warning_seconds + 1);
  ASSERT_TRUE(clock);
  EXPECT_EQ(clock->due(), CertificateClock::Due::nothing);
  pollfd entry{clock->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, 3000), 1);
  EXPECT_EQ(clock->due(), CertificateClock::Due::warning);
  EXPECT_EQ(clock->due(), CertificateClock::Due::nothing);
  EXPECT_EQ(poll(&entry, 1, 0), 0) << "set for the end now";
}

TEST(CertificateClock, AnEndThatIsPastIsDueAtOnce) {
  auto clock = CertificateClock::start(static_cast<std::uint64_t>(time(nullptr)) - 10);
  ASSERT_TRUE(clock);
  pollfd entry{clock->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, 1000), 1);
  EXPECT_EQ(clock->due(), CertificateClock::Due::end);
}

TEST(CertificateClock, WithoutEndThereIsNothingToWaitFor) {
  auto clock = CertificateClock::start(std::nullopt);
  ASSERT_TRUE(clock);
  EXPECT_EQ(clock->fd(), -1);
  EXPECT_EQ(clock->due(), CertificateClock::Due::nothing);
}

}  // namespace
}  // namespace gatehouse::sshd
