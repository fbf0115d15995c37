#include "protocol/keys/private_key.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

constexpr KeyType all_types[] = {KeyType::ed25519, KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ecdsa_p521, KeyType::rsa};

bool parses(std::string_view text) { return bool(PrivateKey::parse_openssh(SecretBytes::copy_of(as_bytes(text)))); }

/// The octets between the two lines of a key file, and the way back.
ByteVector body_of(std::string_view file) {
  const std::size_t begin = file.find('\n');
  const std::size_t end = file.find("-----END");
  std::string packed;
  for (const char c : file.substr(begin, end - begin)) {
    if (c != '\n') packed += c;
  }
  return unbase64(packed).value();
}
std::string file_of(Bytes body) { return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64(body) + "\n-----END OPENSSH PRIVATE KEY-----\n"; }

TEST(PrivateKeyFile, OfSshKeygenAndPuttygenIsRead) {
  int seen = 0;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/private_keys.txt")) {
    if (!block.has("file")) continue;
    SCOPED_TRACE(block.text("name"));
    Result<PrivateKey> key = PrivateKey::parse_openssh(SecretBytes::copy_of(block.octets("file")));
    ASSERT_TRUE(key) << key.error().line();
    EXPECT_EQ(key->public_key(), PublicKey::parse_line(block.text("public")).value());
    for (const SignatureAlgorithm algorithm : signatures_of(key->public_key().type())) {
      const Result<ByteVector> signature = key->sign(algorithm, as_bytes("data"));
      ASSERT_TRUE(signature) << signature.error().line();
      EXPECT_TRUE(key->public_key().verify(algorithm, as_bytes("data"), *signature));
    }
    ++seen;
  }
  EXPECT_EQ(seen, 8);
}

TEST(PrivateKeyFile, ThatIsNotSupportedIsRefusedWithItsReason) {
  std::map<std::string, std::string> reasons;
  for (const test::VectorBlock& block : test::read_vector_blocks("ssh_keygen/private_keys.txt")) {
    if (!block.has("refused")) continue;
    const Result<PrivateKey> key = PrivateKey::parse_openssh(SecretBytes::copy_of(block.octets("refused")));
    ASSERT_FALSE(key) << block.text("name");
    reasons[block.text("name")] = key.error().line();
  }
  ASSERT_EQ(reasons.size(), 4u);
  EXPECT_NE(reasons["encrypted"].find("passphrase"), std::string::npos) << reasons["encrypted"];
  EXPECT_NE(reasons["pem"].find("not an OpenSSH private key"), std::string::npos) << reasons["pem"];
  EXPECT_NE(reasons["dsa"].find("ssh-dss"), std::string::npos) << reasons["dsa"];
  EXPECT_NE(reasons["rsa_1024"].find("size out of bounds"), std::string::npos) << reasons["rsa_1024"];
}

TEST(PrivateKeyFile, IsReadBackAsWritten) {
  for (const KeyType type : all_types) {
    const PrivateKey key = PrivateKey::generate(type, 2048);
    EXPECT_EQ(key.public_key().type(), type);
    const SecretBytes file = key.openssh_file("a comment");
    const Result<PrivateKey> again = PrivateKey::parse_openssh(file);
    ASSERT_TRUE(again) << again.error().line();
    EXPECT_EQ(again->public_key(), key.public_key());
    EXPECT_TRUE(equal(again->agent_fields().reveal(), key.agent_fields().reveal()));
  }
}

TEST(PrivateKeyFile, CutAtAnyCharacterIsRefused) {
  const SecretBytes file = test::key_named("ed25519").openssh_file("comment");
  const std::string_view text = file.reveal_text();
  for (std::size_t size = 0; size + 1 < text.size(); ++size) EXPECT_FALSE(parses(text.substr(0, size))) << size;
  EXPECT_TRUE(parses(text.substr(0, text.size() - 1))) << "only the last line feed is missing";
}

