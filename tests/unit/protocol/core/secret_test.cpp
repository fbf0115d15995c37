#include "protocol/core/secret.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace gatehouse {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes> && std::is_nothrow_move_assignable_v<SecretBytes>);

TEST(SecretBytes, MovesItsContentAndIsEmptyAfterwards) {
  SecretBytes first = SecretBytes::copy_of(as_bytes("secret"));
  const SecretBytes second = std::move(first);
  EXPECT_EQ(second.reveal_text(), "secret");
  EXPECT_EQ(second.size(), 6u);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(first.reveal().empty());
}

TEST(SecretBytes, BeginsWithZeros) {
  const SecretBytes fresh(4);
  EXPECT_EQ(hex(fresh.reveal()), "00000000");
  EXPECT_TRUE(SecretBytes().empty());
  EXPECT_TRUE(SecretBytes(0).empty());
}

TEST(SecretBytes, IsFilledInPlace) {
  SecretBytes bytes(2);
  bytes.fill()[1] = 7;
  EXPECT_EQ(hex(bytes.reveal()), "0007");
  EXPECT_EQ(hex(bytes.first(1).reveal()), "00");
}

TEST(EqualInConstantTime, ComparesLengthAndContent) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("ab"), as_bytes("ab")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("ab"), as_bytes("ac")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("ab"), as_bytes("abc")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("ab"), {}));
}

}  // namespace
}  // namespace gatehouse
