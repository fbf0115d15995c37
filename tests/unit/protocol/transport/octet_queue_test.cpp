#include "protocol/transport/octet_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace gatehouse::transport {
namespace {

TEST(OctetQueue, IsEmptyAtFirst) {
  OctetQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.view().size(), 0U);
}

TEST(OctetQueue, HoldsWhatADequeHolds) {
  std::mt19937 random(1);
  OctetQueue queue;
  std::deque<std::uint8_t> model;
  for (int round = 0; round < 5000; ++round) {
    const std::size_t size = random() % 3000;
    if (random() % 2 == 0) {
      ByteVector octets(size);
      for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
      queue.append(octets);
      model.insert(model.end(), octets.begin(), octets.end());
    } else {
      const std::size_t dropped = std::min(size * 2, model.size());
      queue.drop(dropped);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(dropped));
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_TRUE(std::equal(model.begin(), model.end(), queue.view().begin()));
  }
}

TEST(OctetQueue, StaysAsSmallAsWhatIsInIt) {
  OctetQueue queue;
  const ByteVector octets(1000);
  for (int round = 0; round < 100000; ++round) {
    queue.append(octets);
    queue.append(octets);
    queue.drop(2000);
  }
  queue.append(octets);
  for (int round = 0; round < 100000; ++round) {
    queue.append(octets);
    queue.drop(1000);
  }
  EXPECT_LE(queue.capacity(), 8192U);
}

TEST(OctetQueue, GivesItsMemoryBack) {
  OctetQueue queue;
  queue.append(ByteVector(100000));
  queue.drop(100000);
  queue.release();
  EXPECT_EQ(queue.capacity(), 0U);
  queue.append(as_bytes("again"));
  EXPECT_EQ(as_text(Bytes(queue.view())), "again");
}

}  // namespace
}  // namespace gatehouse::transport
