#include "ca/trust/trust_version.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace gatehouse::ca {
namespace {

class TrustVersionTest : public testing::Test {
 protected:
  std::string folder_ = [] {
    std::string name = testing::TempDir() + "/trust-XXXXXX";
    return std::string(::mkdtemp(name.data()));
  }();
  std::string path_ = folder_ + "/trust.version";
};

TEST_F(TrustVersionTest, StaysWhileTheContentStaysAlsoOverARestart) {
  EXPECT_EQ(TrustVersion(path_).of("a", 1000).value(), 1000U);
  EXPECT_EQ(TrustVersion(path_).of("a", 5000).value(), 1000U);
}

TEST_F(TrustVersionTest, RisesWithEachChangeAlsoWhenTheClockGoesBack) {
  TrustVersion version(path_);
  EXPECT_EQ(version.of("a", 1000).value(), 1000U);
  EXPECT_EQ(version.of("b", 500).value(), 1001U);
  EXPECT_EQ(version.of("a", 500).value(), 1002U);
  EXPECT_EQ(version.of("c", 9000).value(), 9000U);
}

TEST_F(TrustVersionTest, ADamagedFileIsNoReasonToBeginAnew) {
  for (const char* text : {"", "x", "12", "12 abc\n", "-1 0000000000000000000000000000000000000000000000000000000000000000\n"}) {
    std::ofstream(path_) << text;
    EXPECT_FALSE(TrustVersion(path_).of("a", 1000)) << text;
  }
}

TEST_F(TrustVersionTest, CannotBeWrittenIsAProblem) { EXPECT_FALSE(TrustVersion(folder_ + "/no/such/folder").of("a", 1)); }

}  // namespace
}  // namespace gatehouse::ca
