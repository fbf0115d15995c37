#include "protocol/crypto/random.h"

#include <gtest/gtest.h>

#include <set>

namespace gatehouse::crypto {
namespace {

TEST(Random, NeverGivesTheSame32OctetsTwice) {
  std::set<ByteVector> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_bytes(32));
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Random, FillsEveryOctet) {
  // Each of 64 octets differs from zero in at least one of 32 draws, but for a chance of 64 in 2^256.
  ByteVector together(64);
  for (int i = 0; i < 32; ++i) {
    ByteVector drawn(64);
    random_fill(drawn);
    for (std::size_t at = 0; at < drawn.size(); ++at) together[at] |= drawn[at];
  }
  for (const std::uint8_t octet : together) EXPECT_NE(octet, 0);
}

TEST(Random, GivesNothingWhenAskedForNothing) {
  EXPECT_TRUE(random_bytes(0).empty());
  EXPECT_TRUE(random_secret(0).empty());
}

TEST(Random, GivesSecretsAndNumbersThatDiffer) {
  EXPECT_FALSE(equal_in_constant_time(random_secret(32).reveal(), random_secret(32).reveal()));
  EXPECT_NE(random_uint64(), random_uint64());
}

}  // namespace
}  // namespace gatehouse::crypto
