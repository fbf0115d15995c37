#include "protocol/transport/transport.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"
#include "tests/support/raw_client.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::transport {
namespace {

using test::bare;
using test::End;
using test::Pair;

ByteVector channel_payload(std::size_t size, std::uint8_t fill = 'x') {
  ByteVector payload(size, fill);
  payload[0] = static_cast<std::uint8_t>(Message::channel_data);
  return payload;
}

std::string safe_name(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

// ---- key exchange -----------------------------------------------------------------------------------------------------------------

class Rfc4253Section7KeyExchange : public testing::TestWithParam<std::string> {};

TEST_P(Rfc4253Section7KeyExchange, GivesBothEndsOneSessionId) {
  Settings client = test::client_settings();
  client.algorithms.kex = {GetParam()};
  Pair pair(test::server_settings(), client);
  pair.connect();
  EXPECT_FALSE(pair.server.transport.session_id().empty());
  EXPECT_TRUE(equal(pair.server.transport.session_id(), pair.client.transport.session_id()));
  EXPECT_EQ(crypto::kex_method_name(pair.server.transport.negotiated().kex), GetParam());
  EXPECT_EQ(pair.server.transport.negotiated(), pair.client.transport.negotiated());
  EXPECT_TRUE(equal(pair.client.transport.host_key(), test::host_private_key(keys::KeyType::ed25519).public_key().blob()));
  EXPECT_EQ(pair.server.transport.peer_identification(), "SSH-2.0-TestClient with comments");
  EXPECT_EQ(pair.client.transport.peer_identification(), "SSH-2.0-TestServer");
}

TEST_P(Rfc4253Section7KeyExchange, WorksOneOctetAtATime) {
  Settings client = test::client_settings();
  client.algorithms.kex = {GetParam()};
  Pair pair(test::server_settings(), client);
  pair.chunk = 1;
  pair.connect();
  EXPECT_TRUE(equal(pair.server.transport.session_id(), pair.client.transport.session_id()));
}

INSTANTIATE_TEST_SUITE_P(Methods, Rfc4253Section7KeyExchange, testing::ValuesIn(AlgorithmLists::defaults().kex),
                         [](const auto& given) { return safe_name(given.param); });

class HostKeys : public testing::TestWithParam<std::string> {};

TEST_P(HostKeys, OfEachAlgorithmAreProved) {
  const auto algorithm = keys::public_key_algorithm_by_name(GetParam());
  Settings client = test::client_settings();
  client.algorithms.host_keys = {GetParam()};
  Pair pair(test::server_settings(keys::key_type_of(algorithm->signature)), client);
  pair.connect();
  ASSERT_EQ(pair.client.host_keys.size(), 1U);
  EXPECT_EQ(pair.client.host_keys[0].algorithm, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Plain, HostKeys,
                         testing::Values("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256",
                                         "rsa-sha2-512"),
                         [](const auto& given) { return safe_name(given.param); });

class HostCertificates : public testing::TestWithParam<keys::KeyType> {};

TEST_P(HostCertificates, AreProvedByTheKeyInside) {
  keys::PrivateKey& key = test::host_private_key(GetParam());
  auto ca = keys::PrivateKey::generate(keys::KeyType::ed25519);
  keys::CertificateFields fields;
  fields.type = keys::CertificateType::host;
  fields.principals = {"host.example.org"};
  fields.valid_before = keys::forever;
  const ByteVector signed_part = keys::certificate_to_be_signed(key.public_key(), fields, ByteVector(32, 5), ca.public_key());
  const ByteVector certificate = keys::assemble_certificate(signed_part, *ca.sign(keys::SignatureAlgorithm::ed25519, signed_part));
  const std::string algorithm(keys::public_key_algorithm_name({keys::preferred_signature(GetParam()), true}));
  Settings server = test::server_settings(GetParam());
  server.host_keys.insert(server.host_keys.begin(), {algorithm, certificate});
  Pair pair(server);
  pair.connect();
  ASSERT_EQ(pair.client.host_keys.size(), 1U);
  EXPECT_EQ(pair.client.host_keys[0].algorithm, algorithm) << "a client asks for certificates first";
  EXPECT_EQ(pair.client.host_keys[0].blob, certificate);
  EXPECT_EQ(to_vector(pair.server.transport.initial_host_key()), certificate);
}

INSTANTIATE_TEST_SUITE_P(Each, HostCertificates,
                         testing::Values(keys::KeyType::ed25519, keys::KeyType::ecdsa_p256, keys::KeyType::ecdsa_p384,
                                         keys::KeyType::ecdsa_p521, keys::KeyType::rsa));

TEST(Rfc4253Section8HostSignature, OfSomethingElseEndsTheConnection) {
  Pair pair;
  pair.server.answers_hash = false;
  pair.run();
  ASSERT_EQ(pair.server.hashes.size(), 1U);
  const auto hash = exchange_hash(pair.server.hashes[0].method, pair.server.hashes[0].inputs);
  const auto signature = test::host_private_key(keys::KeyType::ed25519).sign(keys::SignatureAlgorithm::ed25519, as_bytes("another hash"));
  ASSERT_TRUE(pair.server.transport.provide_exchange_hash_and_signature(*hash, *signature));
  pair.run();
  ASSERT_TRUE(pair.client.error);
  EXPECT_EQ(pair.client.error->violation, Violation::bad_host_signature);
  EXPECT_TRUE(pair.client.host_keys.empty()) << "nobody is asked about a key that proved nothing";
  ASSERT_TRUE(pair.server.disconnected);
  EXPECT_EQ(pair.server.disconnected->reason, 3U);
}

TEST(Rfc4253Section8HostSignature, ByAnotherKeyEndsTheConnection) {
  Pair pair;
  pair.server.answers_hash = false;
  pair.run();
  const auto hash = exchange_hash(pair.server.hashes[0].method, pair.server.hashes[0].inputs);
  auto other = keys::PrivateKey::generate(keys::KeyType::ed25519);
  ASSERT_TRUE(pair.server.transport.provide_exchange_hash_and_signature(*hash, *other.sign(keys::SignatureAlgorithm::ed25519, *hash)));
  pair.run();
  ASSERT_TRUE(pair.client.error);
  EXPECT_EQ(pair.client.error->violation, Violation::bad_host_signature);
}

TEST(Rfc4253Section8HostKey, OfAnotherTypeThanAgreedOnIsRefused) {
  Settings server = test::server_settings();
  server.host_keys[0].blob = to_vector(test::host_private_key(keys::KeyType::ecdsa_p256).public_key().blob());
  Pair pair(server);
  pair.server.answers_hash = false;
  pair.run();
  const auto hash = exchange_hash(pair.server.hashes[0].method, pair.server.hashes[0].inputs);
  auto& key = test::host_private_key(keys::KeyType::ecdsa_p256);
  ASSERT_TRUE(pair.server.transport.provide_exchange_hash_and_signature(*hash, *key.sign(keys::SignatureAlgorithm::ecdsa_p256, *hash)));
  pair.run();
  ASSERT_TRUE(pair.client.error);
  EXPECT_EQ(pair.client.error->violation, Violation::bad_host_signature);
}

TEST(Rfc4253Section8HostKey, ThatTheOwnerRejectsEndsTheConnection) {
  Pair pair;
  pair.client.accepts_host_key = false;
  pair.run();
  ASSERT_EQ(pair.client.host_keys.size(), 1U);
  EXPECT_EQ(pair.client.keys_installed, 0);
  pair.client.transport.reject_host_key();
  pair.run();
  EXPECT_TRUE(pair.client.transport.closed());
  ASSERT_TRUE(pair.server.disconnected);
  EXPECT_EQ(pair.server.disconnected->reason, 9U);  // HOST_KEY_NOT_VERIFIABLE
}

TEST(ServerKeyExchange, WaitsForTheHashAndLooksAtNothingElse) {
  Pair pair;
  pair.server.answers_hash = false;
  pair.run();
  EXPECT_FALSE(pair.server.transport.wants_input());
  pair.server.transport.feed(ByteVector(64, 0xff));  // not a packet
  EXPECT_FALSE(pair.server.turn());
  EXPECT_FALSE(pair.server.transport.closed());
}

TEST(ServerKeyExchange, RefusesAHashOfAnotherSize) {
  Pair pair;
  pair.server.answers_hash = false;
  pair.run();
  const auto refused = pair.server.transport.provide_exchange_hash_and_signature(ByteVector(20), ByteVector(83));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().violation, Violation::crypto_failed);
  EXPECT_TRUE(pair.server.transport.closed());
}

TEST(ServerKeyExchange, RefusesAnAnswerThatNobodyAskedFor) {
  End server(test::server_settings());
  EXPECT_FALSE(server.transport.provide_exchange_hash_and_signature(ByteVector(32), ByteVector(83)));
  EXPECT_TRUE(server.transport.closed());
}

TEST(ServerKeyExchange, PutsTheMonitorsCookieIntoItsKexInit) {
  Pair pair;
  const Cookie cookie = test::fresh_cookie();
  pair.server.transport.provide_cookie(cookie);
  pair.connect();
  EXPECT_EQ(pair.server.cookies_asked, 0) << "it was given before it was asked for";
  const auto kexinit = parse_kexinit(pair.server.hashes[0].inputs.server_kexinit);
  ASSERT_TRUE(kexinit);
  EXPECT_EQ(kexinit->cookie, cookie);
}

TEST(ServerKeyExchange, AsksForAFreshCookieEachTime) {
  Pair pair;
  pair.connect();
  EXPECT_EQ(pair.server.cookies_asked, 1);
  pair.server.transport.request_rekey();
  pair.run();
  pair.client.transport.request_rekey();
  pair.run();
  EXPECT_EQ(pair.server.cookies_asked, 3);
  std::set<Cookie> cookies;
  for (const auto& asked : pair.server.hashes) {
    cookies.insert(parse_kexinit(asked.inputs.server_kexinit)->cookie);
    cookies.insert(parse_kexinit(asked.inputs.client_kexinit)->cookie);
  }
  EXPECT_EQ(cookies.size(), 6U);
}

TEST(ServerKeyExchange, HandsOverWhatTheClientHashes) {
  Pair pair;
  pair.connect();
  const ExchangeHashInputs& inputs = pair.server.hashes[0].inputs;
  EXPECT_EQ(inputs.client_identification, "SSH-2.0-TestClient with comments");
  EXPECT_EQ(inputs.server_identification, "SSH-2.0-TestServer");
  const auto hash = exchange_hash(pair.server.hashes[0].method, inputs);
  EXPECT_TRUE(equal(*hash, pair.client.transport.session_id()));
  const auto agreed = negotiate(*parse_kexinit(inputs.client_kexinit), *parse_kexinit(inputs.server_kexinit));
  ASSERT_TRUE(agreed);
  EXPECT_EQ(*agreed, pair.server.transport.negotiated());
}

TEST(ServerIdentification, IsNotSentTwiceWhenTheListenerSentIt) {
  Settings settings = test::server_settings();
  settings.identification_sent = true;
  End server(settings);
  EXPECT_TRUE(server.transport.output().empty());
  Pair pair(settings);
  pair.client.transport.feed(as_bytes("SSH-2.0-TestServer\r\n"));
  pair.connect();
  EXPECT_TRUE(equal(pair.server.transport.session_id(), pair.client.transport.session_id()));
}

TEST(Rfc4253Section7Negotiation, WithoutACommonCipherEndsTheConnection) {
  Settings client = test::client_settings();
  client.algorithms.ciphers = {"aes128-cbc"};
  Pair pair(test::server_settings(), client);
  pair.run();
  ASSERT_TRUE(pair.server.error);
  EXPECT_EQ(pair.server.error->violation, Violation::no_common_cipher);
  EXPECT_NE(pair.server.error->detail.find("aes128-cbc"), std::string::npos) << "the log says what each side had";
}

// ---- extensions -------------------------------------------------------------------------------------------------------------------

TEST(Rfc8308ExtInfo, GoesBothWaysAfterTheFirstNewKeys) {
  Pair pair;
  pair.connect();
  const ExtInfo& from_server = pair.client.transport.peer_extensions();
  EXPECT_EQ(from_server.server_sig_algs, "ssh-ed25519,rsa-sha2-512");
  EXPECT_TRUE(from_server.publickey_hostbound);
  EXPECT_TRUE(from_server.ping);
  EXPECT_TRUE(pair.server.transport.peer_extensions().ext_info_in_auth);
}

TEST(Rfc8308ExtInfo, ComesAgainDuringAuthenticationIfTheClientTakesIt) {
  Pair pair;
  pair.run();
  ExtInfo for_user;
  for_user.server_sig_algs = "rsa-sha2-256";
  EXPECT_TRUE(pair.server.transport.send_ext_info(for_user));
  pair.run();
  EXPECT_EQ(pair.client.transport.peer_extensions().server_sig_algs, "rsa-sha2-256");
  EXPECT_TRUE(pair.client.transport.peer_extensions().publickey_hostbound) << "what is not named stays";
  pair.server.transport.authentication_succeeded();
  EXPECT_FALSE(pair.server.transport.send_ext_info(for_user));
}

TEST(OpenSshPing, IsAnsweredAfterAuthentication) {
  Pair pair;
  test::RawClient raw(pair.server);
  raw.connect();
  pair.server.transport.authentication_succeeded();
  raw.send(WireWriter().byte(192).string("are you there").take());
  raw.send(WireWriter().byte(192).string("").take());
  const auto answers = raw.receive();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0], WireWriter().byte(193).string("are you there").take());
  EXPECT_EQ(answers[1], WireWriter().byte(193).string("").take());
  EXPECT_TRUE(pair.server.payloads.empty());
}

