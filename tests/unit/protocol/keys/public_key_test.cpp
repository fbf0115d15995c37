#include "protocol/keys/public_key.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

ByteVector octets(const std::string& digits) { return unhex(digits).value(); }

Violation refusal(Bytes blob) {
  const ProtocolResult<PublicKey> key = PublicKey::parse(blob);
  return key ? Violation::crypto_failed : key.error().violation;
}

TEST(PublicKey, ReadsWhatSshKeygenAndPuttygenWrote) {
  int seen = 0;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/private_keys.txt")) {
    if (!block.has("public")) continue;
    SCOPED_TRACE(block.text("name"));
    const Result<PublicKey> key = PublicKey::parse_line(block.text("public"));
    ASSERT_TRUE(key) << key.error().line();
    EXPECT_EQ(key->fingerprint(), block.text("fingerprint"));
    EXPECT_EQ(key->bits(), std::stoi(block.text("bits")));
    const std::string comment = block.text("public").substr(key->line().size());
    EXPECT_EQ(key->line(comment.empty() ? "" : comment.substr(1)), block.text("public"));
    const ProtocolResult<PublicKey> again = PublicKey::parse(key->blob());
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *key);
    ++seen;
  }
  EXPECT_EQ(seen, 8);
}

TEST(PublicKey, RefusesTypesAndSizesThatAreNotSupported) {
  int seen = 0;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/private_keys.txt")) {
    if (!block.has("refused_public")) continue;
    EXPECT_FALSE(PublicKey::parse_line(block.text("refused_public"))) << block.text("name");
    ++seen;
  }
  EXPECT_EQ(seen, 2);  // DSA; RSA with 1024 bits
}

TEST(PublicKey, RefusesABlobCutAtAnyOctetOrWithOneMore) {
  for (const std::string& name : test::key_names()) {
    const ByteVector blob = to_vector(test::key_named(name).public_key().blob());
    for (std::size_t size = 0; size < blob.size(); ++size) {
      EXPECT_EQ(refusal(Bytes(blob).first(size)), Violation::bad_encoding) << name << ' ' << size;
    }
    ByteVector longer = blob;
    longer.push_back(0);
    EXPECT_EQ(refusal(longer), Violation::bad_encoding) << name;
  }
}

TEST(PublicKey, RefusesABlobOfMoreThanTheLimitUnread) { EXPECT_EQ(refusal(ByteVector(max_key_blob + 1)), Violation::bad_encoding); }

TEST(PublicKey, IsNoCertificate) {
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/certificates.txt")) {
    EXPECT_FALSE(PublicKey::parse_line(block.text("line"))) << block.text("name");
  }
}

TEST(PublicKeyLine, RefusesWhatIsNotOneKey) {
  const std::string line = test::key_named("ed25519").public_key().line();
  EXPECT_TRUE(PublicKey::parse_line("  " + line + "  a comment with spaces \r\n"));
  EXPECT_FALSE(PublicKey::parse_line(""));
  EXPECT_FALSE(PublicKey::parse_line("ssh-ed25519"));
  EXPECT_FALSE(PublicKey::parse_line("ssh-rsa " + line.substr(line.find(' ') + 1)));
  EXPECT_FALSE(PublicKey::parse_line("restrict " + line));
  EXPECT_FALSE(PublicKey::parse_line(line.substr(0, line.size() - 1)));
  EXPECT_FALSE(PublicKey::parse_line(line + "\n" + line));
  EXPECT_FALSE(PublicKey::parse_line("ssh-ed25519 " + std::string(4 * max_key_blob, 'A')));
}

TEST(Ed25519PublicKey, Has32Octets) {
  EXPECT_FALSE(PublicKey::from_ed25519(ByteVector(31)));
  EXPECT_FALSE(PublicKey::from_ed25519(ByteVector(33)));
  EXPECT_FALSE(PublicKey::from_ed25519({}));
}

TEST(Ed25519PublicKey, IsNotOfSmallOrder) {
  // The signature with R the neutral element and s zero fits every message whose hash the point's order divides: one in eight at least.
  ByteVector forged(64);
  forged[0] = 1;
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    for (const std::uint8_t sign : {0x00, 0x80}) {
      ByteVector key = octets(point);
      key.back() |= sign;
      EXPECT_FALSE(PublicKey::from_ed25519(key)) << hex(key);
      EXPECT_EQ(refusal(WireWriter().string("ssh-ed25519").string(key).view()), Violation::bad_encoding);
      // OpenSSL takes it, and takes the forged signatures: the refusal is needed. (x of zero has no negative.)
      const crypto::EvpPkey raw(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
      ASSERT_TRUE(raw);
      int forgeries = 0;
      for (std::uint8_t message = 0; message < 200; ++message) {
        const crypto::EvpMdCtx context(EVP_MD_CTX_new());
        ASSERT_EQ(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, raw.get()), 1);
        forgeries += EVP_DigestVerify(context.get(), forged.data(), forged.size(), &message, 1) == 1 ? 1 : 0;
      }
      if (sign == 0) {
        EXPECT_GT(forgeries, 0) << point;
      }
    }
  }
}

