#include "agent-bridge/identities/keeper.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/core/wire.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::agent {
namespace {

constexpr std::uint64_t valid_after = 1000;
constexpr std::uint64_t valid_before = 2000;

keys::Certificate certificate_for(const keys::PublicKey& subject, std::uint64_t before = valid_before) {
  keys::PrivateKey ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::CertificateFields fields;
  fields.serial = before;
  fields.key_id = "id";
  fields.principals = {"alice"};
  fields.valid_after = valid_after;
  fields.valid_before = before;
  const ByteVector signed_octets = keys::certificate_to_be_signed(subject, fields, ByteVector(32, 1), ca.public_key());
  return *keys::Certificate::parse(keys::assemble_certificate(signed_octets, *ca.sign(keys::SignatureAlgorithm::ed25519, signed_octets)));
}

HeldIdentity log_in_identity(const std::shared_ptr<keys::PrivateKey>& key, std::uint64_t before = valid_before) {
  HeldIdentity identity;
  identity.key = key;
  identity.certificate = certificate_for(key->public_key(), before);
  identity.comment = "log-in";
  identity.from_ca = true;
  return identity;
}

std::shared_ptr<keys::PrivateKey> new_key(keys::KeyType type = keys::KeyType::ed25519) {
  return std::make_shared<keys::PrivateKey>(keys::PrivateKey::generate(type, 2048));
}

class KeeperTest : public testing::Test {
 protected:
  Reply ask(Request request) {
    Outcome outcome = keeper_.answer(std::move(request), bindings_, now_);
    EXPECT_TRUE(std::holds_alternative<Reply>(outcome));
    return std::get<Reply>(std::move(outcome));
  }
  std::vector<Identity> listed() {
    const Reply reply = ask(RequestIdentities{});
    return *parse_identities(Bytes(reply.message).subspan(4));
  }
  bool signs(Bytes blob, Bytes data, std::uint32_t flags = 0) {
    const Reply reply = ask(SignRequest{to_vector(blob), to_vector(data), flags});
    return parse_signature(Bytes(reply.message).subspan(4)).has_value();
  }
  bool succeeds(Request request) { return ask(std::move(request)).message == write_success(); }
  Request add(keys::PrivateKey key, Constraints constraints = {}) { return AddIdentity{std::move(key), std::nullopt, "c", constraints}; }
  void bind_as_forwarded() {
    keys::PrivateKey host = keys::PrivateKey::generate(keys::KeyType::ed25519);
    SessionBind bind;
    bind.host_key_blob = to_vector(host.public_key().blob());
    bind.session_id = ByteVector(32, 5);
    bind.signature_blob = *host.sign(keys::SignatureAlgorithm::ed25519, bind.session_id);
    bind.forwarding = true;
    ASSERT_TRUE(bindings_.bind(bind));
  }