TEST(PrivateKeyFile, CutInsideIsRefused) {
  for (const std::string& name : test::key_names()) {
    const ByteVector body = body_of(test::key_named(name).openssh_file("c").reveal_text());
    ASSERT_TRUE(parses(file_of(body)));
    for (std::size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(parses(file_of(Bytes(body).first(size)))) << name << ' ' << size;
  }
}

TEST(PrivateKeyFile, WithAnyOctetChangedIsRefusedOrTheSameKey) {
  const PrivateKey key = test::key_named("ed25519");
  const ByteVector body = body_of(key.openssh_file("").reveal_text());
  for (std::size_t at = 0; at < body.size(); ++at) {
    ByteVector changed = body;
    changed[at] ^= 1;
    // Nothing is left open: check numbers, public half twice, padding. (The comment is empty.)
    EXPECT_FALSE(parses(file_of(changed))) << at;
  }
}

TEST(PrivateKeyFile, WithTextAroundItIsRefused) {
  const SecretBytes file = test::key_named("ed25519").openssh_file("");
  const std::string text(file.reveal_text());
  EXPECT_TRUE(parses("\n  " + text + "\n\n"));
  EXPECT_FALSE(parses("x" + text));
  EXPECT_FALSE(parses(text + "x"));
  EXPECT_FALSE(parses(text + text));
  EXPECT_FALSE(parses(std::string(100000, '\n') + text)) << "too long";
}

TEST(AgentFields, AreReadBackAsWritten) {
  for (const KeyType type : all_types) {
    const PrivateKey key = PrivateKey::generate(type, 2048);
    const SecretBytes fields = key.agent_fields();
    const ProtocolResult<PrivateKey> again = PrivateKey::parse_agent_fields(fields.reveal());
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->public_key(), key.public_key());
    for (std::size_t size = 0; size < fields.size(); ++size) {
      EXPECT_FALSE(PrivateKey::parse_agent_fields(fields.reveal().first(size))) << size;
    }
    ByteVector longer = to_vector(fields.reveal());
    longer.push_back(0);
    EXPECT_FALSE(PrivateKey::parse_agent_fields(longer));
    WireReader message(longer);
    EXPECT_TRUE(PrivateKey::read_agent_fields(message));
    EXPECT_EQ(message.remaining(), 1u);
  }
}

TEST(AgentFields, OfAnotherKeyThanThePublicHalfAreRefused) {
  for (const KeyType type : all_types) {
    const PrivateKey key = PrivateKey::generate(type, 2048);
    const PrivateKey other = PrivateKey::generate(type, 2048);
    const SecretBytes fields = key.certificate_agent_fields();
    const SecretBytes stranger = other.certificate_agent_fields();
    WireReader own(fields.reveal());
    EXPECT_TRUE(PrivateKey::read_certificate_agent_fields(own, key.public_key()));
    EXPECT_TRUE(own.finish());
    WireReader foreign(stranger.reveal());
    EXPECT_FALSE(PrivateKey::read_certificate_agent_fields(foreign, key.public_key()));
    for (std::size_t size = 0; size < fields.size(); ++size) {
      WireReader cut(fields.reveal().first(size));
      EXPECT_FALSE(PrivateKey::read_certificate_agent_fields(cut, key.public_key()));
    }
  }
}

TEST(AgentFields, WithAnyRsaNumberChangedAreRefused) {
  const PrivateKey key = test::key_named("rsa");
  const SecretBytes fields = key.certificate_agent_fields();
  WireReader reader(fields.reveal());
  std::vector<ByteVector> numbers;
  for (int i = 0; i < 4; ++i) numbers.push_back(to_vector(reader.mpint()));
  ASSERT_TRUE(reader.finish());
  for (std::size_t changed = 0; changed < numbers.size(); ++changed) {
    for (const bool zero : {false, true}) {
      WireWriter message;
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        ByteVector number = numbers[i];
        if (i == changed) {
          if (zero)
            number.clear();
          else
            number[number.size() / 2] ^= 0x10;
        }
        message.mpint(number);
      }
      WireReader given(message.view());
      EXPECT_FALSE(PrivateKey::read_certificate_agent_fields(given, key.public_key())) << changed;
    }
  }
}

TEST(EcdsaPrivateKey, IsAboveZeroAndBelowTheOrder) {
  const PublicKey key = PrivateKey::generate(KeyType::ecdsa_p256).public_key();
  for (const char* scalar : {"", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
                             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    const ByteVector message = WireWriter().mpint(unhex(scalar).value()).take();
    WireReader given(message);
    EXPECT_FALSE(PrivateKey::read_certificate_agent_fields(given, key)) << scalar;
  }
}

TEST(PrivateKey, SignsByItsOwnAlgorithmsOnly) {
  PrivateKey key = test::key_named("ecdsa_p256");
  EXPECT_FALSE(key.sign(SignatureAlgorithm::ed25519, {}));
  EXPECT_FALSE(key.sign(SignatureAlgorithm::ecdsa_p384, {}));
  EXPECT_FALSE(key.sign(SignatureAlgorithm::rsa_sha2_256, {}));
  EXPECT_TRUE(key.sign(SignatureAlgorithm::ecdsa_p256, {}));
}

}  // namespace
}  // namespace gatehouse::keys