// ---- data -------------------------------------------------------------------------------------------------------------------------

struct Suite {
  std::string cipher, mac;
};

std::vector<Suite> all_suites() {
  std::vector<Suite> suites;
  for (const crypto::Cipher cipher : crypto::all_ciphers()) {
    for (const crypto::Mac mac : crypto::all_macs()) {
      suites.push_back({std::string(crypto::cipher_name(cipher)), std::string(crypto::mac_name(mac))});
      if (crypto::authenticates(cipher)) break;
    }
  }
  return suites;
}

class EachSuite : public testing::TestWithParam<Suite> {
 protected:
  Settings client_settings() const {
    Settings settings = test::client_settings();
    settings.algorithms.ciphers = {GetParam().cipher};
    settings.algorithms.macs = {GetParam().mac};
    return settings;
  }
  void exchange(Pair& pair, int round) {
    for (const std::size_t size : {1, 2, 15, 16, 17, 100, 32768}) {
      const ByteVector payload = channel_payload(size, static_cast<std::uint8_t>(round));
      pair.client.transport.send(payload);
      pair.server.transport.send(payload);
      pair.run();
      ASSERT_FALSE(pair.server.payloads.empty());
      ASSERT_FALSE(pair.client.payloads.empty());
      EXPECT_EQ(pair.server.payloads.back(), payload);
      EXPECT_EQ(pair.client.payloads.back(), payload);
    }
  }
};

