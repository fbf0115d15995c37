/// Verifying signatures: PublicKey::verify.
#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "protocol/keys/public_key.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

ByteVector octets(const std::string& digits) { return unhex(digits).value(); }

struct Rfc8032Case {
  std::string name, public_key, message, signature;
};
class Rfc8032Section7 : public testing::TestWithParam<Rfc8032Case> {};

TEST_P(Rfc8032Section7, VerifiesTheSignatureOfTheTest) {
  const PublicKey key = PublicKey::from_ed25519(octets(GetParam().public_key)).value();
  ByteVector message = octets(GetParam().message);
  const ByteVector blob = signature_blob(SignatureAlgorithm::ed25519, octets(GetParam().signature));
  EXPECT_TRUE(key.verify(SignatureAlgorithm::ed25519, message, blob));
  EXPECT_EQ(key.verify_any(message, blob), SignatureAlgorithm::ed25519);
  message.push_back(0);
  EXPECT_FALSE(key.verify(SignatureAlgorithm::ed25519, message, blob));
}

INSTANTIATE_TEST_SUITE_P(
    Tests, Rfc8032Section7,
    testing::Values(
        Rfc8032Case{"Test1", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
                    "be24655141438e7a100b"},
        Rfc8032Case{"Test2", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
                    "2aeeb00d291612bb0c00"},
        Rfc8032Case{"Test3", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
                    "d28dc027beceea1ec40a"}),
    [](const auto& given) { return given.param.name; });

