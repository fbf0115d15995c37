#include "ca/authn/nonce.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

namespace gatehouse::ca {
namespace {

using Verdict = NonceMint::Verdict;
constexpr NonceMint::Time now{std::chrono::seconds(1'700'000'000)};

NonceMint mint(std::string_view key = "0123456789abcdef0123456789abcdef", std::string audience = "example") {
  return NonceMint(SecretBytes::copy_of(as_bytes(key)), std::move(audience));
}

TEST(Nonce, IsGoodForFiveMinutesAtEveryNodeWithTheKey) {
  const std::string nonce = mint().mint(now);
  EXPECT_EQ(nonce.size(), 76U);
  EXPECT_EQ(mint().judge(nonce, now), Verdict::good);
  EXPECT_EQ(mint().judge(nonce, now + std::chrono::seconds(299)), Verdict::good);
  EXPECT_EQ(mint().judge(nonce, now + std::chrono::seconds(300)), Verdict::expired);
}

TEST(Nonce, OfANodeWhoseClockIsAheadIsGoodWithinTheSkew) {
  EXPECT_EQ(mint().judge(mint().mint(now + std::chrono::seconds(60)), now), Verdict::good);
  EXPECT_EQ(mint().judge(mint().mint(now + std::chrono::seconds(61)), now), Verdict::not_ours);
}

TEST(Nonce, OfAnotherKeyOrAudienceIsNotOurs) {
  EXPECT_EQ(mint("ffffffffffffffffffffffffffffffff").judge(mint().mint(now), now), Verdict::not_ours);
  EXPECT_EQ(mint().judge(mint("0123456789abcdef0123456789abcdef", "other").mint(now), now), Verdict::not_ours);
}

TEST(Nonce, ChangedInAnyOctetIsNotOurs) {
  const ByteVector whole = *unbase64(mint().mint(now));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    ByteVector changed = whole;
    changed[i] ^= 1;
    EXPECT_EQ(mint().judge(base64(changed), now), Verdict::not_ours) << i;
  }
  EXPECT_EQ(mint().judge(base64(Bytes(whole).first(whole.size() - 1)), now), Verdict::not_ours);
  EXPECT_EQ(mint().judge("", now), Verdict::not_ours);
  EXPECT_EQ(mint().judge("n", now), Verdict::not_ours);
}

TEST(Nonce, NeverComesTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(mint().mint(now));
  EXPECT_EQ(seen.size(), 1000U);
}

class NonceKey : public testing::Test {
 protected:
  std::string folder_ = [] {
    std::string name = testing::TempDir() + "/nonce-XXXXXX";
    return std::string(::mkdtemp(name.data()));
  }();
  std::string path_ = folder_ + "/nonce.key";
};

TEST_F(NonceKey, IsMadeOnceAndReadAgain) {
  const auto made = load_or_make_nonce_key(path_);
  ASSERT_TRUE(made) << made.error().line();
  const auto again = load_or_make_nonce_key(path_);
  ASSERT_TRUE(again);
  EXPECT_TRUE(equal(made->reveal(), again->reveal()));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(NonceKey, ThatOthersCanReadIsRefused) {
  ASSERT_TRUE(load_or_make_nonce_key(path_));
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_FALSE(load_or_make_nonce_key(path_));
}

TEST_F(NonceKey, OfAnotherLengthIsRefused) {
  std::ofstream(path_) << "short";
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  EXPECT_FALSE(load_or_make_nonce_key(path_));
}

TEST_F(NonceKey, BehindALinkIsRefused) {
  ASSERT_EQ(::symlink("/etc/hostname", path_.c_str()), 0);
  EXPECT_FALSE(load_or_make_nonce_key(path_));
}

}  // namespace
}  // namespace gatehouse::ca
