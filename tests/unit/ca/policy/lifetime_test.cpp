#include <gtest/gtest.h>

#include "ca/policy/policy_reader.h"
#include "ca/policy/principals.h"

namespace gatehouse::ca {
namespace {

TEST(Lifetime, IsNumbersWithUnitsFromTheLongestOn) {
  EXPECT_EQ(parse_lifetime("90s"), Seconds(90));
  EXPECT_EQ(parse_lifetime("15m"), Seconds(900));
  EXPECT_EQ(parse_lifetime("1h"), Seconds(3600));
  EXPECT_EQ(parse_lifetime("30d"), Seconds(30 * 86400));
  EXPECT_EQ(parse_lifetime("1h30m"), Seconds(5400));
  EXPECT_EQ(parse_lifetime("366d"), Seconds(366 * 86400));
  for (const auto* text : {"",
                           "0",
                           "0s",
                           "3600",
                           "1",
                           "h",
                           "-1h",
                           "+1h",
                           "1h ",
                           " 1h",
                           "1H",
                           "1w",
                           "1.5h",
                           "30m1h",
                           "1h1h",
                           "366d1s",
                           "367d",
                           "99999999999999999999h",
                           "9223372036854775807s",
                           "1e3s"}) {
    EXPECT_FALSE(parse_lifetime(text)) << text;
  }
}

TEST(HostPattern, StarStandsForOneLabel) {
  EXPECT_TRUE(host_name_matches("*.example.com", "a.example.com"));
  EXPECT_TRUE(host_name_matches("web*.example.com", "web1.example.com"));
  EXPECT_TRUE(host_name_matches("web*.example.com", "web.example.com"));
  EXPECT_TRUE(host_name_matches("*-*.x", "a-b.x"));
  EXPECT_TRUE(host_name_matches("*", "localhost"));
  EXPECT_FALSE(host_name_matches("*", "a.b"));
  EXPECT_FALSE(host_name_matches("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(host_name_matches("*.example.com", "example.com"));
  EXPECT_FALSE(host_name_matches("*.example.com", "a.example.com.evil.org"));
  EXPECT_FALSE(host_name_matches("a.example.com", "axexample.com"));
  EXPECT_FALSE(host_name_matches("", "a"));
  // Many stars against a long name: done at once.
  EXPECT_FALSE(host_name_matches(std::string(100, '*') + "b", std::string(250, 'a')));
}

}  // namespace
}  // namespace gatehouse::ca
