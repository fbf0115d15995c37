#include "protocol/keys/serial_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace gatehouse::keys {
namespace {

using Ranges = std::vector<SerialSet::Range>;

TEST(SerialSet, HoldsNothingAtFirst) {
  const SerialSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(0));
  EXPECT_TRUE(set.ranges().empty());
}

TEST(SerialSet, JoinsWhatTouches) {
  SerialSet set;
  set.add(5, 5);
  set.add(6, 9);
  set.add(7, 8);
  set.add(1, 3);
  set.add(11, 11);
  EXPECT_EQ(set.ranges(), (Ranges{{1, 3}, {5, 9}, {11, 11}}));
  set.add(4, 4);
  EXPECT_EQ(set.ranges(), (Ranges{{1, 9}, {11, 11}}));
  set.add(1, 20);
  EXPECT_EQ(set.ranges(), (Ranges{{1, 20}}));
}

TEST(SerialSet, ReachesBothEnds) {
  SerialSet set;
  set.add(UINT64_MAX, UINT64_MAX);
  set.add(0, 0);
  EXPECT_TRUE(set.contains(0));
  EXPECT_FALSE(set.contains(1));
  EXPECT_FALSE(set.contains(UINT64_MAX - 1));
  EXPECT_TRUE(set.contains(UINT64_MAX));
  set.add(1, UINT64_MAX);
  EXPECT_EQ(set.ranges(), (Ranges{{0, UINT64_MAX}}));
}

TEST(SerialSet, AgreesWithAPlainSetInAnyOrder) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    SerialSet set;
    std::set<std::uint64_t> plain;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t first = random() % 10000;
      const std::uint64_t last = first + random() % 3;
      set.add(first, last);
      for (std::uint64_t serial = first; serial <= last; ++serial) plain.insert(serial);
      if (i % 500 == 499) {
        if (round % 2 == 0) set.settle();
        for (std::uint64_t serial = 0; serial < 10010; ++serial) ASSERT_EQ(set.contains(serial), plain.count(serial) != 0) << serial;
      }
    }
    const Ranges ranges = set.ranges();
    for (std::size_t i = 1; i < ranges.size(); ++i) ASSERT_GT(ranges[i].first, ranges[i - 1].last + 1);
    set.settle();
    EXPECT_EQ(set.ranges(), ranges);
  }
}

TEST(SerialSetDeathTest, TakesNoRangeThatEndsBeforeItBegins) {
  SerialSet set;
  EXPECT_DEATH(set.add(2, 1), "");
}

}  // namespace
}  // namespace gatehouse::keys
