#include "protocol/crypto/key_agreement.h"

#include <gtest/gtest.h>

#include <cctype>

#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {
namespace {

ByteVector octets(const std::string& digits) { return unhex(digits).value(); }

class EveryMethod : public testing::TestWithParam<KexMethod> {};
INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod, testing::ValuesIn(all_kex_methods().begin(), all_kex_methods().end()),
                         [](const auto& given) {
                           std::string name(kex_method_name(given.param));
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST_P(EveryMethod, AgreesOnOneSecret) {
  KeyAgreement client = KeyAgreement::start(GetParam());
  EXPECT_EQ(client.method(), GetParam());
  const KeyAgreementAnswer server = answer_key_agreement(GetParam(), client.share()).value();
  const SecretBytes secret = std::move(client).finish(server.share).value();
  EXPECT_TRUE(equal(secret.reveal(), server.shared_secret.reveal()));
  EXPECT_FALSE(secret.empty());
}

TEST_P(EveryMethod, DrawsANewKeyEachTime) {
  const KeyAgreement first = KeyAgreement::start(GetParam());
  const KeyAgreement second = KeyAgreement::start(GetParam());
  EXPECT_FALSE(equal(first.share(), second.share()));
  const KeyAgreementAnswer one = answer_key_agreement(GetParam(), first.share()).value();
  const KeyAgreementAnswer other = answer_key_agreement(GetParam(), first.share()).value();
  EXPECT_NE(one.share, other.share);
  EXPECT_FALSE(equal(one.shared_secret.reveal(), other.shared_secret.reveal()));
}

/// Both sides refuse the share, and say so with the right violation.
void expect_refused(KexMethod method, Bytes share, const std::string& what) {
  const ProtocolResult<KeyAgreementAnswer> answer = answer_key_agreement(method, share);
  ASSERT_FALSE(answer) << what;
  EXPECT_EQ(answer.error().violation, Violation::bad_key_share) << what;
  const ProtocolResult<SecretBytes> secret = KeyAgreement::start(method).finish(share);
  ASSERT_FALSE(secret) << what;
  EXPECT_EQ(secret.error().violation, Violation::bad_key_share) << what;
}

TEST_P(EveryMethod, RefusesAShareOfAnotherLength) {
  const ByteVector share = to_vector(KeyAgreement::start(GetParam()).share());
  for (std::size_t size = 0; size < share.size(); ++size) expect_refused(GetParam(), Bytes(share).first(size), std::to_string(size));
  ByteVector longer = share;
  longer.push_back(0);
  expect_refused(GetParam(), longer, "one octet more");
  expect_refused(GetParam(), ByteVector(100000, 4), "much more");
}

TEST_P(EveryMethod, LeavesNothingInTheErrorQueue) {
  ERR_clear_error();
  expect_refused(GetParam(), ByteVector(KeyAgreement::start(GetParam()).share().size()), "zeros");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Rfc7748Section6, RefusesSharesThatGiveAnAllZeroSecret) {
  // Little-endian u coordinates of small order, and the same values not reduced modulo 2^255 - 19.
  for (const char* share : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    expect_refused(KexMethod::curve25519_sha256, octets(share), share);
  }
}

/// u coordinate of k times the point with coordinate u, by the formulas of RFC 7748 section 5 in whole numbers, apart from the code under
/// test.
ByteVector x25519(ByteVector k, ByteVector u) {
  k[0] &= 248;
  k[31] = static_cast<std::uint8_t>((k[31] & 127) | 64);
  u[31] &= 127;
  const std::unique_ptr<BN_CTX, FreeWith<BN_CTX_free>> work(BN_CTX_new());
  const auto number = [](BN_ULONG value) {
    BigNum made(BN_new());
    BN_set_word(made.get(), value);
    return made;
  };
  const BigNum p = number(1);
  BN_lshift(p.get(), p.get(), 255);
  BN_sub_word(p.get(), 19);
  const auto add = [&](const BigNum& a, const BigNum& b) {
    BigNum sum(BN_new());
    BN_mod_add(sum.get(), a.get(), b.get(), p.get(), work.get());
    return sum;
  };
  const auto subtract = [&](const BigNum& a, const BigNum& b) {
    BigNum difference(BN_new());
    BN_mod_sub(difference.get(), a.get(), b.get(), p.get(), work.get());
    return difference;
  };
  const auto multiply = [&](const BigNum& a, const BigNum& b) {
    BigNum product(BN_new());
    BN_mod_mul(product.get(), a.get(), b.get(), p.get(), work.get());
    return product;
  };
  const BigNum x_1(BN_lebin2bn(u.data(), 32, nullptr));
  BigNum x_2 = number(1);
  BigNum z_2 = number(0);
  BigNum x_3(BN_dup(x_1.get()));
  BigNum z_3 = number(1);
  const BigNum a24 = number(121665);
  bool swapped = false;
  for (int t = 254; t >= 0; --t) {
    const bool bit = (k[static_cast<std::size_t>(t) / 8] >> (t % 8) & 1) != 0;
    if (swapped != bit) {
      std::swap(x_2, x_3);
      std::swap(z_2, z_3);
    }
    swapped = bit;
    const BigNum a = add(x_2, z_2);
    const BigNum aa = multiply(a, a);
    const BigNum b = subtract(x_2, z_2);
    const BigNum bb = multiply(b, b);
    const BigNum e = subtract(aa, bb);
    const BigNum da = multiply(subtract(x_3, z_3), a);
    const BigNum cb = multiply(add(x_3, z_3), b);
    const BigNum sum = add(da, cb);
    const BigNum difference = subtract(da, cb);
    x_3 = multiply(sum, sum);
    z_3 = multiply(x_1, multiply(difference, difference));
    x_2 = multiply(aa, bb);
    z_2 = multiply(e, add(aa, multiply(a24, e)));
  }
  if (swapped) {
    std::swap(x_2, x_3);
    std::swap(z_2, z_3);
  }
  const BigNum inverse(BN_mod_inverse(nullptr, z_2.get(), p.get(), work.get()));
  ByteVector result(32);
  BN_bn2lebinpad(multiply(x_2, inverse).get(), result.data(), 32);
  return result;
}

TEST(Rfc7748Section6, AgreesWithAliceOfTheRfc) {
  // The first vector of section 5.2 proves the formulas above.
  ASSERT_EQ(hex(x25519(octets("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                       octets("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  const ByteVector private_key = octets("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const ByteVector public_key = octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const KeyAgreementAnswer answer = answer_key_agreement(KexMethod::curve25519_sha256, public_key).value();
  // RFC 8731 section 3: K is the 32 octets as they are, read as a big-endian number.
  EXPECT_EQ(hex(x25519(private_key, answer.share)), hex(answer.shared_secret.reveal()));
}

struct CurveCase {
  KexMethod method;
  int openssl_curve;
  std::size_t field_size;
  std::string name, private_key, public_x, public_y;
};
class Rfc5903Section8 : public testing::TestWithParam<CurveCase> {};

TEST_P(Rfc5903Section8, AgreesWithTheInitiatorOfTheRfc) {
  const CurveCase& given = GetParam();
  const ByteVector share = octets("04" + given.public_x + given.public_y);
  const KeyAgreementAnswer answer = answer_key_agreement(given.method, share).value();
  // x coordinate of i times the answer, with OpenSSL's arithmetic of points.
  const std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(given.openssl_curve));
  const std::unique_ptr<EC_POINT, FreeWith<EC_POINT_free>> point(EC_POINT_new(group.get()));
  ASSERT_EQ(EC_POINT_oct2point(group.get(), point.get(), answer.share.data(), answer.share.size(), nullptr), 1);
  const ByteVector private_octets = octets(given.private_key);
  const BigNum i(BN_bin2bn(private_octets.data(), static_cast<int>(private_octets.size()), nullptr));
  const BigNum x(BN_new());
  ASSERT_EQ(EC_POINT_mul(group.get(), point.get(), nullptr, point.get(), i.get(), nullptr), 1);
  ASSERT_EQ(EC_POINT_get_affine_coordinates(group.get(), point.get(), x.get(), nullptr, nullptr), 1);
  ByteVector expected(given.field_size);
  BN_bn2binpad(x.get(), expected.data(), static_cast<int>(expected.size()));
  EXPECT_EQ(hex(answer.shared_secret.reveal()), hex(expected));
}

TEST_P(Rfc5903Section8, RefusesPointsThatAreNone) {
  const CurveCase& given = GetParam();
  const std::string x = given.public_x;
  const std::string y = given.public_y;
  ByteVector off = octets("04" + x + y);
  off.back() ^= 1;
  expect_refused(given.method, off, "off the curve");
  expect_refused(given.method, octets("00"), "infinity");
  expect_refused(given.method, octets("00" + x + y), "a point without its form");
  expect_refused(given.method, octets("02" + x), "compressed");
  expect_refused(given.method, octets("06" + x + y), "hybrid");
  expect_refused(given.method, octets("07" + x + y), "hybrid");
  expect_refused(given.method, octets("04" + std::string(x.size() + y.size(), '0')), "zero");
  expect_refused(given.method, octets("04" + std::string(x.size() + y.size(), 'f')), "coordinates not below p");
}

INSTANTIATE_TEST_SUITE_P(
    Curves, Rfc5903Section8,
    testing::Values(CurveCase{KexMethod::ecdh_nistp256, NID_X9_62_prime256v1, 32, "P256",
                              "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
                              "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180",
                              "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"},
                    CurveCase{KexMethod::ecdh_nistp384, NID_secp384r1, 48, "P384",
                              "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
                              "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa",
                              "9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c"},
                    CurveCase{KexMethod::ecdh_nistp521, NID_secp521r1, 66, "P521",
                              "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2639ba"
                              "b072462f68c27a57382d"
                              "4a52",
                              "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d107564941885942af5"
                              "a7f4601723c4195d176c"
                              "ed3e",
                              "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f15"
                              "07438bf01beb6ca3926f"
                              "9582"}),
    [](const auto& given) { return given.param.name; });

TEST(KexMethod, IsFoundByItsName) {
  for (const KexMethod method : all_kex_methods()) EXPECT_EQ(kex_method_by_name(kex_method_name(method)), method);
  EXPECT_EQ(kex_method_by_name("diffie-hellman-group14-sha256"), std::nullopt);
  EXPECT_EQ(kex_method_by_name(""), std::nullopt);
  EXPECT_EQ(all_kex_methods().front(), KexMethod::curve25519_sha256);
}

TEST(KexMethod, HasTheHashOfItsRfc) {
  EXPECT_EQ(kex_digest(KexMethod::curve25519_sha256), Digest::sha256);
  EXPECT_EQ(kex_digest(KexMethod::curve25519_sha256_libssh), Digest::sha256);
  EXPECT_EQ(kex_digest(KexMethod::ecdh_nistp256), Digest::sha256);
  EXPECT_EQ(kex_digest(KexMethod::ecdh_nistp384), Digest::sha384);
  EXPECT_EQ(kex_digest(KexMethod::ecdh_nistp521), Digest::sha512);
}

TEST(SharedSecret, IsEncodedAsAnMpint) {
  const auto encoded = [](const std::string& digits) {
    return hex(encode_shared_secret(KexMethod::curve25519_sha256, SecretBytes::copy_of(octets(digits))).reveal());
  };
  EXPECT_EQ(encoded("7f01"), "000000027f01");
  EXPECT_EQ(encoded("8001"), "00000003008001");
  EXPECT_EQ(encoded("00007f"), "000000017f");
  EXPECT_EQ(encoded("0080"), "000000020080");
  EXPECT_EQ(encoded("0000"), "00000000");
  EXPECT_EQ(encoded(""), "00000000");
}

}  // namespace
}  // namespace gatehouse::crypto