TEST_P(EachSuite, CarriesDataAndRekeysFromEitherSide) {
  Pair pair(test::server_settings(), client_settings());
  pair.connect();
  const ByteVector session_id = to_vector(pair.server.transport.session_id());
  exchange(pair, 0);
  pair.client.transport.request_rekey();
  pair.run();
  EXPECT_EQ(pair.server.keys_installed, 2);
  exchange(pair, 1);
  pair.server.transport.request_rekey();
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 3);
  exchange(pair, 2);
  pair.client.transport.request_rekey();
  pair.server.transport.request_rekey();  // both at once
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 4);
  EXPECT_EQ(pair.server.keys_installed, 4);
  exchange(pair, 3);
  EXPECT_EQ(to_vector(pair.server.transport.session_id()), session_id) << "the first H stays the session id (RFC 4253 section 7.2)";
  EXPECT_EQ(pair.server.first_keys_installed, 1);
  EXPECT_EQ(pair.client.host_keys.size(), 1U) << "the same key is not asked about again";
}

TEST_P(EachSuite, WorksOneOctetAtATime) {
  Pair pair(test::server_settings(), client_settings());
  pair.chunk = 1;
  pair.connect();
  for (int round = 0; round < 2; ++round) {
    pair.client.transport.send(channel_payload(333));
    pair.server.transport.send(channel_payload(444));
    pair.client.transport.request_rekey();
    pair.run();
  }
  EXPECT_EQ(pair.server.payloads.size(), 2U);
  EXPECT_EQ(pair.client.payloads.size(), 2U);
  EXPECT_EQ(pair.server.keys_installed, 3);
}

