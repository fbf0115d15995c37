#include "protocol/agent/messages.h"

#include <gtest/gtest.h>

#include "protocol/agent/gatehouse_extensions.h"
#include "protocol/core/wire.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::agent {
namespace {

ByteVector body_of(Bytes framed) {
  WireReader reader(framed);
  ByteVector body = to_vector(reader.string());
  EXPECT_TRUE(reader.finish());
  return body;
}

keys::Certificate certificate_for(const keys::PublicKey& subject, keys::CertificateType type = keys::CertificateType::user) {
  keys::PrivateKey ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::CertificateFields fields;
  fields.type = type;
  fields.serial = 7;
  fields.key_id = "id";
  fields.principals = {"alice"};
  fields.valid_after = 1000;
  fields.valid_before = 2000;
  const ByteVector signed_octets = keys::certificate_to_be_signed(subject, fields, ByteVector(32, 1), ca.public_key());
  const auto signature = ca.sign(keys::SignatureAlgorithm::ed25519, signed_octets);
  auto certificate = keys::Certificate::parse(keys::assemble_certificate(signed_octets, *signature));
  EXPECT_TRUE(certificate);
  return *certificate;
}

// RFC 9987 section 3.5: byte 11, no fields; section 3.6: byte 13, key blob, data, flags.
TEST(Rfc9987, ReadsRequestIdentitiesAndSignRequest) {
  const auto listing = parse_request(*unhex("0b"));
  ASSERT_TRUE(listing);
  EXPECT_TRUE(std::holds_alternative<RequestIdentities>(*listing));
  const auto sign =
      parse_request(*unhex("0d"
                           "00000002"
                           "aabb"
                           "00000003"
                           "010203"
                           "00000004"));
  ASSERT_TRUE(sign);
  const auto& request = std::get<SignRequest>(*sign);
  EXPECT_EQ(hex(request.key_blob), "aabb");
  EXPECT_EQ(hex(request.data), "010203");
  EXPECT_EQ(request.flags, flag_rsa_sha2_512);
}

TEST(Rfc9987, RefusesEveryCutAndLeftOverOctets) {
  const ByteVector whole = *unhex(
      "0d"
      "00000002"
      "aabb"
      "00000003"
      "010203"
      "00000004");
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(parse_request(Bytes(whole).first(size))) << size;
  ByteVector longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parse_request(longer));
  EXPECT_FALSE(parse_request(*unhex("0b00")));
}

TEST(Rfc9987, UnknownNumbersAreUnsupportedAndNotAnError) {
  for (const std::string_view number : {"01", "14", "15", "1a", "ff"}) {
    const auto request = parse_request(*unhex(number));
    ASSERT_TRUE(request) << number;
    EXPECT_TRUE(std::holds_alternative<Unsupported>(*request)) << number;
  }
}

class AddIdentityOf : public testing::TestWithParam<keys::KeyType> {};