  Keeper keeper_;
  ClientBindings bindings_;
  Now now_{1500, std::chrono::seconds(100)};
};

TEST_F(KeeperTest, ShowsTheCertificateOfALogInAndNotItsPlainKey) {
  const auto key = new_key();
  ASSERT_TRUE(keeper_.store().add(log_in_identity(key)));
  ASSERT_EQ(listed().size(), 1u);
  EXPECT_TRUE(keys::Certificate::parse(listed()[0].blob));
  EXPECT_TRUE(signs(listed()[0].blob, as_bytes("data")));
  EXPECT_FALSE(signs(key->public_key().blob(), as_bytes("data")));
}

TEST_F(KeeperTest, NeverShowsOrUsesACertificateOutsideItsTime) {
  const auto key = new_key();
  const HeldIdentity identity = log_in_identity(key);
  ASSERT_TRUE(keeper_.store().add(identity));
  for (const std::uint64_t at : {valid_after - 1, valid_before}) {
    Keeper keeper;
    ASSERT_TRUE(keeper.store().add(identity));
    keeper_.store().remove_all();
    ASSERT_TRUE(keeper_.store().add(identity));
    now_.unix_seconds = at;
    EXPECT_TRUE(listed().empty()) << at;
    EXPECT_FALSE(signs(identity.blob(), as_bytes("data"))) << at;
  }
  now_.unix_seconds = valid_before - 1;
  keeper_.store().add(identity);
  EXPECT_EQ(listed().size(), 1u);
}

TEST_F(KeeperTest, AReplacedCertificateIsHiddenAndAnswersUntilItEnds) {
  const auto key = new_key();
  const HeldIdentity old_identity = log_in_identity(key, 2000);
  const HeldIdentity renewed = log_in_identity(key, 3000);
  ASSERT_TRUE(keeper_.store().add(old_identity));
  ASSERT_TRUE(keeper_.store().replace(old_identity.blob(), renewed));
  ASSERT_EQ(listed().size(), 1u);
  EXPECT_TRUE(equal(listed()[0].blob, renewed.blob()));
  EXPECT_TRUE(signs(old_identity.blob(), as_bytes("data")));
  now_.unix_seconds = 2000;
  EXPECT_FALSE(signs(old_identity.blob(), as_bytes("data")));
  EXPECT_EQ(keeper_.store().size(), 1u);
}

TEST_F(KeeperTest, ALifetimeEndsAKeyByTheClockThatNobodySets) {
  Constraints constraints;
  constraints.lifetime = std::chrono::seconds(10);
  ASSERT_TRUE(succeeds(add(keys::PrivateKey::generate(keys::KeyType::ed25519), constraints)));
  now_.unix_seconds = 1;  // the calendar clock stepped back
  now_.since_boot += std::chrono::seconds(9);
  EXPECT_EQ(listed().size(), 1u);
  now_.since_boot += std::chrono::seconds(1);
  EXPECT_TRUE(listed().empty());
}

TEST_F(KeeperTest, RefusesAKeyThatMustBeConfirmed) {
  Constraints constraints;
  constraints.confirm = true;
  EXPECT_FALSE(succeeds(add(keys::PrivateKey::generate(keys::KeyType::ed25519), constraints)));
  EXPECT_EQ(keeper_.store().size(), 0u);
}

TEST_F(KeeperTest, RsaSignsOnlyWithSha2) {
  const auto key = new_key(keys::KeyType::rsa);
  HeldIdentity identity;
  identity.key = key;
  ASSERT_TRUE(keeper_.store().add(identity));
  EXPECT_TRUE(signs(key->public_key().blob(), as_bytes("data"), flag_rsa_sha2_256));
  EXPECT_TRUE(signs(key->public_key().blob(), as_bytes("data"), flag_rsa_sha2_512));
  EXPECT_FALSE(signs(key->public_key().blob(), as_bytes("data"), 0));
}

TEST_F(KeeperTest, SignsNoProofTowardsTheCaForAnybody) {
  const auto key = new_key();
  ASSERT_TRUE(keeper_.store().add(log_in_identity(key)));
  const ByteVector blob = listed()[0].blob;
  EXPECT_FALSE(signs(blob, keys::sshsig_to_be_signed(keys::sshsig_namespace::possession, as_bytes("m"))));
  EXPECT_FALSE(signs(blob, keys::sshsig_to_be_signed("gatehouse-anything", as_bytes("m"))));
  EXPECT_TRUE(signs(blob, keys::sshsig_to_be_signed("git", as_bytes("m"))));
}

TEST_F(KeeperTest, AForwardedConnectionMaySignLoginsAndNothingElse) {
  const auto key = new_key();
  ASSERT_TRUE(keeper_.store().add(log_in_identity(key)));
  const ByteVector blob = listed()[0].blob;
  bind_as_forwarded();
  EXPECT_EQ(listed().size(), 1u);
  EXPECT_TRUE(signs(blob, as_bytes("userauth data")));
  EXPECT_FALSE(signs(blob, keys::sshsig_to_be_signed("git", as_bytes("m"))));
  EXPECT_FALSE(succeeds(add(keys::PrivateKey::generate(keys::KeyType::ed25519))));
  EXPECT_FALSE(succeeds(RemoveIdentity{blob}));
  EXPECT_FALSE(succeeds(RemoveAllIdentities{}));
  EXPECT_FALSE(succeeds(Lock{SecretBytes::copy_of(as_bytes("p"))}));
  for (const std::string_view name : {login_name, status_name, logout_name}) {
    EXPECT_EQ(ask(Extension{std::string(name), {}}).message, write_extension_failure()) << name;
  }
  EXPECT_EQ(keeper_.store().size(), 1u);
}

TEST_F(KeeperTest, ALockHidesAllAndOnlyTheSamePassphraseOpensIt) {
  const auto key = new_key();
  ASSERT_TRUE(keeper_.store().add(log_in_identity(key)));
  const ByteVector blob = listed()[0].blob;
  ASSERT_TRUE(succeeds(Lock{SecretBytes::copy_of(as_bytes("pass"))}));
  EXPECT_TRUE(listed().empty());
  EXPECT_FALSE(signs(blob, as_bytes("data")));
  EXPECT_FALSE(succeeds(RemoveAllIdentities{}));
  EXPECT_FALSE(succeeds(Lock{SecretBytes::copy_of(as_bytes("other"))}));
  const Reply wrong = ask(Unlock{SecretBytes::copy_of(as_bytes("pas"))});
  EXPECT_EQ(wrong.message, write_failure());
  EXPECT_GT(wrong.delay.count(), 0);
  EXPECT_TRUE(succeeds(Unlock{SecretBytes::copy_of(as_bytes("pass"))}));
  EXPECT_FALSE(succeeds(Unlock{SecretBytes::copy_of(as_bytes("pass"))}));
  EXPECT_EQ(listed().size(), 1u);
}

TEST_F(KeeperTest, UnknownExtensionsFailPlainlyAndQueryNamesTheKnown) {
  EXPECT_EQ(ask(Extension{"no-such@example.com", {}}).message, write_failure());
  const Reply reply = ask(Extension{std::string(query_name), {}});
  const auto body = parse_extension_response(Bytes(reply.message).subspan(4), query_name);
  ASSERT_TRUE(body && *body);
  WireReader names(**body);
  std::vector<std::string> all;
  while (names.more()) all.emplace_back(names.text());
  EXPECT_TRUE(names.finish());
  EXPECT_NE(std::find(all.begin(), all.end(), session_bind_name), all.end());
}

TEST_F(KeeperTest, ABindingToLogInIsTheLastOne) {
  keys::PrivateKey host = keys::PrivateKey::generate(keys::KeyType::ed25519);
  SessionBind bind;
  bind.host_key_blob = to_vector(host.public_key().blob());
  bind.session_id = ByteVector(32, 5);
  bind.signature_blob = *host.sign(keys::SignatureAlgorithm::ed25519, bind.session_id);
  EXPECT_TRUE(bindings_.bind(bind));
  EXPECT_FALSE(bindings_.bind(bind));
  SessionBind forged = bind;
  forged.session_id = ByteVector(32, 6);
  ClientBindings fresh;
  EXPECT_FALSE(fresh.bind(forged));
}

}  // namespace
}  // namespace gatehouse::agent