TEST(Rfc8032Section5, RefusesAScalarThatIsNotBelowTheOrder) {
  // "verify … 0 <= s < L": the signature of test 1 with L added to s would be a second one for the same message.
  const PublicKey key = PublicKey::from_ed25519(octets("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).value();
  ByteVector signature = octets(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  const ByteVector order = octets("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");  // little endian, as s
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(key.verify(SignatureAlgorithm::ed25519, {}, signature_blob(SignatureAlgorithm::ed25519, signature)));
}

struct Rfc6979Case {
  std::string name;
  SignatureAlgorithm algorithm;
  std::size_t field_size;
  std::string x, y, r, s;
};
class Rfc6979AppendixA2 : public testing::TestWithParam<Rfc6979Case> {
 protected:
  static ByteVector padded(const std::string& digits) {
    return octets(std::string(2 * GetParam().field_size - digits.size(), '0') + digits);
  }
  static PublicKey key() {
    WireWriter point;
    point.byte(4).raw(padded(GetParam().x)).raw(padded(GetParam().y));
    return PublicKey::from_ecdsa(key_type_of(GetParam().algorithm), point.view()).value();
  }
  static ByteVector blob_of(Bytes numbers) {
    WireWriter blob;
    blob.string(signature_name(GetParam().algorithm)).string(numbers);
    return blob.take();
  }
  static bool verifies(Bytes numbers) { return key().verify(GetParam().algorithm, as_bytes("sample"), blob_of(numbers)); }
};

TEST_P(Rfc6979AppendixA2, VerifiesTheSignatureOfSample) {
  const ByteVector raw = WireWriter().raw(padded(GetParam().r)).raw(padded(GetParam().s)).take();
  const ByteVector blob = signature_blob(GetParam().algorithm, raw);
  EXPECT_TRUE(key().verify(GetParam().algorithm, as_bytes("sample"), blob));
  EXPECT_EQ(key().verify_any(as_bytes("sample"), blob), GetParam().algorithm);
  EXPECT_FALSE(key().verify(GetParam().algorithm, as_bytes("Sample"), blob));
}

TEST_P(Rfc6979AppendixA2, RefusesNumbersThatAreMalformedOrOutOfBounds) {
  const ByteVector r = padded(GetParam().r);
  const ByteVector s = padded(GetParam().s);
  ASSERT_TRUE(verifies(WireWriter().mpint(r).mpint(s).view()));
  EXPECT_FALSE(verifies(WireWriter().mpint(s).mpint(r).view()));
  EXPECT_FALSE(verifies(WireWriter().mpint(r).mpint({}).view()));
  EXPECT_FALSE(verifies(WireWriter().mpint({}).mpint(s).view()));
  EXPECT_FALSE(verifies(WireWriter().mpint(r).mpint(s).byte(0).view())) << "octets left over";
  EXPECT_FALSE(verifies(WireWriter().mpint(r).view()));
  EXPECT_FALSE(verifies({}));
  ByteVector padded_r(3);
  padded_r.insert(padded_r.end(), r.begin(), r.end());
  EXPECT_FALSE(verifies(WireWriter().string(padded_r).mpint(s).view())) << "not minimal";
  ByteVector negative = r;
  negative.front() |= 0x80;
  EXPECT_FALSE(verifies(WireWriter().string(negative).mpint(s).view())) << "negative";
  ByteVector large = r;
  large.insert(large.begin(), 1);
  EXPECT_FALSE(verifies(WireWriter().mpint(large).mpint(s).view())) << "longer than the field";
  EXPECT_FALSE(verifies(WireWriter().raw(r).raw(s).view())) << "raw halves";
}

INSTANTIATE_TEST_SUITE_P(
    Keys, Rfc6979AppendixA2,
    testing::Values(
        Rfc6979Case{"P256", SignatureAlgorithm::ecdsa_p256, 32, "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
                    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        Rfc6979Case{"P384", SignatureAlgorithm::ecdsa_p384, 48,
                    "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
                    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
                    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
                    "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"},
        Rfc6979Case{
            "P521", SignatureAlgorithm::ecdsa_p521, 66,
            "1894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a"
            "2f5023a4",
            "0493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa"
            "2bfdfcf5",
            "0c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec"
            "36e377fa",
            "0617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e4"
            "4da4a67a"}),
    [](const auto& given) { return given.param.name; });

TEST(Signature, OfEveryKindIsRefusedWhenItIsNotExactlyThat) {
  const ByteVector data = to_vector(as_bytes("data"));
  for (const std::string& name : test::key_names()) {
    PrivateKey signer = test::key_named(name);
    const PublicKey& key = signer.public_key();
    for (const SignatureAlgorithm algorithm : signatures_of(key.type())) {
      SCOPED_TRACE(name + " " + std::string(signature_name(algorithm)));
      const ByteVector blob = signer.sign(algorithm, data).value();
      ASSERT_TRUE(key.verify(algorithm, data, blob));
      for (std::size_t size = 0; size < blob.size(); ++size) EXPECT_FALSE(key.verify(algorithm, data, Bytes(blob).first(size)));
      ByteVector longer = blob;
      longer.push_back(0);
      EXPECT_FALSE(key.verify(algorithm, data, longer));
      for (const std::string& other : test::key_names()) {
        PrivateKey stranger = PrivateKey::generate(test::key_named(other).public_key().type(), 2048);
        EXPECT_FALSE(stranger.public_key().verify(algorithm, data, blob)) << other;
        EXPECT_EQ(stranger.public_key().verify_any(data, blob), std::nullopt) << other;
      }
      for (const SignatureAlgorithm other :
           {SignatureAlgorithm::ed25519, SignatureAlgorithm::ecdsa_p256, SignatureAlgorithm::ecdsa_p384, SignatureAlgorithm::ecdsa_p521,
            SignatureAlgorithm::rsa_sha2_256, SignatureAlgorithm::rsa_sha2_512}) {
        if (other != algorithm) {
          EXPECT_FALSE(key.verify(other, data, blob)) << signature_name(other);
        }
      }
      // The same octets under another name.
      WireReader reader(blob);
      reader.string();
      const Bytes raw = reader.string();
      for (const char* wrong : {"ssh-rsa", "ssh-ed25519 ", "", "rsa-sha2-512-cert-v01@openssh.com"}) {
        EXPECT_EQ(key.verify_any(data, WireWriter().string(wrong).string(raw).view()), std::nullopt) << wrong;
      }
    }
  }
}

TEST(Ed25519Signature, Has64Octets) {
  PrivateKey signer = test::key_named("ed25519");
  const ByteVector blob = signer.sign(SignatureAlgorithm::ed25519, {}).value();
  const Bytes raw = Bytes(blob).last(64);
  for (const std::size_t size : {std::size_t{0}, std::size_t{63}}) {
    EXPECT_FALSE(signer.public_key().verify(SignatureAlgorithm::ed25519, {}, signature_blob(SignatureAlgorithm::ed25519, raw.first(size))));
  }
  ByteVector longer = to_vector(raw);
  longer.push_back(0);
  EXPECT_FALSE(signer.public_key().verify(SignatureAlgorithm::ed25519, {}, signature_blob(SignatureAlgorithm::ed25519, longer)));
}

TEST(RsaSignature, MayLackLeadingZeroOctetsButHaveNoneTooMany) {
  PrivateKey signer = test::key_named("rsa");
  const std::size_t size = static_cast<std::size_t>(signer.public_key().bits()) / 8;
  // One signature in 256 begins with a zero octet.
  for (int attempt = 0; attempt < 10000; ++attempt) {
    const std::string data = std::to_string(attempt);
    const ByteVector blob = signer.sign(SignatureAlgorithm::rsa_sha2_512, as_bytes(data)).value();
    const Bytes raw = Bytes(blob).last(size);
    ByteVector longer = to_vector(raw);
    longer.insert(longer.begin(), 0);
    EXPECT_FALSE(signer.public_key().verify(SignatureAlgorithm::rsa_sha2_512, as_bytes(data),
                                            signature_blob(SignatureAlgorithm::rsa_sha2_512, longer)));
    if (raw[0] != 0) continue;
    EXPECT_TRUE(signer.public_key().verify(SignatureAlgorithm::rsa_sha2_512, as_bytes(data),
                                           signature_blob(SignatureAlgorithm::rsa_sha2_512, raw.subspan(1))));
    return;
  }
  FAIL() << "no signature with a leading zero octet";
}

}  // namespace
}  // namespace gatehouse::keys
