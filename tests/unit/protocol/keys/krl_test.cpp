#include "protocol/keys/krl.h"

#include <gtest/gtest.h>

#include <sstream>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

Revocation check_line(const Krl& krl, const std::string& line) {
  if (const Result<Certificate> certificate = Certificate::parse_line(line)) return krl.check(*certificate);
  return krl.check(PublicKey::parse_line(line).value());
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> found;
  for (std::string word; in >> word;) {
    if (word != "-") found.push_back(word);
  }
  return found;
}

struct Lists {
  std::map<std::string, std::string> lines;  // by name
  std::vector<test::VectorBlock> lists;
};
Lists vectors() {
  Lists all;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/krl.txt")) {
    if (block.has("asked")) {
      all.lines[block.text("asked")] = block.text("line");
    } else {
      all.lists.push_back(block);
    }
  }
  return all;
}

Krl krl_named(const std::string& name) {
  for (const test::VectorBlock& block : vectors().lists) {
    if (block.text("name") == name) return Krl::parse(block.octets("krl")).value();
  }
  std::abort();
}

TEST(Krl, OfSshKeygenAnswersAsSshKeygenDoes) {
  const Lists all = vectors();
  EXPECT_EQ(all.lists.size(), 13u);
  for (const test::VectorBlock& block : all.lists) {
    SCOPED_TRACE(block.text("name"));
    const ProtocolResult<Krl> parsed = Krl::parse(block.octets("krl"));
    ASSERT_TRUE(parsed) << parsed.error().detail;
    EXPECT_EQ(parsed->version, 42u);
    // What we write says the same.
    const ProtocolResult<Krl> again = Krl::parse(parsed->write());
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->write(), parsed->write());
    for (const Krl* krl : {&*parsed, &*again}) {
      for (const std::string& name : words(block.text("revoked")))
        EXPECT_NE(check_line(*krl, all.lines.at(name)), Revocation::none) << name;
      for (const std::string& name : words(block.text("free"))) EXPECT_EQ(check_line(*krl, all.lines.at(name)), Revocation::none) << name;
    }
    EXPECT_EQ(words(block.text("revoked")).size() + words(block.text("free")).size(), all.lines.size());
  }
}

TEST(Krl, SaysWhy) {
  const Lists all = vectors();
  const auto why = [&](const char* krl, const char* asked) { return check_line(krl_named(krl), all.lines.at(asked)); };
  EXPECT_EQ(why("serial", "s5-cert.pub"), Revocation::serial);
  EXPECT_EQ(why("key_id", "s6-cert.pub"), Revocation::key_id);
  EXPECT_EQ(why("explicit_key", "rsa.pub"), Revocation::key);
  EXPECT_EQ(why("explicit_key", "zero-cert.pub"), Revocation::key) << "its subject key is the listed one";
  EXPECT_EQ(why("explicit_ca", "s1-cert.pub"), Revocation::ca_key);
  EXPECT_EQ(why("serial", "other-cert.pub"), Revocation::none) << "the same serial by another CA";
  EXPECT_EQ(why("any_ca", "other-cert.pub"), Revocation::serial);
}

Bytes ca_blob() {
  static const PublicKey key = test::key_named("ecdsa_p256").public_key();
  return key.blob();
}

Certificate issued(std::uint64_t serial, const std::string& key_id) {
  PrivateKey ca = test::key_named("ecdsa_p256");
  CertificateFields fields;
  fields.serial = serial;
  fields.key_id = key_id;
  const PublicKey subject = test::key_named("ed25519").public_key();
  const ByteVector data = certificate_to_be_signed(subject, fields, ByteVector(32), ca.public_key());
  return Certificate::parse(assemble_certificate(data, ca.sign(SignatureAlgorithm::ecdsa_p256, data).value())).value();
}

TEST(Krl, IsAPureFunctionOfItsContent) {
  Krl one;
  Krl other;
  for (Krl* krl : {&one, &other}) {
    krl->version = 7;
    krl->date = 1000;
    krl->comment = "comment";
  }
  one.revoke_serials(ca_blob(), 1, 3);
  one.revoke_serials(ca_blob(), 10, 10);
  one.revoke_key_id(ca_blob(), "a");
  one.revoke_key_id({}, "b");
  other.revoke_key_id({}, "b");
  other.revoke_serials(ca_blob(), 10, 10);
  other.revoke_serials(ca_blob(), 2, 3);
  other.revoke_serials(ca_blob(), 1, 1);
  other.revoke_key_id(ca_blob(), "a");
  EXPECT_EQ(hex(one.write()), hex(other.write()));
  const Krl again = Krl::parse(one.write()).value();
  EXPECT_EQ(again.version, 7u);
  EXPECT_EQ(again.date, 1000u);
  EXPECT_EQ(again.comment, "comment");
}

