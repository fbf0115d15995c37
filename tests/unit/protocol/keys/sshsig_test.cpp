#include "protocol/keys/sshsig.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

std::vector<test::VectorBlock> vectors() { return test::read_vector_blocks("ssh_keygen/sshsig.txt"); }

TEST(Sshsig, OfSshKeygenIsReadAndVerified) {
  int seen = 0;
  for (const test::VectorBlock& block : vectors()) {
    SCOPED_TRACE(block.text("name"));
    const std::string armor = to_string(block.octets("armor"));
    const Result<ByteVector> blob = sshsig_dearmor(armor);
    ASSERT_TRUE(blob) << blob.error().line();
    EXPECT_EQ(sshsig_armor(*blob), armor);
    const ProtocolResult<Sshsig> parsed = parse_sshsig(*blob);
    ASSERT_TRUE(parsed) << parsed.error().detail;
    EXPECT_EQ(parsed->name_space, block.text("namespace"));
    const std::optional<PublicKey> key = sshsig_verify(*parsed, block.text("namespace"), block.octets("message"));
    ASSERT_TRUE(key);
    EXPECT_EQ(*key, PublicKey::parse_line(block.text("public")).value());
    ++seen;
  }
  EXPECT_EQ(seen, 11);
}

TEST(Sshsig, IsForItsNamespaceAndMessageOnly) {
  for (const test::VectorBlock& block : vectors()) {
    const Sshsig parsed = parse_sshsig(sshsig_dearmor(to_string(block.octets("armor"))).value()).value();
    ByteVector message = block.octets("message");
    EXPECT_FALSE(sshsig_verify(parsed, "gatehouse-admin", message));
    EXPECT_FALSE(sshsig_verify(parsed, "", message));
    EXPECT_FALSE(sshsig_verify(parsed, block.text("namespace") + " ", message));
    Sshsig renamed = parsed;
    renamed.name_space = "gatehouse-admin";
    EXPECT_FALSE(sshsig_verify(renamed, "gatehouse-admin", message));
    Sshsig rehashed = parsed;
    rehashed.hash_algorithm = parsed.hash_algorithm == "sha256" ? "sha512" : "sha256";
    EXPECT_FALSE(sshsig_verify(rehashed, block.text("namespace"), message));
    rehashed.hash_algorithm = "sha1";
    EXPECT_FALSE(sshsig_verify(rehashed, block.text("namespace"), message));
    Sshsig of_another = parsed;
    of_another.public_key_blob = to_vector(PrivateKey::generate(KeyType::ed25519).public_key().blob());
    EXPECT_FALSE(sshsig_verify(of_another, block.text("namespace"), message));
    message.push_back(0);
    EXPECT_FALSE(sshsig_verify(parsed, block.text("namespace"), message));
  }
}

TEST(Sshsig, CutAtAnyOctetOrWithOneMoreIsRefused) {
  for (const test::VectorBlock& block : vectors()) {
    ByteVector blob = sshsig_dearmor(to_string(block.octets("armor"))).value();
    for (std::size_t size = 0; size < blob.size(); ++size) EXPECT_FALSE(parse_sshsig(Bytes(blob).first(size))) << size;
    blob.push_back(0);
    EXPECT_FALSE(parse_sshsig(blob));
  }
}

TEST(Sshsig, OfEveryKeyIsSignedAndVerified) {
  for (const std::string& name : test::key_names()) {
    PrivateKey key = test::key_named(name);
    const ByteVector blob = sshsig_sign(key, sshsig_namespace::possession, as_bytes("message")).value();
    const Sshsig parsed = parse_sshsig(blob).value();
    EXPECT_EQ(parsed.hash_algorithm, "sha512");
    EXPECT_EQ(sshsig_verify(parsed, sshsig_namespace::possession, as_bytes("message")), key.public_key());
    EXPECT_FALSE(sshsig_verify(parsed, sshsig_namespace::identity, as_bytes("message")));
  }
}

/// A blob written field by field, apart from the code under test.
ByteVector draft(const char* magic, std::uint32_t version, std::string_view name_space, std::string_view hash_algorithm) {
  PrivateKey key = test::key_named("ed25519");
  const crypto::Digest digest = hash_algorithm == "sha256" ? crypto::Digest::sha256 : crypto::Digest::sha512;
  WireWriter data;
  data.raw(as_bytes(magic)).string(name_space).string("").string(hash_algorithm).string(crypto::hash(digest, as_bytes("message")));
  WireWriter blob;
  blob.raw(as_bytes(magic)).uint32(version).string(key.public_key().blob()).string(name_space).string("").string(hash_algorithm);
  blob.string(key.sign(SignatureAlgorithm::ed25519, data.view()).value());
  return blob.take();
}

TEST(Sshsig, OfUnknownMagicVersionOrHashIsRefused) {
  EXPECT_TRUE(parse_sshsig(draft("SSHSIG", 1, "n", "sha512")));
  EXPECT_TRUE(parse_sshsig(draft("SSHSIG", 1, "n", "sha256")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIGN", 1, "n", "sha512")));
  EXPECT_FALSE(parse_sshsig(draft("sshsig", 1, "n", "sha512")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 0, "n", "sha512")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 2, "n", "sha512")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 1, "n", "sha1")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 1, "n", "")));
  EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 1, "n", "SHA512")));
}

TEST(Sshsig, WithoutANamespaceIsRefused) { EXPECT_FALSE(parse_sshsig(draft("SSHSIG", 1, "", "sha512"))); }

TEST(Sshsig, LongerThanTheLimitIsRefused) {
  EXPECT_FALSE(parse_sshsig(sshsig_blob(ByteVector(max_sshsig_blob), "n", {})));
  EXPECT_FALSE(sshsig_dearmor(sshsig_armor(ByteVector(2 * max_sshsig_blob))));
}

TEST(Sshsig, IsNoSignatureOverAnythingElse) {
  // The signed octets begin with the magic, so they are never those of a user authentication or a certificate; and a raw signature over
  // the message is no SSHSIG.
  PrivateKey key = test::key_named("ed25519");
  Sshsig forged = parse_sshsig(sshsig_sign(key, "n", as_bytes("message")).value()).value();
  forged.signature_blob = key.sign(SignatureAlgorithm::ed25519, as_bytes("message")).value();
  EXPECT_FALSE(sshsig_verify(forged, "n", as_bytes("message")));
}

TEST(SshsigArmor, CutAtAnyCharacterIsRefused) {
  const std::string armor = to_string(vectors().front().octets("armor"));
  for (std::size_t size = 0; size + 1 < armor.size(); ++size) EXPECT_FALSE(sshsig_dearmor(armor.substr(0, size))) << size;
}

TEST(SshsigArmor, IsReadWithOtherLineEndsAndNothingElse) {
  const std::string armor = to_string(vectors().front().octets("armor"));
  std::string dos;
  for (const char c : armor) dos += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(sshsig_dearmor(dos).value(), sshsig_dearmor(armor).value());
  EXPECT_TRUE(sshsig_dearmor("\n" + armor + "\n"));
  EXPECT_FALSE(sshsig_dearmor("text\n" + armor));
  EXPECT_FALSE(sshsig_dearmor(armor + "text"));
  EXPECT_FALSE(sshsig_dearmor(armor + armor));
  EXPECT_FALSE(sshsig_dearmor(""));
  std::string spoilt = armor;
  spoilt[40] = '!';
  EXPECT_FALSE(sshsig_dearmor(spoilt));
}

}  // namespace
}  // namespace gatehouse::keys
