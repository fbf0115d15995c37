#include "ca/api/request.h"

#include <gtest/gtest.h>

#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

const std::string key_line = keys::PrivateKey::generate(keys::KeyType::ed25519).public_key().line();

std::string user_request(const std::string& more = "") {
  return R"({"audience":"example","action":"user-certificate","nonce":"n","public_key":")" + key_line + "\"" + more + "}";
}

std::string mistake_in(const std::string& text) {
  const auto request = parse_signed_request(as_bytes(text));
  return request ? "" : request.error().what;
}

TEST(SignedRequest, ReadsAUserCertificateRequest) {
  const auto request = parse_signed_request(as_bytes(user_request(
      R"(,"role":"operator","principals":["alice","deploy"],"lifetime":600,"reason":"because","account":"alice","channel":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")")));
  ASSERT_TRUE(request) << request.error().line();
  EXPECT_EQ(request->audience, "example");
  EXPECT_EQ(request->action, Action::user_certificate);
  EXPECT_EQ(request->public_key->line(), key_line);
  EXPECT_EQ(request->principals, (std::vector<std::string>{"alice", "deploy"}));
  EXPECT_EQ(request->lifetime, std::chrono::seconds(600));
  EXPECT_EQ(request->channel->size(), channel_size);
}

TEST(SignedRequest, SurvivesWritingAndReading) {
  auto request = *parse_signed_request(as_bytes(user_request(R"(,"role":"r","principals":["a"],"lifetime":1,"reason":"\"\\")")));
  const auto again = parse_signed_request(write_signed_request(request));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->reason, "\"\\");
  EXPECT_EQ(write_signed_request(*again), write_signed_request(request));
}

TEST(SignedRequest, RefusesMembersOfOtherActions) {
  EXPECT_EQ(mistake_in(user_request(R"(,"serials":["1"])")), "member \"serials\" is not known");
  const std::string revoke = R"({"audience":"example","action":"revoke","nonce":"n","serials":["1"])";
  EXPECT_EQ(mistake_in(revoke + "}"), "");
  EXPECT_EQ(mistake_in(revoke + R"(,"role":"x"})"), "member \"role\" is not known");
  EXPECT_EQ(mistake_in(revoke + ",\"public_key\":\"" + key_line + "\"}"), "member \"public_key\" is not known");
}

TEST(SignedRequest, RefusesUnknownAndDuplicateMembers) {
  EXPECT_EQ(mistake_in(user_request(R"(,"critical_options":{})")), "member \"critical_options\" is not known");
  EXPECT_EQ(mistake_in(user_request(R"(,"nonce":"other")")), "member \"nonce\" appears twice");
}

TEST(SignedRequest, RefusesMissingMembers) {
  EXPECT_NE(mistake_in(R"({"action":"user-certificate","nonce":"n","public_key":")" + key_line + "\"}"), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","nonce":"n","public_key":")" + key_line + "\"}"), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"user-certificate","public_key":")" + key_line + "\"}"), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"user-certificate","nonce":"n"})"), "");
}

TEST(SignedRequest, RefusesUnknownActionsAndBadValues) {
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"sign-anything","nonce":"n"})"), "");
  EXPECT_NE(mistake_in(user_request(R"(,"lifetime":0)")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"lifetime":-5)")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"lifetime":"1h")")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"lifetime":18446744073709551615)")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"principals":"alice")")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"principals":[""])")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"principals":["a\nb"])")), "");
  EXPECT_NE(mistake_in(user_request(R"(,"channel":"AAAA")")), "");
  EXPECT_NE(mistake_in(user_request(",\"reason\":\"" + std::string(257, 'r') + "\"")), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"revoke","nonce":"n"})"), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"revoke","nonce":"n","serials":["0"]})"), "");
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"host-certificate","nonce":"n","public_key":")" + key_line + "\"}"), "");
}

TEST(SignedRequest, RefusesTooManyPrincipals) {
  std::string list = "\"a\"";
  for (int i = 0; i < 256; ++i) list += ",\"a\"";
  EXPECT_NE(mistake_in(user_request(",\"principals\":[" + list + "]")), "");
}

TEST(SignedRequest, RefusesACertificateAsPublicKey) {
  auto ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  auto subject = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::CertificateFields fields;
  fields.principals = {"alice"};
  fields.valid_before = 1;
  const auto body = keys::certificate_to_be_signed(subject.public_key(), fields, ByteVector(32), ca.public_key());
  const auto blob = keys::assemble_certificate(body, *ca.sign(keys::SignatureAlgorithm::ed25519, body));
  const std::string line = "ssh-ed25519-cert-v01@openssh.com " + base64(blob);
  EXPECT_NE(mistake_in(R"({"audience":"a","action":"user-certificate","nonce":"n","public_key":")" + line + "\"}"), "");
}

TEST(Envelope, SurvivesWritingAndReading) {
  auto key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  Envelope envelope;
  envelope.request = to_vector(as_bytes(user_request()));
  envelope.possession = *keys::sshsig_sign(key, keys::sshsig_namespace::possession, envelope.request);
  envelope.identity = *keys::sshsig_sign(key, keys::sshsig_namespace::identity, envelope.request);
  const auto again = parse_envelope(write_envelope(envelope));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(*again, envelope);
}

TEST(Envelope, RefusesUnknownMembersAndBadEncodings) {
  for (const char* body :
       {R"({})", R"({"request":"e30=","otp":"1"})", R"({"request":"e30=","request":"e30="})", R"({"request":"***"})", R"({"request":7})",
        R"({"request":"e30=","possession":"garbage"})",
        "{\"request\":\"e30=\",\"possession\":\"-----BEGIN SSH SIGNATURE-----\\n!!!\\n-----END SSH SIGNATURE-----\\n\"}"}) {
    EXPECT_FALSE(parse_envelope(body)) << body;
  }
  EXPECT_TRUE(parse_envelope(R"({"request":"e30="})"));
  EXPECT_FALSE(parse_envelope("{\"request\":\"" + std::string(max_body_size, 'A') + "\"}"));
}

}  // namespace
}  // namespace gatehouse::ca
