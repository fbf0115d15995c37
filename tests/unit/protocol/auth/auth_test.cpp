/// Both halves of authentication over two transports in one process.
#include <gtest/gtest.h>

#include "protocol/auth/client_auth.h"
#include "protocol/auth/server_auth.h"
#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"
#include "tests/support/raw_client.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::auth {
namespace {

using test::Pair;

ServerAuthSettings every_algorithm() {
  ServerAuthSettings settings;
  settings.accepted_algorithms = transport::AlgorithmLists::defaults().host_keys;
  return settings;
}

/// Lets one public key in, as an authorizer would.
struct Gate {
  Gate(test::End& end, const keys::PublicKey& let_in, ServerAuthSettings settings = every_algorithm())
      : end_(end), key(let_in), auth(end.transport, std::move(settings)) {
    end.on_payload = [this](const transport::PayloadReceived& payload) { take(payload); };
  }

  void take(const transport::PayloadReceived& payload) {
    auto event = auth.receive(payload);
    if (!event) {
      error = event.error();
      return;
    }
    if (!*event) return;
    if (const auto* query = std::get_if<PublicKeyQueried>(&**event)) {
      ++queries;
      if (fits(query->key, query->algorithm)) {
        auth.accept_query();
      } else if (auto rejected = auth.reject(); !rejected) {
        error = rejected.error();
      }
    } else if (const auto* request = std::get_if<PublicKeySigned>(&**event)) {
      ++signed_requests;
      last_signed = request->key;
      const ByteVector data = userauth_signed_data(end_.transport.session_id(), request->user, request->service, request->key);
      if (answers && fits(request->key, request->algorithm) && key.verify(request->algorithm.signature, data, *request->key.signature)) {
        auth.succeed();
      } else if (answers) {
        if (auto rejected = auth.reject(); !rejected) error = rejected.error();
      }
    } else {
      failed.push_back(std::get<AttemptFailed>(**event));
    }
  }
  bool fits(const PublicKeyMethod& method, const keys::PublicKeyAlgorithm& algorithm) const {
    if (!algorithm.certificate) return equal(method.key_blob, key.blob());
    const auto certificate = keys::Certificate::parse(method.key_blob);
    return certificate && certificate->subject() == key;
  }

