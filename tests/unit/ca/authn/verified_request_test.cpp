#include "ca/authn/verified_request.h"

#include <gtest/gtest.h>

#include "protocol/keys/private_key.h"

namespace gatehouse::ca {
namespace {

namespace name_space = keys::sshsig_namespace;
constexpr NonceMint::Time now{std::chrono::seconds(1'700'000'000)};

class RequestAtTheCa : public testing::Test {
 protected:
  NonceMint nonces_{SecretBytes::copy_of(as_bytes("0123456789abcdef0123456789abcdef")), "example"};
  keys::PrivateKey subject_ = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::PrivateKey other_ = keys::PrivateKey::generate(keys::KeyType::ecdsa_p256);
  ByteVector channel_ = ByteVector(channel_size, 9);

  SignedRequest wish() {
    SignedRequest request;
    request.audience = "example";
    request.nonce = nonces_.mint(now);
    request.public_key = subject_.public_key();
    return request;
  }
  AskSigned signed_by(keys::Signer& key, const SignedRequest& request, std::string_view purpose = name_space::possession) {
    AskSigned ask;
    ask.action = request.action;
    ask.caller = {"192.0.2.1", channel_};
    ask.envelope.request = write_signed_request(request);
    ask.envelope.possession = *keys::sshsig_sign(key, purpose, ask.envelope.request);
    return ask;
  }
  Judged<VerifiedRequest> verify(const AskSigned& ask) { return verify_request(ask, "example", nonces_, now); }
  ProblemType problem_of(const AskSigned& ask) {
    const auto verified = verify(ask);
    EXPECT_FALSE(verified);
    return verified ? ProblemType::internal : verified.error().document.type;
  }
};

TEST_F(RequestAtTheCa, PassesWithPossessionNonceAndAudience) {
  const auto verified = verify(signed_by(subject_, wish()));
  ASSERT_TRUE(verified) << verified.error().detail;
  EXPECT_EQ(*verified->request.public_key, subject_.public_key());
  EXPECT_FALSE(verified->identity);
}

TEST_F(RequestAtTheCa, NeedsPossession) {
  AskSigned ask = signed_by(subject_, wish());
  ask.envelope.possession.clear();
  EXPECT_EQ(problem_of(ask), ProblemType::possession_not_proven);
}

TEST_F(RequestAtTheCa, NeedsPossessionByTheSubjectKeyItself) {
  EXPECT_EQ(problem_of(signed_by(other_, wish())), ProblemType::possession_not_proven);
}

TEST_F(RequestAtTheCa, TakesNoSignatureOfAnotherNamespace) {
  for (const auto purpose : {name_space::identity, name_space::host, name_space::admin}) {
    EXPECT_EQ(problem_of(signed_by(subject_, wish(), purpose)), ProblemType::possession_not_proven) << purpose;
  }
}

TEST_F(RequestAtTheCa, HostsProvePossessionInTheirOwnNamespace) {
  SignedRequest request = wish();
  request.action = Action::host_certificate;
  request.principals = {"web1.example.org"};
  EXPECT_TRUE(verify(signed_by(subject_, request, name_space::host)));
  EXPECT_EQ(problem_of(signed_by(subject_, request, name_space::possession)), ProblemType::possession_not_proven);
}

TEST_F(RequestAtTheCa, OctetsChangedAfterSigningAreRefusedBeforeTheyAreParsed) {
  AskSigned ask = signed_by(subject_, wish());
  ask.envelope.request = to_vector(as_bytes("{not even JSON"));
  EXPECT_EQ(problem_of(ask), ProblemType::possession_not_proven);
}

TEST_F(RequestAtTheCa, ForAnotherCaIsRefused) {
  SignedRequest request = wish();
  request.audience = "other";
  EXPECT_EQ(problem_of(signed_by(subject_, request)), ProblemType::wrong_audience);
}

TEST_F(RequestAtTheCa, AtTheWrongAddressIsRefused) {
  AskSigned ask = signed_by(subject_, wish(), name_space::host);
  ask.action = Action::host_certificate;
  EXPECT_EQ(problem_of(ask), ProblemType::malformed);
}

TEST_F(RequestAtTheCa, WithAnOldOrForeignNonceIsRefused) {
  SignedRequest request = wish();
  request.nonce = nonces_.mint(now - std::chrono::seconds(300));
  EXPECT_EQ(problem_of(signed_by(subject_, request)), ProblemType::bad_nonce);
  request.nonce = "made up";
  EXPECT_EQ(problem_of(signed_by(subject_, request)), ProblemType::bad_nonce);
}

TEST_F(RequestAtTheCa, ForAnotherTlsConnectionIsRefused) {
  SignedRequest request = wish();
  request.channel = channel_;
  EXPECT_TRUE(verify(signed_by(subject_, request)));
  request.channel = ByteVector(channel_size, 8);
  EXPECT_EQ(problem_of(signed_by(subject_, request)), ProblemType::malformed);
}

TEST_F(RequestAtTheCa, IdentityIsVerifiedInItsNamespaceOverTheSameOctets) {
  SignedRequest request = wish();
  request.account = "svc-backup";
  AskSigned ask = signed_by(subject_, request);
  ask.envelope.identity = *keys::sshsig_sign(other_, name_space::identity, ask.envelope.request);
  const auto verified = verify(ask);
  ASSERT_TRUE(verified);
  EXPECT_TRUE(equal(verified->identity_key, other_.public_key().blob()));

  ask.envelope.identity = *keys::sshsig_sign(other_, name_space::possession, ask.envelope.request);
  EXPECT_EQ(problem_of(ask), ProblemType::invalid_credentials);
  const ByteVector earlier{1, 2, 3};
  ask.envelope.identity = *keys::sshsig_sign(other_, name_space::identity, earlier);
  EXPECT_EQ(problem_of(ask), ProblemType::invalid_credentials);
}

TEST_F(RequestAtTheCa, WrongIdentityTakesAsLongAsAWrongPassword) {
  AskSigned ask = signed_by(subject_, wish());
  ask.envelope.identity = *keys::sshsig_sign(other_, name_space::host, ask.envelope.request);
  const auto verified = verify(ask);
  ASSERT_FALSE(verified);
  EXPECT_TRUE(verified.error().same_time);
  EXPECT_EQ(verified.error().document, refuse_credentials("x", "y").value().document);
}

TEST_F(RequestAtTheCa, ARevocationCertifiesNoKey) {
  SignedRequest request;
  request.action = Action::revoke;
  request.audience = "example";
  request.nonce = nonces_.mint(now);
  request.serials = {5};
  AskSigned ask = signed_by(subject_, request);
  EXPECT_EQ(problem_of(ask), ProblemType::malformed);
  ask.envelope.possession.clear();
  EXPECT_TRUE(verify(ask));
  ask.envelope.identity = *keys::sshsig_sign(subject_, name_space::admin, ask.envelope.request);
  EXPECT_TRUE(verify(ask));
  ask.envelope.identity = *keys::sshsig_sign(subject_, name_space::identity, ask.envelope.request);
  EXPECT_EQ(problem_of(ask), ProblemType::invalid_credentials);
}

TEST_F(RequestAtTheCa, GarbageForSignaturesIsMalformed) {
  AskSigned ask = signed_by(subject_, wish());
  ask.envelope.possession = {1, 2, 3};
  EXPECT_EQ(problem_of(ask), ProblemType::malformed);
  ask = signed_by(subject_, wish());
  ask.envelope.identity = {1, 2, 3};
  EXPECT_EQ(problem_of(ask), ProblemType::malformed);
}

}  // namespace
}  // namespace gatehouse::ca