// RFC 6979 appendix A.2.5: the P-256 key, affine coordinates.
const std::string p256_x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const std::string p256_y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

TEST(EcdsaPublicKey, RefusesPointsThatAreNone) {
  EXPECT_TRUE(PublicKey::from_ecdsa(KeyType::ecdsa_p256, octets("04" + p256_x + p256_y)));
  const auto refused = [](const std::string& point) { return !PublicKey::from_ecdsa(KeyType::ecdsa_p256, octets(point)); };
  EXPECT_TRUE(refused("04" + p256_x + p256_x)) << "off the curve";
  EXPECT_TRUE(refused("00")) << "infinity";
  EXPECT_TRUE(refused("")) << "nothing";
  EXPECT_TRUE(refused("03" + p256_x)) << "compressed";
  EXPECT_TRUE(refused("07" + p256_x + p256_y)) << "hybrid";
  EXPECT_TRUE(refused("04" + p256_x + p256_y + "00")) << "too long";
  EXPECT_TRUE(refused("04" + std::string(128, '0'))) << "zero";
  EXPECT_TRUE(refused("04" + std::string(128, 'f'))) << "coordinates not below p";
  EXPECT_FALSE(PublicKey::from_ecdsa(KeyType::ecdsa_p384, octets("04" + p256_x + p256_y))) << "of another curve";
}

TEST(EcdsaPublicKey, NamesTheCurveOfItsType) {
  const ByteVector point = octets("04" + p256_x + p256_y);
  const auto blob = [&](const char* type, const char* curve) {
    return refusal(WireWriter().string(type).string(curve).string(point).view());
  };
  EXPECT_TRUE(PublicKey::parse(WireWriter().string("ecdsa-sha2-nistp256").string("nistp256").string(point).view()));
  EXPECT_EQ(blob("ecdsa-sha2-nistp256", "nistp384"), Violation::bad_encoding);
  EXPECT_EQ(blob("ecdsa-sha2-nistp384", "nistp256"), Violation::bad_encoding);
  EXPECT_EQ(blob("ecdsa-sha2-nistp384", "nistp384"), Violation::bad_encoding);
  EXPECT_EQ(blob("ecdsa-sha2-nistp256", ""), Violation::bad_encoding);
}

/// The odd number 2^(bits-1) + 1.
ByteVector number(int bits) {
  ByteVector magnitude(static_cast<std::size_t>(bits + 7) / 8);
  magnitude.front() = static_cast<std::uint8_t>(1 << ((bits + 7) % 8));
  magnitude.back() |= 1;
  return magnitude;
}

TEST(RsaPublicKey, BoundsTheModulus) {
  const ByteVector e = octets("010001");
  EXPECT_TRUE(PublicKey::from_rsa(e, number(min_rsa_bits)));
  EXPECT_FALSE(PublicKey::from_rsa(e, number(min_rsa_bits - 1)));
  EXPECT_TRUE(PublicKey::from_rsa(e, number(max_rsa_bits)));
  EXPECT_FALSE(PublicKey::from_rsa(e, number(max_rsa_bits + 1)));
  EXPECT_FALSE(PublicKey::from_rsa(e, {}));
  ByteVector even = number(2048);
  even.back() = 2;
  EXPECT_FALSE(PublicKey::from_rsa(e, even));
  EXPECT_EQ(PublicKey::from_rsa(e, number(3071))->bits(), 3071);
}

TEST(RsaPublicKey, BoundsTheExponent) {
  const ByteVector n = number(2048);
  EXPECT_TRUE(PublicKey::from_rsa(octets("03"), n));
  EXPECT_TRUE(PublicKey::from_rsa(octets("ffffffffffffffff"), n));
  for (const char* e : {"", "00", "01", "02", "010000", "010000000000000001"}) EXPECT_FALSE(PublicKey::from_rsa(octets(e), n)) << e;
}

TEST(RsaPublicKey, RefusesMpintsThatAreNotMinimalOrNegative) {
  const ByteVector e = octets("010001");
  const ByteVector n = number(2048);
  const auto blob = [](Bytes exponent, Bytes modulus) { return WireWriter().string("ssh-rsa").string(exponent).string(modulus).take(); };
  ByteVector positive = n;
  positive.insert(positive.begin(), 0);
  EXPECT_TRUE(PublicKey::parse(blob(e, positive)));
  EXPECT_EQ(refusal(blob(e, n)), Violation::bad_encoding) << "top bit set: negative";
  ByteVector padded = positive;
  padded.insert(padded.begin(), 0);
  EXPECT_EQ(refusal(blob(e, padded)), Violation::bad_encoding);
  EXPECT_EQ(refusal(blob(octets("00010001"), positive)), Violation::bad_encoding);
}

TEST(Fingerprint, IsThatOfSshKeygenForCertificatesToo) {
  // ssh-keygen prints the subject key's for a certificate; this function hashes what it is given.
  EXPECT_EQ(fingerprint_of({}), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

}  // namespace
}  // namespace gatehouse::keys
