#include "sshd/listener/penalties.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

using std::chrono::seconds;

NetworkBlock source(std::uint8_t last, bool v6 = false) {
  NetworkBlock block;
  block.v6 = v6;
  block.prefix = 32;
  block.octets = {192, 0, 2, last};
  return block;
}

constexpr SteadyTime start{seconds(1000)};

TEST(Penalties, RefuseOnlyOnceTheyAddUpToTheMinimum) {
  Penalties penalties{PenaltyRules{}};
  EXPECT_FALSE(penalties.punish(source(1), Offence::failed_authentication, start));
  EXPECT_FALSE(penalties.punish(source(1), Offence::failed_authentication, start));
  EXPECT_FALSE(penalties.refused(source(1), start));
  EXPECT_EQ(penalties.punish(source(1), Offence::failed_authentication, start), seconds(15));
  EXPECT_TRUE(penalties.refused(source(1), start));
  EXPECT_FALSE(penalties.refused(source(2), start));
}

TEST(Penalties, StayUntilPaidOffAndAreThenForgotten) {
  Penalties penalties{PenaltyRules{}};
  EXPECT_EQ(penalties.punish(source(1), Offence::crash, start), seconds(90));
  EXPECT_TRUE(penalties.refused(source(1), start + seconds(89)));
  EXPECT_FALSE(penalties.refused(source(1), start + seconds(90)));
  EXPECT_EQ(penalties.size(), 0U);
}

TEST(Penalties, NeverLastLongerThanTheMaximum) {
  Penalties penalties{PenaltyRules{}};
  for (int i = 0; i < 20; ++i) (void)penalties.punish(source(1), Offence::crash, start);
  EXPECT_EQ(penalties.punish(source(1), Offence::crash, start), seconds(600));
  EXPECT_FALSE(penalties.refused(source(1), start + seconds(600)));
}

TEST(Penalties, AFullPermissiveTableForgetsTheOneThatWouldBeFreeFirst) {
  PenaltyRules rules;
  rules.max_sources_v4 = 2;
  Penalties penalties{rules};
  (void)penalties.punish(source(1), Offence::crash, start);
  (void)penalties.punish(source(2), Offence::crash, start + seconds(1));
  (void)penalties.punish(source(3), Offence::crash, start + seconds(2));
  EXPECT_FALSE(penalties.refused(source(1), start + seconds(2)));
  EXPECT_TRUE(penalties.refused(source(2), start + seconds(2)));
  EXPECT_TRUE(penalties.refused(source(3), start + seconds(2)));
  EXPECT_EQ(penalties.size(), 2U);
}

TEST(Penalties, AFullStrictTableRefusesStrangers) {
  PenaltyRules rules;
  rules.max_sources_v4 = 1;
  rules.overflow_permissive_v4 = false;
  Penalties penalties{rules};
  (void)penalties.punish(source(1), Offence::crash, start);
  EXPECT_TRUE(penalties.refused(source(2), start));
  EXPECT_FALSE(penalties.refused(source(2, true), start)) << "the other table has room";
  EXPECT_FALSE(penalties.refused(source(2), start + seconds(91)));
}

TEST(Penalties, ARuleOfZeroOrNoRulesPunishNothing) {
  PenaltyRules rules;
  rules.no_authentication = seconds(0);
  Penalties penalties{rules};
  EXPECT_FALSE(penalties.punish(source(1), Offence::no_authentication, start));
  EXPECT_EQ(penalties.size(), 0U);
  rules.enabled = false;
  Penalties none{rules};
  EXPECT_FALSE(none.punish(source(1), Offence::crash, start));
  EXPECT_FALSE(none.refused(source(1), start));
}

}  // namespace
}  // namespace gatehouse::sshd
