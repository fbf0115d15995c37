#include "pkcs11/token/public_object.h"

#include <gtest/gtest.h>

namespace gatehouse::pkcs11 {
namespace {

ByteVector octets(std::initializer_list<std::uint8_t> head, std::size_t rest) {
  ByteVector out(head);
  for (std::size_t i = 0; i < rest; ++i) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

TEST(Ed25519Point, IsReadInItsThreeForms) {
  const ByteVector raw = octets({}, 32);
  EXPECT_EQ(ed25519_point(raw), raw);
  EXPECT_EQ(ed25519_point(octets({0x04, 0x20}, 32)), raw);
  EXPECT_EQ(ed25519_point(octets({0x03, 0x21, 0x00}, 32)), raw);
}

TEST(Ed25519Point, ThatBeginsLikeDerIsStillRaw) {
  const ByteVector raw = octets({0x04, 0x1e}, 30);
  EXPECT_EQ(ed25519_point(raw), raw);
}

TEST(Ed25519Point, OfAnotherLengthIsRefused) {
  for (const std::size_t size : {0, 31, 33, 34, 35, 36}) EXPECT_FALSE(ed25519_point(ByteVector(size, 0xff))) << size;
}

TEST(EcdsaPoint, IsReadInItsForms) {
  for (const std::size_t field : {32, 48, 66}) {
    const ByteVector point = octets({0x04}, 2 * field);
    EXPECT_EQ(ecdsa_point(point, field), point);
    EXPECT_EQ(ecdsa_point(octets({}, 2 * field), field), point);
    ByteVector der{0x04};
    if (point.size() >= 0x80) der.push_back(0x81);
    der.push_back(static_cast<std::uint8_t>(point.size()));
    der.insert(der.end(), point.begin(), point.end());
    EXPECT_EQ(ecdsa_point(der, field), point);
    der[der.size() - point.size() - 1] ^= 1;
    EXPECT_FALSE(ecdsa_point(der, field));
  }
}

TEST(EcdsaPoint, ThatIsCompressedIsRefused) {
  EXPECT_FALSE(ecdsa_point(octets({0x02}, 32), 32));
  EXPECT_FALSE(ecdsa_point(octets({0x04, 0x21, 0x02}, 32), 32));
  EXPECT_FALSE(ecdsa_point({}, 32));
}

TEST(EcParameters, NameTheCurve) {
  EXPECT_EQ(curve_of(*unhex("06082a8648ce3d030107")), keys::KeyType::ecdsa_p256);
  EXPECT_EQ(curve_of(*unhex("06052b81040022")), keys::KeyType::ecdsa_p384);
  EXPECT_EQ(curve_of(*unhex("06052b81040023")), keys::KeyType::ecdsa_p521);
  EXPECT_EQ(curve_of(*unhex("06032b6570")), keys::KeyType::ed25519);
  EXPECT_EQ(curve_of(*unhex("130c656477617264733235353139")), keys::KeyType::ed25519);
  EXPECT_FALSE(curve_of(*unhex("06052b8104000a")));  // secp256k1
  EXPECT_FALSE(curve_of({}));
}

}  // namespace
}  // namespace gatehouse::pkcs11