  test::End& end_;
  keys::PublicKey key;
  ServerAuth auth;
  bool answers = true;
  int queries = 0;
  int signed_requests = 0;
  std::vector<AttemptFailed> failed;
  std::optional<PublicKeyMethod> last_signed;
  std::optional<ProtocolError> error;
};

struct Visitor {
  Visitor(test::End& end, std::vector<ClientIdentity> identities) : auth(end.transport, "alice", std::move(identities)) {
    end.on_payload = [this](const transport::PayloadReceived& payload) {
      auto event = auth.receive(payload);
      if (!event) {
        error = event.error();
      } else if (*event) {
        events.push_back(std::move(**event));
      }
    };
  }
  ClientAuth auth;
  std::vector<ClientAuthEvent> events;
  std::optional<ProtocolError> error;
};

class Authentication : public testing::Test {
 protected:
  void SetUp() override { pair.run(); }
  Pair pair;
  keys::PrivateKey alice = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::PrivateKey other = keys::PrivateKey::generate(keys::KeyType::ed25519);
};

TEST_F(Authentication, ByASignatureAtOnce) {
  Gate gate(pair.server, alice.public_key());
  Visitor visitor(pair.client, {{&alice, {}, false}});
  pair.run();
  EXPECT_TRUE(gate.auth.succeeded());
  EXPECT_TRUE(visitor.auth.succeeded());
  EXPECT_EQ(gate.queries, 0);
  EXPECT_EQ(gate.auth.user(), "alice");
  ASSERT_TRUE(gate.last_signed->server_host_key) << "bound to the host key, as the server's EXT_INFO allows";
}

TEST_F(Authentication, ByAQueryAndASignatureOneOctetAtATime) {
  pair.chunk = 1;
  Gate gate(pair.server, alice.public_key());
  Visitor visitor(pair.client, {{&other, {}, true}, {&alice, {}, true}});
  pair.run();
  EXPECT_TRUE(visitor.auth.succeeded());
  EXPECT_EQ(gate.queries, 2);
  EXPECT_EQ(gate.signed_requests, 1);
  EXPECT_EQ(gate.auth.failures(), 1U);
}

TEST_F(Authentication, EndsWhenNoIdentityIsLeft) {
  Gate gate(pair.server, alice.public_key());
  Visitor visitor(pair.client, {{&other, {}, false}, {&other, {}, true}});
  pair.run();
  EXPECT_FALSE(gate.auth.succeeded());
  ASSERT_EQ(visitor.events.size(), 1U);
  EXPECT_EQ(std::get<AuthenticationFailed>(visitor.events[0]).can_continue, std::vector<std::string>{"publickey"});
}

TEST_F(Authentication, ByACertificateOfEachKeyType) {
  auto ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  for (const keys::KeyType type :
       {keys::KeyType::ed25519, keys::KeyType::ecdsa_p256, keys::KeyType::ecdsa_p384, keys::KeyType::ecdsa_p521, keys::KeyType::rsa}) {
    Pair fresh;
    fresh.run();
    keys::PrivateKey& key = test::host_private_key(type);
    keys::CertificateFields fields;
    fields.principals = {"alice"};
    fields.valid_before = keys::forever;
    const ByteVector signed_part = keys::certificate_to_be_signed(key.public_key(), fields, ByteVector(32, 5), ca.public_key());
    const ByteVector certificate = keys::assemble_certificate(signed_part, *ca.sign(keys::SignatureAlgorithm::ed25519, signed_part));
    Gate gate(fresh.server, key.public_key());
    Visitor visitor(fresh.client, {{&key, certificate, true}});
    fresh.run();
    EXPECT_TRUE(visitor.auth.succeeded()) << static_cast<int>(type);
    EXPECT_EQ(gate.last_signed->algorithm, keys::public_key_algorithm_name({keys::preferred_signature(type), true}));
  }
}

TEST_F(Authentication, TakesTheSignatureAlgorithmThatTheServerNames) {
  transport::Settings settings = test::server_settings();
  settings.server_sig_algs = "ssh-ed25519,rsa-sha2-256";
  Pair fresh(settings);
  fresh.run();
  keys::PrivateKey& rsa = test::host_private_key(keys::KeyType::rsa);
  Gate gate(fresh.server, rsa.public_key());
  Visitor visitor(fresh.client, {{&rsa, {}, false}});
  fresh.run();
  EXPECT_TRUE(visitor.auth.succeeded());
  EXPECT_EQ(gate.last_signed->algorithm, "rsa-sha2-256");
}

TEST_F(Authentication, ShowsTheBannerBeforeTheFirstAnswer) {
  ServerAuthSettings settings = every_algorithm();
  settings.banner = "Authorised use only\n";
  Gate gate(pair.server, alice.public_key(), settings);
  Visitor visitor(pair.client, {{&other, {}, false}, {&alice, {}, false}});
  pair.run();
  ASSERT_EQ(visitor.events.size(), 2U);
  EXPECT_EQ(std::get<BannerReceived>(visitor.events[0]).text, "Authorised use only\n");
  EXPECT_TRUE(visitor.auth.succeeded());
}

TEST_F(Authentication, GoesOnAcrossARekey) {
  Gate gate(pair.server, alice.public_key());
  Visitor visitor(pair.client, {{&alice, {}, true}});
  pair.client.transport.request_rekey();
  pair.server.transport.request_rekey();
  pair.run();
  EXPECT_TRUE(visitor.auth.succeeded());
  EXPECT_EQ(pair.client.keys_installed, 2);
}

// ---- a client that obeys nothing -----------------------------------------------------------------------------------------------------

class ServerAuthStrictness : public testing::Test {
 protected:
  void SetUp() override { client.connect(); }

  static ByteVector service_request(std::string_view service = "ssh-userauth") { return write_service_request(service); }
  ByteVector request(UserauthRequest value) const { return write_userauth_request(value); }
  ByteVector none(std::string user = "alice", std::string service = "ssh-connection") const {
    return write_userauth_request({std::move(user), std::move(service), NoneMethod{}});
  }
  PublicKeyMethod key_method(const keys::PrivateKey& key, std::string algorithm = "ssh-ed25519") const {
    PublicKeyMethod method;
    method.algorithm = std::move(algorithm);
    method.key_blob = to_vector(key.public_key().blob());
    return method;
  }
  ByteVector query(const keys::PrivateKey& key, std::string user = "alice") const {
    return write_userauth_request({std::move(user), "ssh-connection", key_method(key)});
  }
  ByteVector sign(keys::PrivateKey& key, PublicKeyMethod method, std::string user = "alice") {
    const ByteVector data = userauth_signed_data(end.transport.session_id(), user, "ssh-connection", method);
    method.signature = *key.sign(keys::SignatureAlgorithm::ed25519, data);
    return write_userauth_request({std::move(user), "ssh-connection", method});
  }
  /// The numbers of what the server answered since the last time.
  std::vector<int> answers() {
    std::vector<int> numbers;
    for (const ByteVector& payload : client.receive()) numbers.push_back(payload[0]);
    return numbers;
  }
  void start() {
    client.send(service_request());
    answers();
  }
  void expect_refused(Violation violation) {
    ASSERT_TRUE(gate.error) << "still alive";
    EXPECT_EQ(gate.error->violation, violation) << gate.error->detail;
    EXPECT_TRUE(end.transport.closed());
    EXPECT_FALSE(gate.auth.succeeded());
  }