INSTANTIATE_TEST_SUITE_P(All, EachSuite, testing::ValuesIn(all_suites()),
                         [](const auto& given) { return safe_name(given.param.cipher + "_" + given.param.mac); });

TEST(Transport, TakesPayloadsThatAreFilledInPlace) {
  Pair pair;
  pair.connect();
  const std::span<std::uint8_t> space = pair.client.transport.start_payload(1000);
  ASSERT_EQ(space.size(), 1000U);
  space[0] = 94;
  for (std::size_t i = 1; i < 10; ++i) space[i] = static_cast<std::uint8_t>(i);
  pair.client.transport.finish_payload(10);
  (void)pair.client.transport.start_payload(1000);
  pair.client.transport.finish_payload(0);  // thought better of it
  pair.run();
  ASSERT_EQ(pair.server.payloads.size(), 1U);
  EXPECT_EQ(hex(pair.server.payloads[0]), "5e010203040506070809");
}

TEST(Transport, WantsNoInputWhileThePeerDoesNotRead) {
  Pair pair;
  pair.connect();
  std::size_t sent = 0;
  while (pair.server.transport.send_room() > 0) {
    pair.server.transport.send(channel_payload(32768));
    sent += 32768;
  }
  EXPECT_LE(sent, std::size_t{300} * 1024);
  EXPECT_TRUE(pair.server.transport.wants_input()) << "replies still find room";
  while (pair.server.transport.wants_input()) pair.server.transport.send(channel_payload(1000));
  EXPECT_LE(pair.server.transport.output().size(), std::size_t{1100} * 1024);
  pair.client.transport.send(channel_payload(10));
  pair.server.transport.feed(pair.client.transport.take_output());
  EXPECT_FALSE(pair.server.turn()) << "not looked at before the output has gone";
  pair.run();
  EXPECT_EQ(pair.server.payloads.size(), 1U);
}

