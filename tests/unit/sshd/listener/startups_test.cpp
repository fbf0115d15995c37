#include "sshd/listener/startups.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

using Verdict = Startups::Verdict;

NetworkBlock source(std::uint8_t last) {
  NetworkBlock block;
  block.prefix = 32;
  block.octets = {192, 0, 2, last};
  return block;
}

TEST(Startups, RefusesAGrowingShareBetweenBeginAndFull) {
  Startups startups({10, 30, 100, std::nullopt});
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_EQ(startups.refusal_percent(), 0U);
    EXPECT_EQ(startups.admit(source(1), 0), Verdict::admitted);
  }
  EXPECT_EQ(startups.refusal_percent(), 30U);
  EXPECT_EQ(startups.admit(source(1), 29), Verdict::over_limit);
  while (startups.count() < 55) EXPECT_EQ(startups.admit(source(1), 99), Verdict::admitted);
  EXPECT_EQ(startups.refusal_percent(), 65U);  // half way
  while (startups.count() < 100) EXPECT_EQ(startups.admit(source(1), 99), Verdict::admitted);
  EXPECT_EQ(startups.refusal_percent(), 100U);
  EXPECT_EQ(startups.admit(source(1), 99), Verdict::over_limit);
}

TEST(Startups, ALimitOfOneNumberIsSharp) {
  Startups startups({3, 100, 3, std::nullopt});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(startups.admit(source(1), 0), Verdict::admitted);
  EXPECT_EQ(startups.admit(source(1), 99), Verdict::over_limit);
  startups.release(source(1));
  EXPECT_EQ(startups.admit(source(1), 0), Verdict::admitted);
}

TEST(Startups, CountsEachSourceByItself) {
  Startups startups({100, 30, 200, 2});
  EXPECT_EQ(startups.admit(source(1), 50), Verdict::admitted);
  EXPECT_EQ(startups.admit(source(1), 50), Verdict::admitted);
  EXPECT_EQ(startups.admit(source(1), 50), Verdict::over_source_limit);
  EXPECT_EQ(startups.admit(source(2), 50), Verdict::admitted);
  startups.release(source(1));
  EXPECT_EQ(startups.admit(source(1), 50), Verdict::admitted);
  EXPECT_EQ(startups.count(), 3U);
}

TEST(Startups, AReleaseThatWasNeverAdmittedChangesNothing) {
  Startups startups({10, 30, 100, std::nullopt});
  startups.release(source(9));
  EXPECT_EQ(startups.count(), 0U);
}

}  // namespace
}  // namespace gatehouse::sshd
