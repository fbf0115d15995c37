#include "ca/api/credentials.h"

#include <gtest/gtest.h>

namespace gatehouse::ca {
namespace {

TEST(Rfc7617Basic, ReadsTheExamplesInTheRfc) {
  const auto aladdin = parse_basic_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  ASSERT_TRUE(aladdin);
  EXPECT_EQ(aladdin->user, "Aladdin");
  EXPECT_EQ(aladdin->secret.reveal_text(), "open sesame");
  const auto pound = parse_basic_authorization("Basic dGVzdDoxMjPCow==");
  ASSERT_TRUE(pound);
  EXPECT_EQ(pound->user, "test");
  EXPECT_EQ(pound->secret.reveal_text(), "123\xc2\xa3");
}

TEST(Rfc7617Basic, TakesTheSchemeInAnyCaseAndColonsInThePassword) {
  const auto password = parse_basic_authorization("bAsIC " + base64(as_bytes("alice:a:b:")));
  ASSERT_TRUE(password);
  EXPECT_EQ(password->user, "alice");
  EXPECT_EQ(password->secret.reveal_text(), "a:b:");
}

TEST(Rfc7617Basic, WritesWhatItReads) {
  const SecretBytes secret = SecretBytes::copy_of(as_bytes("open sesame"));
  EXPECT_EQ(basic_authorization("Aladdin", secret).reveal_text(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(Rfc7617Basic, RefusesOtherSchemesAndBadBase64) {
  for (const char* value : {"", "Basic", "Basic ", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                            "Basic QWxhZGRpbjpvcGVu*", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", "Basic ====", "Basic A===",
                            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==", "Basic QWxhZGRpbjpv cGVuIHNlc2FtZQ=="}) {
    EXPECT_FALSE(parse_basic_authorization(value)) << value;
  }
}

// RFC 4513 section 5.1.2: with an empty password a directory binds without asking for one.
TEST(Rfc7617Basic, RefusesEmptyAndNulPasswords) {
  using namespace std::string_view_literals;
  for (const auto pair : {"alice:"sv, ":secret"sv, "alice"sv, "alice:\0"sv, "alice:a\0b"sv, "al\nice:x"sv, "al\0ice:x"sv}) {
    EXPECT_FALSE(parse_basic_authorization("Basic " + base64(as_bytes(pair)))) << pair;
  }
}

TEST(Rfc7617Basic, BoundsNameAndPassword) {
  const auto header = [](std::size_t user, std::size_t password) {
    return "Basic " + base64(as_bytes(std::string(user, 'u') + ":" + std::string(password, 'p')));
  };
  EXPECT_TRUE(parse_basic_authorization(header(Password::max_user, Password::max_size)));
  EXPECT_FALSE(parse_basic_authorization(header(Password::max_user + 1, 8)));
  EXPECT_FALSE(parse_basic_authorization(header(8, Password::max_size + 1)));
  EXPECT_FALSE(parse_basic_authorization(header(8, 100'000)));
}

}  // namespace
}  // namespace gatehouse::ca
