#include "protocol/core/bytes.h"

#include <gtest/gtest.h>

namespace gatehouse {
namespace {

struct Base64Case {
  std::string name, plain, text;
};
class Rfc4648Section10 : public testing::TestWithParam<Base64Case> {};

TEST_P(Rfc4648Section10, GivesTheTestVector) {
  EXPECT_EQ(base64(as_bytes(GetParam().plain)), GetParam().text);
  const std::optional<ByteVector> decoded = unbase64(GetParam().text);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(to_string(*decoded), GetParam().plain);
}

INSTANTIATE_TEST_SUITE_P(Base64, Rfc4648Section10,
                         testing::Values(Base64Case{"Empty", "", ""}, Base64Case{"F", "f", "Zg=="}, Base64Case{"Fo", "fo", "Zm8="},
                                         Base64Case{"Foo", "foo", "Zm9v"}, Base64Case{"Foob", "foob", "Zm9vYg=="},
                                         Base64Case{"Fooba", "fooba", "Zm9vYmE="}, Base64Case{"Foobar", "foobar", "Zm9vYmFy"}),
                         [](const auto& given) { return given.param.name; });

TEST(Base64, IsReadInOneSpellingOnly) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Z===", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm9v ", "Zm-_",
                           "Zm9v====", "Zm=v", "Z\0==", "Zm9vYmF\x80"}) {
    EXPECT_EQ(unbase64(text), std::nullopt) << text;
  }
  EXPECT_EQ(hex(unbase64("+/+/").value()), "fbffbf");
}

TEST(Base64, TakesEveryOctet) {
  ByteVector all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(unbase64(base64(all)).value(), all);
}

TEST(Hex, IsWrittenInLowerCaseAndReadInBoth) {
  const ByteVector octets{0x00, 0x0f, 0xa5, 0xff};
  EXPECT_EQ(hex(octets), "000fa5ff");
  EXPECT_EQ(unhex("000fA5Ff").value(), octets);
  EXPECT_EQ(unhex("").value(), ByteVector());
  for (const char* text : {"0", "0g", "g0", "0x", " 00", "00 "}) EXPECT_EQ(unhex(text), std::nullopt) << text;
}

TEST(Equal, ComparesLengthAndContent) {
  EXPECT_TRUE(equal({}, {}));
  EXPECT_TRUE(equal(as_bytes("ab"), as_bytes("ab")));
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("ac")));
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("abc")));
  EXPECT_FALSE(equal({}, as_bytes("a")));
}

TEST(Escaped, LeavesPrintableAsciiAlone) { EXPECT_EQ(escaped("alice@host: \"it's\" {1}~"), "alice@host: \"it's\" {1}~"); }

TEST(Escaped, MakesEverythingElseHarmless) {
  EXPECT_EQ(escaped("a\r\nb"), "a\\x0d\\x0ab");
  EXPECT_EQ(escaped("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escaped("\x7f"), "\\x7f");
  EXPECT_EQ(escaped("ü"), "\\xc3\\xbc");
  EXPECT_EQ(escaped("\\x0a"), "\\\\x0a") << "what looks escaped was not";
}

TEST(Escaped, CutsWhatIsTooLongAndSaysSo) {
  EXPECT_EQ(escaped("abcd", 4), "abcd");
  EXPECT_EQ(escaped("abcde", 4), "abcd…");
  EXPECT_EQ(escaped(std::string(1000, 'a')).size(), 256 + std::string("…").size());
}

}  // namespace
}  // namespace gatehouse
