#include "protocol/crypto/digest.h"

#include <gtest/gtest.h>

namespace gatehouse::crypto {
namespace {

// FIPS 180-2 appendices B, C and D: "abc".
TEST(Fips180Digest, GivesTheExamplesOfTheStandard) {
  EXPECT_EQ(hex(hash(Digest::sha256, as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hash(Digest::sha384, as_bytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(
      hex(hash(Digest::sha512, as_bytes("abc"))),
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49"
      "f");
}

TEST(Fips180Digest, TakesNoOctetsAtAll) {
  EXPECT_EQ(hex(hash(Digest::sha256, {})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, HasTheSizeOfItsOutput) {
  for (const Digest digest : {Digest::sha256, Digest::sha384, Digest::sha512}) {
    EXPECT_EQ(hash(digest, as_bytes("x")).size(), digest_size(digest));
  }
}

struct HmacCase {
  std::string name, key, data, sha256, sha384, sha512;
};
class Rfc4231Hmac : public testing::TestWithParam<HmacCase> {};

TEST_P(Rfc4231Hmac, GivesTheTestCaseOfTheRfc) {
  const HmacCase& given = GetParam();
  const SecretBytes key = SecretBytes::copy_of(unhex(given.key).value());
  const ByteVector data = unhex(given.data).value();
  EXPECT_EQ(hex(hmac(Digest::sha256, key, data)), given.sha256);
  EXPECT_EQ(hex(hmac(Digest::sha384, key, data)), given.sha384);
  EXPECT_EQ(hex(hmac(Digest::sha512, key, data)), given.sha512);
}

INSTANTIATE_TEST_SUITE_P(
    Section4, Rfc4231Hmac,
    testing::Values(
        HmacCase{
            "Case1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a12"
            "6854"},
        HmacCase{
            "Case2", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bc"
            "e737"}),
    [](const auto& given) { return given.param.name; });

TEST(Hmac, TakesAnEmptyKey) {
  // The key is padded with zeros to the block (RFC 2104 section 2): the empty key and one zero octet are the same.
  EXPECT_EQ(hmac(Digest::sha256, SecretBytes(), as_bytes("data")), hmac(Digest::sha256, SecretBytes(1), as_bytes("data")));
}

}  // namespace
}  // namespace gatehouse::crypto
