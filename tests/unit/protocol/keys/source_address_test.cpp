#include <gtest/gtest.h>

#include "protocol/keys/certificate.h"

namespace gatehouse::keys {
namespace {

TEST(SourceAddress, ListsAreRead) {
  EXPECT_EQ(parse_source_address("10.0.0.0/8,192.0.2.1,2001:db8::/32,::1").value(),
            (std::vector<std::string>{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"}));
  EXPECT_TRUE(parse_source_address("0.0.0.0/0"));
  EXPECT_TRUE(parse_source_address("::/0"));
  EXPECT_TRUE(parse_source_address("::ffff:10.0.0.0/104"));
}

TEST(SourceAddress, MalformedListsAreRefusedAndMatchNothing) {
  for (const char* list : {"",
                           ",",
                           "10.0.0.1,",
                           ",10.0.0.1",
                           "10.0.0.1,,10.0.0.2",
                           "10.0.0.1/8",
                           "10.0.0.0/33",
                           "10.0.0.0/",
                           "10.0.0.0/-1",
                           "10.0.0.0/+8",
                           "10.0.0.0/08x",
                           "10.0.0.0/8/8",
                           "10.0.0.0/0008",
                           "2001:db8::1/32",
                           "::/129",
                           "10.0.0",
                           "10.0.0.256",
                           "010.0.0.1",
                           " 10.0.0.1",
                           "10.0.0.1 ",
                           "10.0.0.1, 10.0.0.2",
                           "host.example",
                           "!10.0.0.1",
                           "10.0.0.*",
                           "fe80::1%eth0",
                           "/8",
                           "[::1]",
                           "::ffff:10.0.0.1/104",
                           "10.0.0.0/255.0.0.0"}) {
    EXPECT_FALSE(parse_source_address(list)) << list;
    EXPECT_FALSE(source_address_matches(list, "10.0.0.1")) << list;
    EXPECT_FALSE(source_address_matches(std::string("10.0.0.1,") + list, "10.0.0.1")) << list << ": one bad entry spoils the list";
  }
  EXPECT_FALSE(parse_source_address(std::string_view("10.0.0.1\0", 9)));
}

TEST(SourceAddress, RefusalNamesTheEntry) {
  const Result<std::vector<std::string>> parsed = parse_source_address("10.0.0.0/8,10.1.2.3/8");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().line().find("\"10.1.2.3/8\""), std::string::npos) << parsed.error().line();
  EXPECT_NE(parsed.error().line().find("beyond the prefix"), std::string::npos) << parsed.error().line();
}

TEST(SourceAddress, MatchesByPrefix) {
  EXPECT_TRUE(source_address_matches("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(source_address_matches("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(source_address_matches("192.0.2.128/25", "192.0.2.128"));
  EXPECT_FALSE(source_address_matches("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(source_address_matches("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(source_address_matches("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(source_address_matches("192.0.2.1,10.0.0.0/8", "10.9.9.9"));
  EXPECT_TRUE(source_address_matches("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(source_address_matches("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(source_address_matches("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(source_address_matches("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(source_address_matches("2001:DB8::1", "2001:db8:0::1"));
  EXPECT_FALSE(source_address_matches("::/0", "203.0.113.9"));
}

TEST(SourceAddress, TakesAnIpv4PeerMappedIntoIpv6ForWhatItIs) {
  EXPECT_TRUE(source_address_matches("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_FALSE(source_address_matches("10.0.0.0/8", "::ffff:11.1.2.3"));
  EXPECT_TRUE(source_address_matches("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_FALSE(source_address_matches("10.0.0.0/8", "::10.1.2.3")) << "compatible, not mapped: RFC 4291 section 2.5.5.1";
}

TEST(SourceAddress, IgnoresTheZoneOfALinkLocalPeer) { EXPECT_TRUE(source_address_matches("fe80::/10", "fe80::1%eth0")); }

TEST(SourceAddress, MatchesNoMalformedPeer) {
  for (const char* peer : {"", "10.0.0.1:22", "UNKNOWN", "[::1]", "10.0.0", "%eth0"}) {
    EXPECT_FALSE(source_address_matches("0.0.0.0/0,::/0", peer)) << peer;
  }
}

}  // namespace
}  // namespace gatehouse::keys