TEST(Krl, NeverMatchesSerialZero) {
  Krl krl;
  krl.revoke_serials(ca_blob(), 1, UINT64_MAX);
  EXPECT_EQ(krl.check(issued(0, "id")), Revocation::none);
  EXPECT_EQ(krl.check(issued(1, "id")), Revocation::serial);
  EXPECT_EQ(krl.check(issued(UINT64_MAX, "id")), Revocation::serial);
}

TEST(Krl, LooksAtTheKeyIdFirst) {
  Krl krl;
  krl.revoke_serials(ca_blob(), 5, 5);
  krl.revoke_key_id(ca_blob(), "id");
  krl.revoke_key(test::key_named("ed25519").public_key().blob());
  EXPECT_EQ(krl.check(issued(5, "id")), Revocation::key_id);
  EXPECT_EQ(krl.check(issued(5, "other")), Revocation::serial);
  EXPECT_EQ(krl.check(issued(6, "other")), Revocation::key);
}

TEST(Krl, FindsKeysByDigest) {
  const PublicKey key = test::key_named("ed25519").public_key();
  Krl krl;
  krl.revoke_sha256(crypto::hash(crypto::Digest::sha256, key.blob()));
  EXPECT_EQ(krl.check(key), Revocation::key);
  EXPECT_EQ(krl.check(issued(1, "x")), Revocation::key);
  EXPECT_EQ(krl.check(test::key_named("rsa").public_key()), Revocation::none);
}

TEST(KrlDeathTest, TakesNoSerialZeroAndNoDigestOfAnotherSize) {
  Krl krl;
  EXPECT_DEATH(krl.revoke_serials({}, 0, 1), "");
  EXPECT_DEATH(krl.revoke_serials({}, 2, 1), "");
  EXPECT_DEATH(krl.revoke_sha256(ByteVector(20)), "");
  EXPECT_DEATH(krl.revoke_sha1(ByteVector(32)), "");
}

/// A file written by hand: the header, then the sections given.
ByteVector file(Bytes sections = {}, std::uint32_t format = 1) {
  WireWriter out;
  out.raw(Bytes(as_bytes(std::string_view("SSHKRL\n\0", 8)))).uint32(format).uint64(1).uint64(2).uint64(0).string("").string("");
  return out.raw(sections).take();
}
ByteVector section(std::uint8_t type, Bytes body) { return WireWriter().byte(type).string(body).take(); }
ByteVector of_certificates(std::uint8_t type, Bytes body) {
  return section(1, WireWriter().string("").string("").raw(section(type, body)).view());
}
ByteVector numbers(std::initializer_list<std::uint64_t> values) {
  WireWriter out;
  for (const std::uint64_t value : values) out.uint64(value);
  return out.take();
}
bool refused(Bytes sections) {
  const ProtocolResult<Krl> parsed = Krl::parse(file(sections));
  return !parsed && parsed.error().violation == Violation::bad_encoding;
}

TEST(Krl, CutAtAnyOctetIsRefusedButBetweenSections) {
  // The format has no end mark: a list cut between two sections is a shorter list. That is what the signature around it is for.
  for (const test::VectorBlock& block : vectors().lists) {
    const ByteVector whole = block.octets("krl");
    std::set<std::size_t> borders{44};  // the header without comment
    WireReader reader(whole);
    reader.raw(44);
    while (reader.more()) {
      reader.byte();
      reader.string();
      borders.insert(whole.size() - reader.remaining());
    }
    ASSERT_TRUE(reader.finish());
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      EXPECT_EQ(bool(Krl::parse(Bytes(whole).first(size))), borders.count(size) != 0) << block.text("name") << ' ' << size;
    }
    ByteVector longer = whole;
    longer.push_back(1);
    EXPECT_FALSE(Krl::parse(longer));
  }
}

TEST(Krl, OfUnknownFormatIsRefused) {
  EXPECT_TRUE(Krl::parse(file()));
  EXPECT_FALSE(Krl::parse(file({}, 0)));
  EXPECT_FALSE(Krl::parse(file({}, 2)));
  ByteVector text = file();
  text[0] = 's';
  EXPECT_FALSE(Krl::parse(text));
  EXPECT_FALSE(Krl::parse(as_bytes(test::key_named("ed25519").public_key().line())));
}

TEST(Krl, WithAnUnknownSectionIsRefused) {
  EXPECT_TRUE(refused(section(0, {})));
  EXPECT_TRUE(refused(section(6, {})));
  EXPECT_TRUE(refused(section(254, {})));
  EXPECT_TRUE(refused(of_certificates(0x24, {})));
  EXPECT_TRUE(refused(of_certificates(0, {})));
}

TEST(Krl, WithASignatureSectionIsRefused) { EXPECT_TRUE(refused(section(4, WireWriter().string("key").string("signature").view()))); }

TEST(Krl, WithACriticalExtensionIsRefused) {
  const ByteVector harmless = WireWriter().string("a@b").boolean(false).string("data").take();
  const ByteVector critical = WireWriter().string("a@b").boolean(true).string("data").take();
  EXPECT_FALSE(refused(section(255, harmless)));
  EXPECT_TRUE(refused(section(255, critical)));
  EXPECT_FALSE(refused(of_certificates(0x39, harmless)));
  EXPECT_TRUE(refused(of_certificates(0x39, critical)));
  EXPECT_TRUE(refused(section(255, WireWriter().string("a@b").view())));
}

