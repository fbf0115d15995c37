#include "ca/policy/policy_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/ca/directory/child_process.h"

namespace gatehouse::ca {
namespace {

std::string text(const std::string& principal) { return "[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"" + principal + "\"]\n"; }

class OnAFile : public testing::Test {
 protected:
  void write(const std::string& content) { std::ofstream(path_, std::ios::trunc) << content; }
  void replace(const std::string& content) {
    std::ofstream(path_ + ".new") << content;
    std::filesystem::rename(path_ + ".new", path_);
  }
  static std::string principal(PolicyFile& file) { return file.current()->roles().front().principals.front(); }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.path("policy.toml");
};

TEST_F(OnAFile, TheFirstReadingMustBeGood) {
  EXPECT_FALSE(PolicyFile::open(path_));
  write("[role");
  const auto bad = PolicyFile::open(path_);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().where, path_ + " line 1");
  write(text("one"));
  EXPECT_TRUE(PolicyFile::open(path_));
}

TEST_F(OnAFile, AChangeIsSeenAtOnceAlsoOfEqualLengthInTheSameMoment) {
  write(text("p0"));
  auto file = PolicyFile::open(path_);
  ASSERT_TRUE(file);
  for (int i = 0; i < 10; ++i) {
    const auto name = "p" + std::to_string(i);
    i % 2 == 0 ? write(text(name)) : replace(text(name));
    EXPECT_EQ(principal(**file), name);
  }
}

TEST_F(OnAFile, ABrokenFileKeepsTheLastGoodOneAndRaisesAnAlarm) {
  write(text("good"));
  auto file = PolicyFile::open(path_);
  ASSERT_TRUE(file);
  const auto hash = (*file)->current()->hash();
  EXPECT_FALSE((*file)->alarm());
  replace("[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[]\n");
  EXPECT_EQ((*file)->current()->hash(), hash);
  ASSERT_TRUE((*file)->alarm());
  EXPECT_EQ((*file)->alarm()->where, path_ + " line 3");
  std::filesystem::remove(path_);
  EXPECT_EQ((*file)->current()->hash(), hash);
  ASSERT_TRUE((*file)->alarm());
  write(text("better"));
  EXPECT_EQ(principal(**file), "better");
  EXPECT_FALSE((*file)->alarm());
}

TEST_F(OnAFile, AFileThatOthersMayWriteIsNoPolicy) {
  write(text("good"));
  auto file = PolicyFile::open(path_);
  ASSERT_TRUE(file);
  write(text("evil"));
  ::chmod(path_.c_str(), 0666);
  EXPECT_EQ(principal(**file), "good");
  EXPECT_TRUE((*file)->alarm());
  ::chmod(path_.c_str(), 0644);
  EXPECT_EQ(principal(**file), "evil");
}

TEST_F(OnAFile, WhoHoldsAPolicyKeepsItWhileTheFileChanges) {
  write(text("old"));
  auto file = PolicyFile::open(path_);
  ASSERT_TRUE(file);
  const auto held = (*file)->current();
  write(text("new"));
  EXPECT_EQ(principal(**file), "new");
  EXPECT_EQ(held->roles().front().principals.front(), "old");
}

}  // namespace
}  // namespace gatehouse::ca
