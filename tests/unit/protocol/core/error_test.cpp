#include "protocol/core/error.h"

#include <gtest/gtest.h>

namespace gatehouse {
namespace {

TEST(Rule, HasASectionAndAHarmlessTextForEveryViolation) {
  for (int kind = 0; kind <= static_cast<int>(Violation::crypto_failed); ++kind) {
    const Rule found = rule(static_cast<Violation>(kind));
    EXPECT_FALSE(found.section.empty()) << kind;
    EXPECT_FALSE(found.text.empty()) << kind;
    EXPECT_LE(found.text.size(), 64u) << kind;
  }
}

TEST(Rule, TellsAMacErrorByItsOwnReason) { EXPECT_EQ(rule(Violation::mac_mismatch).reason, DisconnectReason::mac_error); }

TEST(ProtocolResult, CarriesTheViolation) {
  const auto parse = [](bool good) -> ProtocolResult<int> {
    if (!good) return violation(Violation::bad_encoding, "detail");
    return 1;
  };
  EXPECT_EQ(parse(true).value(), 1);
  const ProtocolResult<int> bad = parse(false);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().violation, Violation::bad_encoding);
  EXPECT_EQ(bad.error().detail, "detail");
}

TEST(Problem, IsOneLine) {
  EXPECT_EQ((Problem{"cause", "", ""}).line(), "cause");
  EXPECT_EQ((Problem{"cause", "file line 3", "mend it"}).line(), "file line 3: cause (mend it)");
}

}  // namespace
}  // namespace gatehouse
