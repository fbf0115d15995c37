#include "daemon/frame_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

namespace gatehouse {
namespace {

using namespace std::chrono_literals;

TEST(FrameSocket, CarriesOctetsAndDescriptors) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const UniqueFd read_end(pipe_ends[0]);
  UniqueFd write_end(pipe_ends[1]);
  const int passed[] = {write_end.fd()};
  ASSERT_TRUE(ends->first.send(as_bytes("take this"), 1s, passed));
  write_end.reset();
  auto frame = ends->second.receive(1s);
  ASSERT_TRUE(frame);
  EXPECT_EQ(as_text(frame->payload), "take this");
  ASSERT_EQ(frame->descriptors.size(), 1u);
  ASSERT_EQ(write(frame->descriptors[0].fd(), "x", 1), 1);
  char got = 0;
  ASSERT_EQ(read(read_end.fd(), &got, 1), 1);
  EXPECT_EQ(got, 'x');
}

TEST(FrameSocket, CarriesTheLargestFrameAndAnEmptyOne) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  const ByteVector large(FrameSocket::max_frame, 0x5a);
  std::thread sender([&] {
    EXPECT_TRUE(ends->first.send(large, 5s));
    EXPECT_TRUE(ends->first.send({}, 5s));
  });
  auto frame = ends->second.receive(5s);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, large);
  auto empty = ends->second.receive(5s);
  sender.join();
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->payload.empty());
}

TEST(FrameSocket, RefusesAFrameThatAnnouncesTooMuch) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  const std::uint8_t header[] = {0x00, 0x10, 0x00, 0x01, 0x00};  // max_frame + 1
  ASSERT_EQ(send(ends->first.fd(), header, sizeof header, 0), 5);
  EXPECT_FALSE(ends->second.receive(1s));
  EXPECT_FALSE(ends->second.open());
}

TEST(FrameSocket, RefusesDescriptorsThatWereNotAnnounced) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  const std::uint8_t header[] = {0, 0, 0, 0, 1};  // one descriptor announced, none sent
  ASSERT_EQ(send(ends->first.fd(), header, sizeof header, 0), 5);
  EXPECT_FALSE(ends->second.receive(1s));
}

TEST(FrameSocket, ReportsSilenceAndTheEndOfThePeer) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  EXPECT_FALSE(ends->second.receive(20ms));
  EXPECT_TRUE(ends->second.open());  // nothing was lost: the next message can still come
  ASSERT_TRUE(ends->first.send(as_bytes("late"), 1s));
  EXPECT_TRUE(ends->second.receive(1s));
  ends->first.close();
  EXPECT_FALSE(ends->second.receive(1s));
  EXPECT_FALSE(ends->second.send(as_bytes("x"), 1s));
}

TEST(FrameSocket, HalfAFrameBeforeTheDeadlineClosesTheConnection) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends);
  const std::uint8_t half[] = {0, 0, 0, 9, 0, 'x'};
  ASSERT_EQ(send(ends->first.fd(), half, sizeof half, 0), 6);
  EXPECT_FALSE(ends->second.receive(20ms));
  EXPECT_FALSE(ends->second.open());
}

TEST(FrameSocket, ListensWithTheModeGivenAndKnowsThePeer) {
  char folder[] = "/tmp/frame_socket_test.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/socket";
  auto listener = listen_unix(path, 0600);
  ASSERT_TRUE(listener) << listener.error().line();
  struct stat about {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  auto client = FrameSocket::connect(path, 1s);
  ASSERT_TRUE(client);
  const FrameSocket server{UniqueFd(accept(listener->fd(), nullptr, nullptr))};
  ASSERT_TRUE(server.peer());
  EXPECT_EQ(server.peer()->uid, geteuid());
  EXPECT_EQ(server.peer()->pid, getpid());
  EXPECT_FALSE(FrameSocket::connect(std::string(folder) + "/none", 10ms));
  EXPECT_FALSE(listen_unix(std::string(200, 'x'), 0600));
  unlink(path.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace gatehouse