TEST(Transport, ClosesWhenItsOwnerFillsItPastTheHardLimit) {
  Pair pair;
  pair.connect();
  for (int i = 0; i < 1000 && !pair.server.transport.closed(); ++i) pair.server.transport.send(channel_payload(32768));
  EXPECT_TRUE(pair.server.transport.closed());
  EXPECT_LE(pair.server.transport.output().size(), std::size_t{5} * 1024 * 1024);
  ASSERT_TRUE(pair.server.turn());
  EXPECT_EQ(pair.server.error->violation, Violation::too_much_output);
}

TEST(Rfc4253Section11Point1Disconnect, IsSentAndHeard) {
  Pair pair;
  pair.connect();
  pair.server.transport.disconnect(DisconnectReason::by_application, "certificate has ended\x1b[0m");
  EXPECT_TRUE(pair.server.transport.closed());
  pair.run();
  ASSERT_TRUE(pair.client.disconnected);
  EXPECT_EQ(pair.client.disconnected->reason, 11U);
  EXPECT_EQ(pair.client.disconnected->text, "certificate has ended\\x1b[0m");
  EXPECT_TRUE(pair.client.transport.closed());
  EXPECT_FALSE(pair.client.error);
  pair.server.transport.send(channel_payload(5));
  EXPECT_TRUE(pair.server.transport.output().empty()) << "nothing after the end";
}

TEST(Rfc4253Section11Point4Unimplemented, AnswersNumbersThatNobodyKnows) {
  test::Pair pair;
  test::RawClient raw(pair.server);
  raw.connect();
  pair.server.transport.authentication_succeeded();
  for (const int number : {8, 19, 128, 191, 194, 255}) {
    const std::uint32_t sequence_number = raw.writer().sequence_number();
    raw.send(ByteVector{static_cast<std::uint8_t>(number), 1, 2, 3});
    const auto answers = raw.receive();
    ASSERT_EQ(answers.size(), 1U) << number;
    EXPECT_EQ(answers[0], WireWriter().byte(3).uint32(sequence_number).take());
  }
  EXPECT_TRUE(pair.server.payloads.empty());
}

TEST(Rfc4253Section11Messages, OfNoConsequenceChangeNothing) {
  test::Pair pair;
  test::RawClient raw(pair.server);
  raw.connect();
  pair.server.transport.authentication_succeeded();
  raw.send(WireWriter().byte(2).string("ignored").take());
  raw.send(WireWriter().byte(4).boolean(true).string("debug").string("").take());
  raw.send(WireWriter().byte(3).uint32(7).take());
  raw.send(WireWriter().byte(193).string("a pong").take());
  raw.send(channel_payload(20));
  EXPECT_EQ(pair.server.payloads.size(), 1U);
  EXPECT_FALSE(pair.server.error);
}

TEST(EachConnection, HasItsOwnCookieKeyShareAndPadding) {
  std::set<ByteVector> cookies, shares;
  for (int i = 0; i < 200; ++i) {
    Pair pair;
    pair.run();
    const ExchangeHashInputs& inputs = pair.server.hashes.at(0).inputs;
    cookies.insert(to_vector(parse_kexinit(inputs.client_kexinit)->cookie));
    shares.insert(inputs.client_share);
    shares.insert(inputs.server_share);
  }
  EXPECT_EQ(cookies.size(), 200U);
  EXPECT_EQ(shares.size(), 400U);
}

}  // namespace
}  // namespace gatehouse::transport
