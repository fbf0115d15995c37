#include "sshd/sftp/worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gatehouse::sshd {
namespace {

class SftpWorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sftp_worker_test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static ByteVector framed(const WireWriter& message) { return WireWriter().string(message.view()).take(); }
  /// Octets of answers until there are at least `octets`, or 5 s have passed.
  static ByteVector collect(SftpWorker& worker, std::size_t octets) {
    ByteVector all;
    for (int i = 0; i < 100 && all.size() < octets; ++i) {
      pollfd entry{worker.ready(), POLLIN, 0};
      poll(&entry, 1, 50);
      worker.acknowledge();
      const ByteVector some = worker.take_output(1 << 20);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::string folder_;
};

TEST_F(SftpWorkerTest, TakesMessagesCutAnywhereAndEndsAfterTheLastAnswer) {
  auto worker = SftpWorker::start({}, folder_);
  ASSERT_TRUE(worker);
  ByteVector input = framed(WireWriter().byte(1).uint32(3));
  const ByteVector realpath = framed(WireWriter().byte(16).uint32(7).string("."));
  input.insert(input.end(), realpath.begin(), realpath.end());
  for (const std::uint8_t octet : input) ASSERT_TRUE(worker->feed(Bytes(&octet, 1)));
  worker->end_of_input();
  ByteVector output;
  for (int i = 0; i < 500 && !worker->finished(); ++i) {
    usleep(10000);
    const ByteVector some = worker->take_output(1 << 20);
    output.insert(output.end(), some.begin(), some.end());
  }
  EXPECT_NE(as_text(output).find(folder_), std::string_view::npos);
  EXPECT_EQ(worker->finished(), 0);
}

TEST_F(SftpWorkerTest, AnImpossibleLengthEndsTheChannel) {
  auto worker = SftpWorker::start({}, folder_);
  ASSERT_TRUE(worker);
  EXPECT_FALSE(worker->feed(*unhex("00040001")));
  auto other = SftpWorker::start({}, folder_);
  EXPECT_FALSE(other->feed(*unhex("00000000")));
}

TEST_F(SftpWorkerTest, AHangingOpenHoldsUpNobodyButItsChannel) {
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  {
    auto hanging = SftpWorker::start({}, folder_);
    ASSERT_TRUE(hanging);
    ASSERT_TRUE(hanging->feed(framed(WireWriter().byte(1).uint32(3))));
    ASSERT_TRUE(hanging->feed(framed(WireWriter().byte(3).uint32(1).string("fifo").uint32(1).uint32(0))));
    auto other = SftpWorker::start({}, folder_);
    ASSERT_TRUE(other->feed(framed(WireWriter().byte(1).uint32(3))));
    EXPECT_FALSE(collect(*other, 1).empty());
    EXPECT_FALSE(hanging->finished());
  }                                                              // leaves the hanging thread behind, and does not wait for it
  const int writer = open(fifo.c_str(), O_WRONLY | O_NONBLOCK);  // lets it go
  EXPECT_GE(writer, 0);
  close(writer);
}

TEST_F(SftpWorkerTest, StopsReadingWhileAnswersPileUp) {
  auto worker = SftpWorker::start({}, folder_);
  ASSERT_TRUE(worker);
  std::filesystem::resize_file((std::ofstream(folder_ + "/big"), folder_ + "/big"), 1 << 20);
  ASSERT_TRUE(worker->feed(framed(WireWriter().byte(1).uint32(3))));
  ASSERT_TRUE(worker->feed(framed(WireWriter().byte(3).uint32(1).string("big").uint32(1).uint32(0))));
  for (std::uint32_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(worker->feed(framed(WireWriter().byte(5).uint32(2 + i).string(std::string(8, '\0')).uint64(0).uint32(255 * 1024))));
  }
  for (int i = 0; i < 100 && worker->wants_input(); ++i) usleep(50000);
  EXPECT_FALSE(worker->wants_input());
  const std::size_t expected = 64 * (sftp::data_header + 255 * 1024);
  EXPECT_GE(collect(*worker, expected).size(), expected);
  EXPECT_TRUE(worker->wants_input());
}

TEST_F(SftpWorkerTest, UmaskAndFolderAreThisChannelsAlone) {
  const mode_t before = umask(0022);
  SftpOptions options;
  options.umask = 0077;
  auto worker = SftpWorker::start(options, folder_);
  ASSERT_TRUE(worker->feed(framed(WireWriter().byte(1).uint32(3))));
  ASSERT_TRUE(worker->feed(framed(WireWriter().byte(14).uint32(1).string("made").uint32(0))));
  worker->end_of_input();
  for (int i = 0; i < 100 && !worker->finished(); ++i) {
    usleep(20000);
    worker->take_output(1 << 20);
    worker->take_facts();
  }
  struct stat about {};
  ASSERT_EQ(stat((folder_ + "/made").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700u);
  EXPECT_EQ(umask(before), 0022u);
  EXPECT_NE(std::filesystem::current_path(), folder_);
}

}  // namespace
}  // namespace gatehouse::sshd