  test::End end{test::server_settings()};
  test::RawClient client{end};
  keys::PrivateKey alice = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::PrivateKey other = keys::PrivateKey::generate(keys::KeyType::ed25519);
  Gate gate{end, alice.public_key()};
};

TEST_F(ServerAuthStrictness, TheServiceComesFirst) {
  client.send(none());
  expect_refused(Violation::unexpected_message);
}

TEST_F(ServerAuthStrictness, TheServiceIsAcceptedOnce) {
  client.send(service_request());
  EXPECT_EQ(answers(), std::vector<int>{6});
  client.send(service_request());
  expect_refused(Violation::unexpected_message);
}

TEST_F(ServerAuthStrictness, AnotherServiceIsNotAvailable) {
  client.send(service_request("ssh-connection"));
  expect_refused(Violation::service_unavailable);
  const auto sent = client.receive();
  EXPECT_EQ(hex(Bytes(sent.back()).first(5)), "0100000007");  // DISCONNECT, SERVICE_NOT_AVAILABLE
}

class ServersMessages : public ServerAuthStrictness, public testing::WithParamInterface<int> {};

TEST_P(ServersMessages, FromAClientEndTheConnection) {  // CVE-2018-10933
  for (const bool after_service : {false, true}) {
    test::End fresh(test::server_settings());
    test::RawClient peer(fresh);
    peer.connect();
    Gate its_gate(fresh, alice.public_key());
    if (after_service) peer.send(service_request());
    peer.send(ByteVector{static_cast<std::uint8_t>(GetParam())});
    ASSERT_TRUE(its_gate.error);
    EXPECT_FALSE(its_gate.auth.succeeded());
    EXPECT_TRUE(fresh.transport.closed());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ServersMessages, testing::Values(6, 51, 52, 53, 60));

TEST_F(ServerAuthStrictness, ASignedRequestIsGranted) {
  start();
  client.send(sign(alice, key_method(alice)));
  EXPECT_EQ(answers(), std::vector<int>{52});
  EXPECT_TRUE(gate.auth.succeeded());
}

TEST_F(ServerAuthStrictness, AQueryIsNeverAGrant) {
  start();
  client.send(query(alice));
  EXPECT_EQ(answers(), std::vector<int>{60});
  EXPECT_FALSE(gate.auth.succeeded());
  EXPECT_FALSE(gate.auth.pending());
}

/// CVE-2024-45337: what was asked about key A says nothing about key B.
TEST_F(ServerAuthStrictness, AQueryForOneKeyDoesNotLetAnotherIn) {
  start();
  client.send(query(alice));
  EXPECT_EQ(answers(), std::vector<int>{60});
  client.send(sign(other, key_method(other)));
  EXPECT_EQ(answers(), std::vector<int>{51});
  EXPECT_EQ(gate.last_signed->key_blob, to_vector(other.public_key().blob()));
  EXPECT_FALSE(gate.auth.succeeded());
}

TEST_F(ServerAuthStrictness, ASignatureForAnotherSessionUserOrServiceIsWorthless) {
  start();
  PublicKeyMethod method = key_method(alice);
  method.signature =
      *alice.sign(keys::SignatureAlgorithm::ed25519, userauth_signed_data(ByteVector(32), "alice", "ssh-connection", method));
  client.send(request({"alice", "ssh-connection", method}));
  method.signature =
      *alice.sign(keys::SignatureAlgorithm::ed25519, userauth_signed_data(end.transport.session_id(), "root", "ssh-connection", method));
  client.send(request({"alice", "ssh-connection", method}));
  method.signature =
      *alice.sign(keys::SignatureAlgorithm::ed25519, userauth_signed_data(end.transport.session_id(), "alice", "other", method));
  client.send(request({"alice", "ssh-connection", method}));
  EXPECT_EQ(answers(), (std::vector<int>{51, 51, 51}));
  EXPECT_FALSE(gate.auth.succeeded());
}

TEST_F(ServerAuthStrictness, AHostboundRequestNamesThisHostKey) {
  start();
  PublicKeyMethod bound = key_method(alice);
  bound.server_host_key = to_vector(end.transport.initial_host_key());
  PublicKeyMethod elsewhere = key_method(alice);
  elsewhere.server_host_key = to_vector(other.public_key().blob());
  client.send(sign(alice, elsewhere));
  EXPECT_EQ(answers(), std::vector<int>{51});
  ASSERT_EQ(gate.failed.size(), 1U);
  EXPECT_EQ(gate.failed[0].reason, AttemptFailed::Reason::wrong_host_key);
  client.send(sign(alice, bound));
  EXPECT_EQ(answers(), std::vector<int>{52});
}

TEST_F(ServerAuthStrictness, AHostboundSignatureIsNotGoodForThePlainMethod) {
  start();
  PublicKeyMethod bound = key_method(alice);
  bound.server_host_key = to_vector(end.transport.initial_host_key());
  PublicKeyMethod plain = key_method(alice);
  plain.signature =
      *alice.sign(keys::SignatureAlgorithm::ed25519, userauth_signed_data(end.transport.session_id(), "alice", "ssh-connection", bound));
  client.send(request({"alice", "ssh-connection", plain}));
  EXPECT_EQ(answers(), std::vector<int>{51});
}

/// OpenSSH 52154c2d2: the name is judged before anyone looks at the blob.
TEST_F(ServerAuthStrictness, AnAlgorithmThatIsNotAcceptedFailsWhateverTheBlob) {
  start();
  for (const char* name : {"ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "x"}) {
    PublicKeyMethod method;
    method.algorithm = name;
    method.key_blob = to_vector(as_bytes("not a key blob at all"));
    client.send(request({"alice", "ssh-connection", method}));
  }
  EXPECT_EQ(answers(), (std::vector<int>{51, 51, 51, 51, 51}));
  ASSERT_EQ(gate.failed.size(), 5U);
  EXPECT_EQ(gate.failed[0].reason, AttemptFailed::Reason::unsupported_algorithm);
  EXPECT_EQ(gate.failed[0].detail, "ssh-rsa");
  EXPECT_EQ(gate.queries, 0);
}

TEST_F(ServerAuthStrictness, OnlyTheNamedCurveIsAccepted) {  // OpenSSH fd1c7e131: one name of a family must not open all of it
  ServerAuthSettings settings;
  settings.accepted_algorithms = {"ecdsa-sha2-nistp256"};
  gate.auth.change_settings(settings);
  start();
  client.send(request({"alice", "ssh-connection", key_method(alice, "ecdsa-sha2-nistp384")}));
  client.send(request({"alice", "ssh-connection", key_method(alice, "ecdsa-sha2-nistp256-cert-v01@openssh.com")}));
  EXPECT_EQ(answers(), (std::vector<int>{51, 51}));
  EXPECT_EQ(gate.failed.size(), 2U);
}

/// CVE-2018-15473 and its kin: what a stranger sees is the same for every name.
TEST_F(ServerAuthStrictness, ABadUserNameLooksLikeAnyOther) {
  for (const std::string& user :
       {std::string("nobody-here"), std::string("../x"), std::string(), std::string(300, 'x'), std::string("a\nb")}) {
    test::End fresh(test::server_settings());
    test::RawClient peer(fresh);
    peer.connect();
    Gate its_gate(fresh, alice.public_key());
    peer.send(service_request());
    peer.send(none(user));
    peer.send(query(other, user));
    std::vector<int> numbers;
    for (const ByteVector& payload : peer.receive()) numbers.push_back(payload[0]);
    EXPECT_EQ(numbers, (std::vector<int>{6, 51, 51})) << escaped(user);
  }
}

TEST_F(ServerAuthStrictness, TheUserMayNotChange) {  // RFC 4252 section 5, CVE-2026-77185
  start();
  client.send(none("alice"));
  client.send(none("root"));
  expect_refused(Violation::bad_user_name);
}

TEST_F(ServerAuthStrictness, TheServiceOfTheRequestsMayNotChange) {
  start();
  client.send(none("alice"));
  client.send(none("alice", "ssh-other"));
  expect_refused(Violation::bad_user_name);
}

TEST_F(ServerAuthStrictness, AnUnknownServiceIsNeverGranted) {
  start();
  PublicKeyMethod method = key_method(alice);
  method.signature =
      *alice.sign(keys::SignatureAlgorithm::ed25519, userauth_signed_data(end.transport.session_id(), "alice", "ssh-x", method));
  client.send(request({"alice", "ssh-x", method}));
  EXPECT_EQ(answers(), std::vector<int>{51});
  EXPECT_EQ(gate.failed.at(0).reason, AttemptFailed::Reason::bad_service);
}

TEST_F(ServerAuthStrictness, TriesAreCountedForEveryMethod) {
  start();
  client.send(none());  // the first is free
  client.send(request({"alice", "ssh-connection", UnknownMethod{"password"}}));
  client.send(none());
  client.send(query(other));
  client.send(sign(other, key_method(other)));
  client.send(request({"alice", "ssh-connection", key_method(other, "ssh-rsa")}));
  EXPECT_EQ(answers(), (std::vector<int>{51, 51, 51, 51, 51, 51}));
  EXPECT_EQ(gate.auth.failures(), 5U);
  EXPECT_FALSE(gate.failed.back().last);
  client.send(request({"alice", "ssh-connection", UnknownMethod{"keyboard-interactive"}}));
  EXPECT_EQ(answers(), std::vector<int>{1});
  EXPECT_TRUE(end.transport.closed());
  EXPECT_EQ(gate.failed.back().reason, AttemptFailed::Reason::unknown_method) << "the last one is told, too";
  EXPECT_EQ(gate.failed.back().detail, "keyboard-interactive");
  EXPECT_TRUE(gate.failed.back().last);
}

TEST_F(ServerAuthStrictness, EvenAnsweredQueriesComeToAnEnd) {
  start();
  for (int i = 0; i < 30 && !gate.error; ++i) client.send(query(alice));
  expect_refused(Violation::too_many_auth_tries);
  EXPECT_EQ(gate.queries, 24);
}

TEST_F(ServerAuthStrictness, ARequestWhileAnAnswerIsOwedEndsTheConnection) {
  gate.answers = false;
  start();
  client.send(sign(alice, key_method(alice)));
  EXPECT_TRUE(gate.auth.pending());
  client.send(none());
  expect_refused(Violation::unexpected_message);
}

TEST_F(ServerAuthStrictness, AMalformedRequestEndsTheConnection) {
  start();
  ByteVector payload = sign(alice, key_method(alice));
  payload.pop_back();
  client.send(payload);
  expect_refused(Violation::bad_encoding);
}

using ServerAuthDeathTest = ServerAuthStrictness;

TEST_F(ServerAuthDeathTest, SuccessWithoutASignatureIsABugOfOurs) {
  start();
  EXPECT_DEATH(gate.auth.succeed(), "");
}

TEST_F(ServerAuthDeathTest, PkOkToASignedRequestIsABugOfOurs) {
  gate.answers = false;
  start();
  client.send(sign(alice, key_method(alice)));
  EXPECT_DEATH(gate.auth.accept_query(), "");
}

// ---- a server that obeys nothing -----------------------------------------------------------------------------------------------------

class ClientAuthStrictness : public testing::Test {
 protected:
  void SetUp() override {
    pair.run();
    visitor.emplace(pair.client, std::vector<ClientIdentity>{{&alice, {}, true}});
    pair.run();
  }
  void server_sends(Bytes payload) {
    pair.server.transport.send(payload);
    pair.run();
  }
  void expect_refused() {
    ASSERT_TRUE(visitor->error);
    EXPECT_TRUE(pair.client.transport.closed());
    EXPECT_FALSE(visitor->auth.succeeded());
  }
  Pair pair;
  keys::PrivateKey alice = keys::PrivateKey::generate(keys::KeyType::ed25519);
  std::optional<Visitor> visitor;
};

TEST_F(ClientAuthStrictness, SuccessBeforeTheServiceEndsTheConnection) {
  server_sends(write_userauth_success());
  expect_refused();
}

TEST_F(ClientAuthStrictness, SuccessToAQueryEndsTheConnection) {
  server_sends(write_service_accept("ssh-userauth"));
  server_sends(write_userauth_success());
  expect_refused();
}

TEST_F(ClientAuthStrictness, PkOkForAnotherKeyEndsTheConnection) {
  server_sends(write_service_accept("ssh-userauth"));
  server_sends(write_public_key_ok("ssh-ed25519", as_bytes("another")));
  expect_refused();
}

TEST_F(ClientAuthStrictness, AnotherServiceEndsTheConnection) {
  server_sends(write_service_accept("ssh-connection"));
  expect_refused();
}

TEST_F(ClientAuthStrictness, FailureBeforeTheServiceEndsTheConnection) {
  server_sends(write_userauth_failure({{"publickey"}, false}));
  expect_refused();
}

}  // namespace
}  // namespace gatehouse::auth
