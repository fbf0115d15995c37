#include "daemon/pin_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace gatehouse {
namespace {

class PinFile : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder_), nullptr);
    path_ = std::string(folder_) + "/pin";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(folder_);
  }
  void put(const std::string& text, mode_t mode) {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  char folder_[32] = "/tmp/pin_source_test.XXXXXX";
  std::string path_;
};

TEST_F(PinFile, IsReadWithoutItsNewlineAsOftenAsNeeded) {
  put("secret pin\n", 0400);
  auto fd = open_pin_source("file:" + path_, getuid());
  ASSERT_TRUE(fd) << fd.error().line();
  for (int i = 0; i < 2; ++i) {
    auto pin = read_pin(fd->fd());
    ASSERT_TRUE(pin);
    EXPECT_EQ(pin->reveal_text(), "secret pin");
  }
}

TEST_F(PinFile, IsRefusedWhenOthersMayReadIt) {
  for (const mode_t mode : {0440, 0404, 0644, 0420}) {
    put("1234", mode);
    auto fd = open_pin_source(path_, getuid());
    ASSERT_FALSE(fd);
    EXPECT_NE(fd.error().line().find("chmod 0400"), std::string::npos);
    chmod(path_.c_str(), 0600);
  }
}

TEST_F(PinFile, IsRefusedWhenItIsAnothersOrNoFile) {
  put("1234", 0400);
  if (getuid() == 0) {
    ASSERT_EQ(chown(path_.c_str(), 12345, 0), 0);
    EXPECT_FALSE(open_pin_source(path_, 12346));
    EXPECT_TRUE(open_pin_source(path_, 12345));
  }
  unlink(path_.c_str());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(open_pin_source(path_, getuid()));
  unlink(path_.c_str());
  ASSERT_EQ(symlink("/etc/hostname", path_.c_str()), 0);
  EXPECT_FALSE(open_pin_source(path_, getuid()));
  EXPECT_FALSE(open_pin_source("relative/pin", getuid()));
  EXPECT_FALSE(open_pin_source("credential:../pin", getuid()));
}

TEST_F(PinFile, EmptyAndOverlongPinsAreRefused) {
  put("\n", 0400);
  EXPECT_FALSE(read_pin(open_pin_source(path_, getuid())->fd()));
  chmod(path_.c_str(), 0600);
  put(std::string(257, '1'), 0400);
  EXPECT_FALSE(read_pin(open_pin_source(path_, getuid())->fd()));
  chmod(path_.c_str(), 0600);
  put(std::string(256, '1') + "\n", 0400);
  EXPECT_TRUE(read_pin(open_pin_source(path_, getuid())->fd()));
}

}  // namespace
}  // namespace gatehouse
