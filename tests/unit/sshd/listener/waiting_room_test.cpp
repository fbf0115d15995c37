#include "sshd/listener/waiting_room.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

WaitingConnection connection(std::uint8_t last, int second) {
  WaitingConnection result;
  result.source.prefix = 32;
  result.source.octets = {192, 0, 2, last};
  result.since = SteadyTime(std::chrono::seconds(second));
  return result;
}

int second_of(const WaitingConnection& connection) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(connection.since.time_since_epoch()).count());
}

TEST(WaitingRoom, ASourceThatTakesMoreThanAQuarterLosesItsOldest) {
  WaitingRoom room(8);
  EXPECT_TRUE(room.add(connection(1, 1)).empty());
  EXPECT_TRUE(room.add(connection(2, 2)).empty());
  EXPECT_TRUE(room.add(connection(1, 3)).empty());
  const auto gone = room.add(connection(1, 4));
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(second_of(gone[0]), 1);
  EXPECT_EQ(room.size(), 3U);
}

TEST(WaitingRoom, AFullRoomLosesTheOldestOfAll) {
  WaitingRoom room(4);
  for (std::uint8_t i = 1; i <= 4; ++i) EXPECT_TRUE(room.add(connection(i, i)).empty());
  const auto gone = room.add(connection(5, 5));
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(second_of(gone[0]), 1);
  EXPECT_EQ(room.size(), 4U);
}

TEST(WaitingRoom, GivesBackWhatIsTakenOut) {
  WaitingRoom room(8);
  (void)room.add(connection(1, 1));
  (void)room.add(connection(1, 2));
  EXPECT_EQ(second_of(room.remove(room.begin())), 1);
  EXPECT_EQ(second_of(room.remove(room.begin())), 2);
  EXPECT_TRUE(room.empty());
  EXPECT_TRUE(room.add(connection(1, 3)).empty());
}

TEST(WaitingRoom, DropsThoseWhoWaitedTooLong) {
  WaitingRoom room(8);
  for (int i = 1; i <= 5; ++i) (void)room.add(connection(static_cast<std::uint8_t>(i), i));
  EXPECT_EQ(room.remove_older(SteadyTime(std::chrono::seconds(3))).size(), 2U);
  EXPECT_EQ(second_of(*room.begin()), 3);
}

}  // namespace
}  // namespace gatehouse::sshd
