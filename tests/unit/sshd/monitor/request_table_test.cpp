#include "sshd/monitor/request_table.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

using message::Kind;

TEST(PreauthTable, TakesTheFirstExchangeAndOneMore) {
  RequestTable table(preauth_rules());
  EXPECT_TRUE(table.admit(Kind::sign_exchange, false));
  EXPECT_TRUE(table.admit(Kind::next_cookie, true));
  EXPECT_TRUE(table.admit(Kind::sign_exchange, true)) << "a key exchange that the peer had begun when the grant came";
  EXPECT_FALSE(table.admit(Kind::sign_exchange, true));
  EXPECT_FALSE(table.admit(Kind::next_cookie, false));
}

TEST(PreauthTable, NamesAUserOnce) {
  RequestTable table(preauth_rules());
  EXPECT_TRUE(table.admit(Kind::select_user, false));
  EXPECT_FALSE(table.admit(Kind::select_user, false));
}

TEST(PreauthTable, AsksForNothingMoreOnceGranted) {
  for (const Kind kind : {Kind::select_user, Kind::authenticate, Kind::attempt_failed}) {
    RequestTable table(preauth_rules());
    EXPECT_FALSE(table.admit(kind, true)) << static_cast<int>(kind);
  }
}

TEST(PreauthTable, HasNothingOfASession) {
  for (const bool granted : {false, true}) {
    RequestTable table(preauth_rules());
    for (const Kind kind : {Kind::open_terminal, Kind::close_terminal, Kind::program_started, Kind::program_ended}) {
      EXPECT_FALSE(table.admit(kind, granted)) << static_cast<int>(kind);
    }
  }
}

TEST(PreauthTable, AsksAboutKeysNoOftenerThanAClientMay) {
  for (const Kind kind : {Kind::authenticate, Kind::attempt_failed}) {
    RequestTable table(preauth_rules());
    int asked = 0;
    while (asked < 10000 && table.admit(kind, false)) ++asked;
    EXPECT_EQ(asked, 24) << static_cast<int>(kind);
  }
}

TEST(PreauthTable, IsNotTalkedFull) {
  RequestTable table(preauth_rules());
  int notes = 0;
  while (notes < 10000 && table.admit(Kind::note, false)) ++notes;
  EXPECT_LT(notes, 100);
}

TEST(SessionTable, HasNothingOfPreauth) {
  RequestTable table(session_rules());
  for (const Kind kind : {Kind::select_user, Kind::authenticate, Kind::attempt_failed, Kind::peer_facts}) {
    EXPECT_FALSE(table.admit(kind, true)) << static_cast<int>(kind);
  }
}

TEST(SessionTable, LetsASessionRekeyAsOftenAsItLives) {
  RequestTable table(session_rules());
  for (int i = 0; i < 100000; ++i) {
    ASSERT_TRUE(table.admit(Kind::next_cookie, true));
    ASSERT_TRUE(table.admit(Kind::sign_exchange, true));
  }
}

TEST(Tables, KnowNoAnswers) {
  for (const auto rules : {preauth_rules(), session_rules()}) {
    RequestTable table(rules);
    for (const Kind kind : {Kind::cookie, Kind::signed_exchange, Kind::user_settings, Kind::answer, Kind::terminal, Kind::denied,
                            Kind::warn, Kind::close, static_cast<Kind>(0), static_cast<Kind>(255)}) {
      EXPECT_FALSE(table.admit(kind, true)) << static_cast<int>(kind);
      EXPECT_FALSE(table.admit(kind, false)) << static_cast<int>(kind);
    }
  }
}

TEST(RateLimit, LetsABurstThroughAndThenASteadyRate) {
  using namespace std::chrono_literals;
  RateLimit limit(100, 10);
  RateLimit::Time now{1h};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(limit.reserve(now), 0ns);
  EXPECT_EQ(limit.reserve(now), 100ms);
  now += 100ms;
  EXPECT_EQ(limit.reserve(now), 100ms) << "the one before has used up what came in";
  now += 10s;
  EXPECT_EQ(limit.reserve(now), 0ns);
  now += 1h;
  int free = 0;
  while (limit.reserve(now) == 0ns) ++free;
  EXPECT_EQ(free, 100) << "rest never saves up more than a burst";
}

TEST(Throttle, SlowsDownFirstAndThenLosesPatience) {
  using namespace std::chrono_literals;
  Throttle throttle(RateLimit(10, 10), 5);
  RateLimit::Time now{1h};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(throttle.reserve(now), 0ns);
  for (int i = 0; i < 5; ++i) {
    const auto wait = throttle.reserve(now);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, 100ms);
    now += *wait;
  }
  EXPECT_FALSE(throttle.reserve(now)) << "who was made to wait came again at once, each time";
}

TEST(Throttle, ForgetsWhoRests) {
  using namespace std::chrono_literals;
  Throttle throttle(RateLimit(10, 10), 5);
  RateLimit::Time now{1h};
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 14; ++i) {
      const auto wait = throttle.reserve(now);
      ASSERT_TRUE(wait) << round;
      now += *wait;
    }
    now += 2s;
  }
}

}  // namespace
}  // namespace gatehouse::sshd