TEST(Krl, WithSerialZeroIsRefused) {
  EXPECT_TRUE(refused(of_certificates(0x20, numbers({0}))));
  EXPECT_TRUE(refused(of_certificates(0x20, numbers({5, 0}))));
  EXPECT_TRUE(refused(of_certificates(0x21, numbers({0, 5}))));
  EXPECT_TRUE(refused(of_certificates(0x22, WireWriter().uint64(0).mpint(ByteVector{1}).view())));
  EXPECT_FALSE(refused(of_certificates(0x22, WireWriter().uint64(0).mpint(ByteVector{2}).view())));
}

TEST(Krl, WithMalformedSerialsIsRefused) {
  EXPECT_FALSE(refused(of_certificates(0x20, {})));
  EXPECT_TRUE(refused(of_certificates(0x20, ByteVector(7))));
  EXPECT_TRUE(refused(of_certificates(0x21, numbers({5}))));
  EXPECT_TRUE(refused(of_certificates(0x21, numbers({5, 4}))));
  EXPECT_TRUE(refused(of_certificates(0x21, numbers({5, 6, 7}))));
  EXPECT_FALSE(refused(of_certificates(0x21, numbers({5, 5}))));
  EXPECT_TRUE(refused(of_certificates(0x22, numbers({5}))));
  EXPECT_TRUE(refused(of_certificates(0x22, WireWriter().uint64(5).string(ByteVector{0x80}).view()))) << "negative";
  EXPECT_TRUE(refused(of_certificates(0x22, WireWriter().uint64(5).string(ByteVector{0, 1}).view()))) << "not minimal";
  EXPECT_TRUE(refused(of_certificates(0x22, WireWriter().uint64(UINT64_MAX).mpint(ByteVector{2}).view()))) << "past the end";
  EXPECT_FALSE(refused(of_certificates(0x22, WireWriter().uint64(UINT64_MAX).mpint(ByteVector{1}).view())));
}

TEST(Krl, ReadsTheBitsOfABitmapFromItsEnd) {
  const Krl krl = Krl::parse(file(of_certificates(0x22, WireWriter().uint64(1000).mpint(ByteVector{0x41, 0x03}).view()))).value();
  for (const std::uint64_t serial : {1000, 1001, 1008, 1014}) EXPECT_EQ(krl.check(issued(serial, "x")), Revocation::serial) << serial;
  for (const std::uint64_t serial : {999, 1002, 1007, 1009, 1015, 1016})
    EXPECT_EQ(krl.check(issued(serial, "x")), Revocation::none) << serial;
}

TEST(Krl, BoundsWhatABitmapUnfoldsTo) {
  const ByteVector alternating(4 * 1024 * 1024, 0x55);  // 16 million ranges and a little less room
  EXPECT_TRUE(refused(of_certificates(0x22, WireWriter().uint64(1).mpint(ByteVector(4 * 1024 * 1024 + 1, 0x55)).view())));
  EXPECT_FALSE(refused(of_certificates(0x22, WireWriter().uint64(1).mpint(alternating).view())));
}

TEST(Krl, WithMalformedKeysAndKeyIdsIsRefused) {
  EXPECT_TRUE(refused(of_certificates(0x23, WireWriter().string(std::string_view("a\0b", 3)).view())));
  EXPECT_TRUE(refused(of_certificates(0x23, ByteVector(3))));
  EXPECT_TRUE(refused(section(2, ByteVector(3))));
  EXPECT_TRUE(refused(section(2, WireWriter().string("").view())));
  EXPECT_TRUE(refused(section(3, WireWriter().string(ByteVector(19)).view())));
  EXPECT_TRUE(refused(section(5, WireWriter().string(ByteVector(20)).view())));
  EXPECT_FALSE(refused(section(3, WireWriter().string(ByteVector(20)).view())));
  EXPECT_FALSE(refused(section(5, WireWriter().string(ByteVector(32)).view())));
  EXPECT_TRUE(refused(section(1, WireWriter().string("").view()))) << "no reserved field";
}

TEST(Krl, OfAMillionSerialsInAnyOrderAnswers) {
  Krl krl;
  std::uint64_t serial = 1;
  for (int i = 0; i < 1000000; ++i) {
    serial = serial * 6364136223846793005u + 1442695040888963407u;
    krl.revoke_serials(ca_blob(), serial | 1, serial | 1);
  }
  const Krl again = Krl::parse(krl.write()).value();
  EXPECT_EQ(again.check(issued(serial | 1, "x")), Revocation::serial);
  EXPECT_EQ(again.check(issued((serial | 1) + 1, "x")), Revocation::none);
}

}  // namespace
}  // namespace gatehouse::keys