TEST_P(AddIdentityOf, CarriesKeyCertificateCommentAndConstraints) {
  const keys::PrivateKey key = keys::PrivateKey::generate(GetParam(), 2048);
  const keys::Certificate certificate = certificate_for(key.public_key());
  Constraints constraints;
  constraints.lifetime = std::chrono::seconds(90);
  constraints.confirm = true;
  for (const keys::Certificate* with : {static_cast<const keys::Certificate*>(nullptr), &certificate}) {
    const SecretBytes framed = write_add_identity(key, with, "comment", constraints);
    const ByteVector body = body_of(framed.reveal());
    auto request = parse_request(body);
    ASSERT_TRUE(request) << request.error().detail;
    auto& add = std::get<AddIdentity>(*request);
    EXPECT_EQ(add.key.public_key(), key.public_key());
    EXPECT_EQ(add.certificate.has_value(), with != nullptr);
    EXPECT_EQ(add.comment, "comment");
    EXPECT_EQ(add.constraints.lifetime, std::chrono::seconds(90));
    EXPECT_TRUE(add.constraints.confirm);
    const auto signature = add.key.sign(keys::preferred_signature(GetParam()), as_bytes("x"));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(key.public_key().verify_any(as_bytes("x"), *signature));
    for (std::size_t size = 0; size < body.size(); ++size) {
      const auto cut = parse_request(Bytes(body).first(size));
      // A cut exactly before a constraint is a shorter, valid request with fewer constraints.
      EXPECT_TRUE(!cut || size >= body.size() - 6) << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, AddIdentityOf,
                         testing::Values(keys::KeyType::ed25519, keys::KeyType::ecdsa_p256, keys::KeyType::ecdsa_p384,
                                         keys::KeyType::ecdsa_p521, keys::KeyType::rsa));

TEST(AddIdentity, RefusesAnUnknownConstraint) {
  const keys::PrivateKey key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  Constraints constraints;
  constraints.confirm = true;
  ByteVector body = body_of(write_add_identity(key, nullptr, "", constraints).reveal());
  body.back() = 9;
  EXPECT_FALSE(parse_request(body));
}

TEST(AddIdentity, RefusesACertificateOfAnotherKey) {
  const keys::PrivateKey key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  const keys::PrivateKey other = keys::PrivateKey::generate(keys::KeyType::ed25519);
  const keys::Certificate certificate = certificate_for(other.public_key());
  EXPECT_FALSE(parse_request(body_of(write_add_identity(key, &certificate, "", {}).reveal())));
}

TEST(SessionBind, VerifiesTheHostsSignatureOverTheSessionId) {
  keys::PrivateKey host = keys::PrivateKey::generate(keys::KeyType::ecdsa_p256);
  const ByteVector session_id(32, 7);
  const auto signature = host.sign(keys::SignatureAlgorithm::ecdsa_p256, session_id);
  ASSERT_TRUE(signature);
  const keys::Certificate certificate = certificate_for(host.public_key(), keys::CertificateType::host);
  for (const Bytes blob : {host.public_key().blob(), certificate.blob()}) {
    const ByteVector body = WireWriter().string(blob).string(session_id).string(*signature).boolean(true).take();
    const auto bind = parse_session_bind(body);
    ASSERT_TRUE(bind);
    EXPECT_TRUE(bind->forwarding);
    EXPECT_TRUE(verify_session_bind(*bind));
    SessionBind other = *bind;
    other.session_id[0] ^= 1;
    EXPECT_FALSE(verify_session_bind(other));
    for (std::size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(parse_session_bind(Bytes(body).first(size)));
  }
  EXPECT_FALSE(parse_session_bind(WireWriter().string("k").string("").string("s").boolean(false).view()));
  EXPECT_FALSE(parse_session_bind(WireWriter().string("k").string(ByteVector(129, 1)).string("s").boolean(false).view()));
}

TEST(SessionBind, AUserCertificateIsNoHostKey) {
  keys::PrivateKey host = keys::PrivateKey::generate(keys::KeyType::ed25519);
  const ByteVector session_id(32, 7);
  const auto signature = host.sign(keys::SignatureAlgorithm::ed25519, session_id);
  SessionBind bind;
  bind.host_key_blob = to_vector(certificate_for(host.public_key()).blob());
  bind.session_id = session_id;
  bind.signature_blob = *signature;
  EXPECT_FALSE(verify_session_bind(bind));
}

TEST(SshsigNamespace, IsFoundInWhatAnSshsigSigns) {
  EXPECT_EQ(sshsig_namespace_of(keys::sshsig_to_be_signed("gatehouse-possession", as_bytes("m"))), "gatehouse-possession");
  EXPECT_EQ(sshsig_namespace_of(as_bytes("SSHSIG\xff")), "");
  EXPECT_EQ(sshsig_namespace_of(as_bytes("SSHSI")), std::nullopt);
}

TEST(TakeMessage, WaitsForTheWholeAndRefusesTheImpossible) {
  ByteVector buffer;
  const ByteVector framed = frame(*unhex("0b"));
  for (std::size_t i = 0; i + 1 < framed.size(); ++i) {
    buffer.push_back(framed[i]);
    const auto none = take_message(buffer);
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
  }
  buffer.push_back(framed.back());
  buffer.push_back(0xee);
  const auto message = take_message(buffer);
  ASSERT_TRUE(message && *message);
  EXPECT_EQ(hex((*message)->reveal()), "0b");
  EXPECT_EQ(hex(buffer), "ee");
  ByteVector huge = *unhex("00040001");
  EXPECT_FALSE(take_message(huge));
  ByteVector empty = *unhex("00000000");
  EXPECT_FALSE(take_message(empty));
}

TEST(GatehouseExtensions, SurviveTheWireAndRefuseEveryCut) {
  LoginRequest request;
  request.ca_url = "https://ca";
  request.user = "alice";
  request.password = SecretBytes::copy_of(as_bytes("pw"));
  request.role = "r";
  request.lifetime_seconds = 60;
  const SecretBytes body = write_login_request(request);
  const auto read = parse_login_request(body.reveal());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->user, "alice");
  EXPECT_EQ(read->password.reveal_text(), "pw");
  EXPECT_EQ(read->lifetime_seconds, 60u);
  for (std::size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(parse_login_request(body.reveal().first(size)));

  const ByteVector answer = write_login_answer({LoginAnswer::Outcome::try_again_later, {}, 5, "later"});
  const auto read_answer = parse_login_answer(answer);
  ASSERT_TRUE(read_answer);
  EXPECT_EQ(read_answer->problem, "later");
  EXPECT_EQ(read_answer->outcome, LoginAnswer::Outcome::try_again_later);
  for (std::size_t size = 0; size < answer.size(); ++size) EXPECT_FALSE(parse_login_answer(Bytes(answer).first(size)));

  SessionStatus session;
  session.user = "alice";
  session.session_end = 9;
  const auto sessions = parse_status_answer(write_status_answer({session, session}));
  ASSERT_TRUE(sessions);
  EXPECT_EQ(sessions->size(), 2u);
  EXPECT_EQ(sessions->at(1).session_end, 9u);
  EXPECT_FALSE(parse_status_answer(*unhex("ffffffff")));
}

}  // namespace
}  // namespace gatehouse::agent
