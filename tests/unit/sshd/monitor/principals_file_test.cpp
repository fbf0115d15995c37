#include "sshd/monitor/principals_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gatehouse::sshd {
namespace {

class PrincipalsFile : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatehouse-principals.XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    folder_ = pattern;
    account_ = {"me", geteuid(), getegid(), folder_, "/bin/sh"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  static std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }
  std::optional<ByteVector> read(const std::string& path, bool strict_modes) const {
    return read_principals_file(path, account_, strict_modes, soon());
  }
  std::string folder_;
  Account account_;
};

TEST(PrincipalsPath, ExpandsItsTokens) {
  const Account alice{"alice", 1000, 1000, "/home/alice", ""};
  EXPECT_EQ(expand_principals_path("/etc/principals/%u", alice), "/etc/principals/alice");
  EXPECT_EQ(expand_principals_path("%h/.ssh/p", alice), "/home/alice/.ssh/p");
  EXPECT_EQ(expand_principals_path(".ssh/p", alice), "/home/alice/.ssh/p");
  EXPECT_EQ(expand_principals_path("/p/%U/100%%", alice), "/p/1000/100%");
}

TEST_F(PrincipalsFile, IsReadWhole) {
  const std::string text(100000, 'p');
  const auto content = read(write("p", text), true);
  ASSERT_TRUE(content);
  EXPECT_EQ(to_string(*content), text);
}

TEST_F(PrincipalsFile, ThatIsMissingIsNothing) { EXPECT_FALSE(read(folder_ + "/none", true)); }

TEST_F(PrincipalsFile, ThatOthersMayWriteIsNothingToStrictModes) {
  const auto path = write("p", "x", 0622);
  EXPECT_FALSE(read(path, true));
  EXPECT_TRUE(read(path, false));
}

TEST_F(PrincipalsFile, InAFolderThatOthersMayWriteIsNothingToStrictModes) {
  const auto path = write("p", "x");
  chmod(folder_.c_str(), 0777);
  EXPECT_FALSE(read(path, true));
}

TEST_F(PrincipalsFile, ThatIsEndlessIsNothing) { EXPECT_FALSE(read("/dev/zero", false)); }

TEST_F(PrincipalsFile, IsNotReadPastTheTimeForLogins) {
  const auto path = write("p", "x");
  EXPECT_FALSE(read_principals_file(path, account_, false, std::chrono::steady_clock::now()));
}

TEST_F(PrincipalsFile, IsOpenedWithTheReadersRights) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const auto path = write("p", "x", 0600);
  Account nobody = account_;
  nobody.name = "nobody";
  nobody.uid = 65534;
  nobody.gid = 65534;
  EXPECT_FALSE(read_principals_file(path, nobody, false, soon()));
}

}  // namespace
}  // namespace gatehouse::sshd
