/// What a hostile or broken client may try before and during key exchanges. Each test names the rule or the failure of another server
/// that it repeats.
#include <gtest/gtest.h>

#include "protocol/core/wire.h"
#include "tests/support/raw_client.h"

namespace gatehouse::transport {
namespace {

using test::bare;
using test::RawClient;
using test::starting;

/// A server, and a client that obeys nothing.
class Strictness : public testing::Test {
 protected:
  void expect_refused(Violation violation) {
    ASSERT_TRUE(server.error) << "still alive";
    EXPECT_EQ(server.error->violation, violation) << server.error->detail;
    EXPECT_TRUE(server.transport.closed());
    EXPECT_TRUE(server.payloads.empty()) << "nothing reached the layers above";
  }
  void expect_alive() { ASSERT_FALSE(server.error) << rule(server.error->violation).text << ": " << server.error->detail; }

  test::End server{test::server_settings()};
  RawClient client{server};
};

ByteVector ignore() { return starting(Message::ignore).string("x").take(); }
ByteVector channel_data() { return starting(Message::channel_data).uint32(0).string("data").take(); }

// ---- strict key exchange (OpenSSH PROTOCOL section 1.10; CVE-2023-48795) ------------------------------------------------------------

using StrictKex = Strictness;

TEST_F(StrictKex, RefusesAnIgnoreBeforeNewKeys) {
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send(ignore());
  expect_refused(Violation::strict_kex);
}

TEST_F(StrictKex, RefusesAnIgnoreBetweenInitAndNewKeys) {
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send_init();
  client.take_reply();
  client.send(ignore());
  expect_refused(Violation::strict_kex);
}

TEST_F(StrictKex, RefusesAFirstPacketThatIsNotKexInit) {
  client.identify();
  client.send(ignore());
  expect_alive();
  client.send_kexinit(test::ordinary_kexinit());
  expect_refused(Violation::strict_kex);
}

TEST_F(StrictKex, RefusesItAlsoWhenTheCookieComesLate) {
  server.gives_cookies = false;
  client.identify();
  client.send(ignore());
  client.send_kexinit(test::ordinary_kexinit());
  expect_alive();
  server.transport.provide_cookie(test::fresh_cookie());
  server.turn();
  expect_refused(Violation::strict_kex);
}

TEST_F(StrictKex, ResetsTheSequenceNumbers) {
  client.connect();
  EXPECT_TRUE(server.transport.strict_kex());
  EXPECT_EQ(client.writer().sequence_number(), 0U);
  client.send(starting(Message::service_request).string("ssh-userauth").take());
  expect_alive();
  EXPECT_EQ(server.payloads.size(), 1U);
}

TEST_F(StrictKex, FindsAFirstEncryptedPacketThatWasTakenAway) {
  client.connect();
  OctetQueue taken;
  client.writer().write(taken, starting(Message::service_request).string("ssh-userauth").take());
  client.send(starting(Message::service_request).string("ssh-userauth").take());
  ASSERT_TRUE(server.error);
  const Violation found = server.error->violation;  // the length may already be nonsense
  EXPECT_TRUE(found == Violation::mac_mismatch || found == Violation::bad_packet_length);
  EXPECT_TRUE(server.payloads.empty());
}

TEST_F(StrictKex, IsOffWhenThePeerDoesNotOfferIt) {
  client.strict = false;
  client.identify();
  client.send(ignore());
  client.send_kexinit(test::ordinary_kexinit(false));
  client.take_kexinit();
  client.send(ignore());
  client.send_init();
  client.take_reply();
  client.send_newkeys();
  expect_alive();
  EXPECT_FALSE(server.transport.strict_kex());
  EXPECT_EQ(server.keys_installed, 1);
  client.send(starting(Message::service_request).string("ssh-userauth").take());
  EXPECT_EQ(server.payloads.size(), 1U);
}

TEST_F(StrictKex, CannotBeSwitchedOnByARekey) {
  client.strict = false;
  client.identify();
  client.send_kexinit(test::ordinary_kexinit(false));
  client.take_kexinit();
  client.send_init();
  client.take_reply();
  client.send_newkeys();
  client.send_kexinit(test::ordinary_kexinit(true));
  client.take_kexinit();
  client.send_init();
  client.take_reply();
  client.send_newkeys();
  expect_alive();
  EXPECT_FALSE(server.transport.strict_kex());
  EXPECT_EQ(server.keys_installed, 2);
}

// ---- before NEWKEYS ---------------------------------------------------------------------------------------------------------------

class BeforeNewKeys : public Strictness, public testing::WithParamInterface<int> {};

/// CVE-2023-46445, CVE-2023-46446, CVE-2024-41909, CVE-2018-10933, CVE-2025-32433: messages of later layers at every point before keys.
TEST_P(BeforeNewKeys, NothingButKeyExchangePasses) {
  for (int point = 0; point < 3; ++point) {
    test::End end(test::server_settings());
    RawClient peer(end);
    peer.strict = false;
    peer.identify();
    if (point >= 1) {
      peer.send_kexinit(test::ordinary_kexinit(false));
      peer.take_kexinit();
    }
    if (point >= 2) {
      peer.send_init();
      peer.take_reply();
    }
    peer.send(ByteVector{static_cast<std::uint8_t>(GetParam()), 0, 0, 0, 0, 0, 0, 0, 0});
    ASSERT_TRUE(end.error) << "point " << point;
    EXPECT_EQ(end.error->violation, Violation::unexpected_message);
    EXPECT_TRUE(end.payloads.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Messages, BeforeNewKeys,
                         testing::Values(5, 6, 7, 50, 51, 52, 53, 60, 61, 80, 90, 94, 98, 127, 128, 192, 193, 255));

TEST_F(Strictness, ARepeatedKexInitEndsTheConnection) {  // CVE-2016-8858
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send_kexinit(test::ordinary_kexinit());
  expect_refused(Violation::unexpected_message);
}

TEST_F(Strictness, ARepeatedKexInitEndsTheConnectionAlsoBeforeTheCookieCame) {
  server.gives_cookies = false;
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  EXPECT_FALSE(server.transport.wants_input()) << "nothing can pile up";
  client.send_kexinit(test::ordinary_kexinit());
  expect_alive();
  server.transport.provide_cookie(test::fresh_cookie());
  server.turn();
  expect_refused(Violation::unexpected_message);
}

TEST_F(Strictness, NewKeysOutOfSequenceEndsTheConnection) {  // CVE-2016-10708
  client.identify();
  client.send(bare(Message::newkeys));
  expect_refused(Violation::unexpected_message);
}

TEST_F(Strictness, NewKeysBeforeInitEndsTheConnection) {
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send(bare(Message::newkeys));
  expect_refused(Violation::unexpected_message);
}

TEST_F(Strictness, NewKeysWithAContentIsMalformed) {
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send_init();
  client.take_reply();
  client.send(ByteVector{21, 0});
  expect_refused(Violation::bad_encoding);
}

class OtherRolesMessages : public Strictness, public testing::WithParamInterface<int> {};

TEST_P(OtherRolesMessages, EndTheConnection) {  // CVE-2025-14942, CVE-2026-84897
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send(WireWriter().byte(static_cast<std::uint8_t>(GetParam())).string("key").string("share").string("signature").take());
  expect_refused(Violation::unexpected_message);
}

INSTANTIATE_TEST_SUITE_P(Messages, OtherRolesMessages, testing::Values(22, 29, 31, 32, 33, 34, 49));

TEST(ClientStrictness, AServersInitEndsTheConnection) {
  test::End client(test::client_settings());
  client.transport.feed(as_bytes("SSH-2.0-Bad\r\n"));
  client.turn();
  OctetQueue wire;
  PacketWriter writer;
  KexInit kexinit = test::ordinary_kexinit(false);
  writer.write(wire, write_kexinit(kexinit));
  writer.write(wire, starting(Message::kex_ecdh_init).string(ByteVector(32, 9)).take());
  client.transport.feed(wire.view());
  client.turn();
  ASSERT_TRUE(client.error);
  EXPECT_EQ(client.error->violation, Violation::unexpected_message);
}

// ---- key shares (RFC 8731 section 3, RFC 5656 section 4) ----------------------------------------------------------------------------

struct ShareCase {
  std::string name, method, share;
};

class BadShares : public Strictness, public testing::WithParamInterface<ShareCase> {};

TEST_P(BadShares, EndTheConnection) {
  client.identify();
  KexInit kexinit = test::ordinary_kexinit();
  kexinit.kex.insert(kexinit.kex.begin(), GetParam().method);
  client.send_kexinit(kexinit);
  client.take_kexinit();
  client.send_init(unhex(GetParam().share).value());
  expect_refused(Violation::bad_key_share);
  EXPECT_TRUE(server.hashes.empty()) << "nothing is signed";
}

INSTANTIATE_TEST_SUITE_P(
    Shares, BadShares,
    testing::Values(ShareCase{"Empty", "curve25519-sha256", ""}, ShareCase{"Short", "curve25519-sha256", std::string(62, '1')},
                    ShareCase{"Long", "curve25519-sha256", std::string(66, '1')},
                    ShareCase{"Zero", "curve25519-sha256", std::string(64, '0')},
                    ShareCase{"One", "curve25519-sha256", "01" + std::string(62, '0')},
                    ShareCase{"LowOrder", "curve25519-sha256", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
                    ShareCase{"Infinity", "ecdh-sha2-nistp256", "00"},
                    ShareCase{"OffCurve", "ecdh-sha2-nistp256", "04" + std::string(128, '1')},
                    ShareCase{"Compressed", "ecdh-sha2-nistp256", "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"}),
    [](const auto& given) { return given.param.name; });

TEST_F(Strictness, AnInitWithLeftOverOctetsIsMalformed) {
  client.identify();
  client.send_kexinit(test::ordinary_kexinit());
  client.take_kexinit();
  client.send(starting(Message::kex_ecdh_init).string(ByteVector(32, 9)).byte(0).take());
  expect_refused(Violation::bad_encoding);
}

// ---- guesses (RFC 4253 section 7) ---------------------------------------------------------------------------------------------------

TEST_F(Strictness, AWrongGuessIsDroppedAndOnlyOnce) {
  client.identify();
  KexInit kexinit = test::ordinary_kexinit();
  kexinit.kex.insert(kexinit.kex.begin(), "ecdh-sha2-nistp521");
  kexinit.kex.erase(kexinit.kex.begin());
  kexinit.kex.insert(kexinit.kex.begin(), "mlkem768x25519-sha256");  // the guess, which we do not have
  kexinit.first_kex_packet_follows = true;
  client.send_kexinit(kexinit);
  client.send(starting(Message::kex_ecdh_init).string(ByteVector(1216, 1)).take());
  expect_alive();
  client.take_kexinit();
  client.send_init();
  client.take_reply();
  client.send_newkeys();
  expect_alive();
  EXPECT_EQ(server.keys_installed, 1);
}

TEST_F(Strictness, AWrongGuessIsDroppedInEachOfManyRekeys) {  // CVE-2025-8277
  client.connect();
  server.transport.authentication_succeeded();
  for (int round = 0; round < 200; ++round) {
    KexInit kexinit = test::ordinary_kexinit();
    kexinit.kex.insert(kexinit.kex.begin(), "mlkem768x25519-sha256");
    kexinit.first_kex_packet_follows = true;
    client.send_kexinit(kexinit);
    client.send(starting(Message::kex_ecdh_init).string(ByteVector(1216, 1)).take());
    client.take_kexinit();
    client.send_init();
    client.take_reply();
    client.send_newkeys();
    ASSERT_FALSE(server.error);
  }
  EXPECT_EQ(server.keys_installed, 201);
  EXPECT_LT(server.transport.output().size(), 100000U);
}

TEST_F(Strictness, ARightGuessIsUsed) {
  client.identify();
  KexInit kexinit = test::ordinary_kexinit();
  kexinit.first_kex_packet_follows = true;
  client.send_kexinit(kexinit);
  client.send_init();
  client.take_kexinit();
  expect_alive();
  EXPECT_EQ(server.hashes.size(), 1U);
}

TEST_F(Strictness, AWrongGuessMustBeAKeyExchangeMessage) {
  client.identify();
  KexInit kexinit = test::ordinary_kexinit();
  kexinit.kex.insert(kexinit.kex.begin(), "mlkem768x25519-sha256");
  kexinit.first_kex_packet_follows = true;
  client.send_kexinit(kexinit);
  client.take_kexinit();
  client.send(bare(Message::newkeys));
  expect_refused(Violation::unexpected_message);
}

// ---- EXT_INFO (RFC 8308 section 2.4) --------------------------------------------------------------------------------------------------

TEST_F(Strictness, ExtInfoCountsOnlyAsTheFirstMessageAfterNewKeys) {
  client.connect();
  client.send(starting(Message::ext_info).uint32(1).string("ext-info-in-auth@openssh.com").string("0").take());
  expect_alive();
  EXPECT_TRUE(server.transport.peer_extensions().ext_info_in_auth);
  client.send(starting(Message::ext_info).uint32(0).take());
  expect_refused(Violation::unexpected_message);
}

TEST_F(Strictness, ExtInfoAfterAnotherMessageIsRefused) {
  client.connect();
  client.send(ignore());
  client.send(starting(Message::ext_info).uint32(0).take());
  expect_refused(Violation::unexpected_message);
  EXPECT_FALSE(server.transport.peer_extensions().ext_info_in_auth);
}

TEST_F(Strictness, ExtInfoAfterARekeyIsRefused) {
  client.connect();
  client.exchange();
  client.send(starting(Message::ext_info).uint32(0).take());
  expect_refused(Violation::unexpected_message);
}

// ---- between keys and authentication --------------------------------------------------------------------------------------------------

class ConnectionMessages : public Strictness, public testing::WithParamInterface<int> {};

TEST_P(ConnectionMessages, BeforeAuthenticationEndTheConnection) {  // CVE-2025-32433, CVE-2018-7749, CVE-2024-2873
  client.connect();
  client.send(ByteVector{static_cast<std::uint8_t>(GetParam()), 0, 0, 0, 7, 's', 'e', 's', 's', 'i', 'o', 'n'});
  expect_refused(Violation::unexpected_message);
}

INSTANTIATE_TEST_SUITE_P(All, ConnectionMessages, testing::Range(80, 128));

TEST_F(Strictness, AMillionPingsBeforeAuthenticationGetNoPong) {  // CVE-2025-26466
  client.connect();
  client.receive();
  OctetQueue wire;
  const ByteVector ping = starting(Message::ping).string("x").take();
  for (int i = 0; i < 1000000 && !server.error; ++i) client.send(ping);
  expect_refused(Violation::unexpected_message);
  EXPECT_LT(server.transport.output().size(), 1000U) << "one DISCONNECT";
}

TEST_F(Strictness, UnknownMessagesBeforeAuthenticationEndAtABound) {
  client.connect();
  for (int i = 0; i < 100000 && !server.error; ++i) client.send(ByteVector{200});
  expect_refused(Violation::unexpected_message);
  EXPECT_LT(server.transport.output().size(), 200000U);
}

TEST_F(Strictness, RekeysBeforeAuthenticationComeToAnEnd) {  // CVE-2002-20001: each costs a key and a signature
  client.connect();
  for (int i = 0; i < 8; ++i) client.exchange();
  expect_alive();
  client.send_kexinit(test::ordinary_kexinit());
  expect_refused(Violation::unexpected_message);
  EXPECT_EQ(server.hashes.size(), 9U);
}

// ---- after authentication -------------------------------------------------------------------------------------------------------------

TEST_F(Strictness, AuthenticationRequestsAfterSuccessAreSilentlyDropped) {  // RFC 4252 section 5.3
  client.connect();
  client.receive();
  server.transport.authentication_succeeded();
  client.send(starting(Message::userauth_request).string("root").string("ssh-connection").string("none").take());
  expect_alive();
  EXPECT_TRUE(server.payloads.empty());
  EXPECT_TRUE(server.transport.output().empty());
}

TEST_F(Strictness, AServersMessagesFromAClientAfterSuccessEndTheConnection) {
  for (const int number : {5, 6, 51, 52, 53, 60}) {
    test::End end(test::server_settings());
    RawClient peer(end);
    peer.connect();
    end.transport.authentication_succeeded();
    peer.send(ByteVector{static_cast<std::uint8_t>(number)});
    EXPECT_TRUE(end.error) << number;
  }
}

// ---- during the peer's rekey ------------------------------------------------------------------------------------------------------------

class DuringRekey : public Strictness, public testing::WithParamInterface<int> {};

TEST_P(DuringRekey, OnlyKeyExchangePasses) {  // OpenSSH 10.4, 72b05ecd1: channel data after KEXINIT
  for (int point = 0; point < 2; ++point) {
    test::End end(test::server_settings());
    RawClient peer(end);
    peer.connect();
    end.transport.authentication_succeeded();
    peer.send_kexinit(test::ordinary_kexinit());
    if (point == 1) {
      peer.take_kexinit();
      peer.send_init();
    }
    ByteVector payload(100);
    payload[0] = static_cast<std::uint8_t>(GetParam());
    peer.send(payload);
    ASSERT_TRUE(end.error) << "point " << point;
    EXPECT_EQ(end.error->violation, Violation::unexpected_message);
    EXPECT_TRUE(end.payloads.empty());
    EXPECT_LT(end.transport.output().size(), 3000U);
  }
}

INSTANTIATE_TEST_SUITE_P(Messages, DuringRekey, testing::Values(2, 4, 5, 7, 50, 80, 90, 93, 94, 95, 98, 192, 200));

TEST_F(Strictness, ANonStrictPeerMaySendGenericMessagesDuringItsRekey) {  // RFC 4253 section 7.1
  client.strict = false;
  client.identify();
  client.exchange();
  server.transport.authentication_succeeded();
  client.send_kexinit(test::ordinary_kexinit(false));
  client.send(ignore());
  client.take_kexinit();
  client.send_init();
  client.send(ignore());
  client.take_reply();
  client.send_newkeys();
  client.send(channel_data());
  expect_alive();
  EXPECT_EQ(server.payloads.size(), 1U);
}

TEST_F(Strictness, PingsDuringOurRekeyGetNoPong) {
  client.connect();
  server.transport.authentication_succeeded();
  client.receive();
  server.transport.request_rekey();
  server.turn();
  const std::size_t before = server.transport.output().size();
  for (int i = 0; i < 10000; ++i) client.send(starting(Message::ping).string("x").take());
  expect_alive();
  EXPECT_EQ(server.transport.output().size(), before);
}

TEST_F(Strictness, WhatIsOnItsWayWhenWeRekeyStillArrives) {
  client.connect();
  server.transport.authentication_succeeded();
  server.transport.request_rekey();
  server.turn();
  client.send(channel_data());
  expect_alive();
  EXPECT_EQ(server.payloads.size(), 1U);
  client.exchange();
  expect_alive();
  EXPECT_EQ(server.keys_installed, 2);
}

TEST_F(Strictness, APeerThatNeverAnswersOurKexInitIsCutOff) {
  client.connect();
  server.transport.authentication_succeeded();
  server.transport.request_rekey();
  server.turn();
  std::uint64_t received = 0;
  server.on_payload = [&](const PayloadReceived& payload) { received += payload.payload.size(); };
  ByteVector data(200000);
  data[0] = 94;
  for (int i = 0; i < 3000 && !server.error; ++i) client.send(data);
  expect_refused(Violation::rekey_overdue);
  EXPECT_LT(received, std::uint64_t{300} * 1024 * 1024);
}

TEST_F(Strictness, RepliesDuringASlowKeyExchangeStayBounded) {  // CVE-2025-22869
  client.connect();
  server.transport.authentication_succeeded();
  client.receive();
  server.transport.request_rekey();
  server.turn();
  EXPECT_EQ(server.transport.send_room(), 0U);
  const ByteVector reply(1000, 99);
  int sent = 0;
  while (!server.transport.closed()) {
    EXPECT_TRUE(server.transport.wants_input()) << "or the key exchange would never end";
    server.transport.send(reply);
    ASSERT_LT(++sent, 1100);
  }
  EXPECT_GT(sent, 1000);
  server.turn();
  expect_refused(Violation::too_much_output);
}

TEST_F(Strictness, WhatWasHeldBackGoesOutAfterOurNewKeysInOrder) {
  client.connect();
  server.transport.authentication_succeeded();
  client.receive();
  server.transport.request_rekey();
  server.turn();
  server.transport.send(ByteVector{94, 1});
  const std::span<std::uint8_t> space = server.transport.start_payload(10);
  space[0] = 94;
  space[1] = 2;
  server.transport.finish_payload(2);
  client.exchange();
  expect_alive();
  ASSERT_EQ(client.after_newkeys.size(), 2U);
  EXPECT_EQ(hex(client.after_newkeys[0]), "5e01");
  EXPECT_EQ(hex(client.after_newkeys[1]), "5e02");
}

// ---- whatever else --------------------------------------------------------------------------------------------------------------------

TEST_F(Strictness, SomethingThatIsNotSshGetsNoPacket) {
  server.turn();
  server.transport.take_output();
  client.send_octets(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  expect_refused(Violation::bad_identification);
  EXPECT_TRUE(server.transport.output().empty());
}

TEST_F(Strictness, AViolationIsToldOnceAndThePeerGetsItsCode) {
  client.connect();
  client.receive();
  client.send(channel_data());
  ASSERT_TRUE(server.error);
  const auto again = server.transport.next();
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
  const auto answers = client.receive();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(hex(Bytes(answers[0]).first(5)), "0100000002");  // DISCONNECT, PROTOCOL_ERROR
}

TEST_F(Strictness, AMalformedDisconnectEndsTheConnectionToo) {
  client.connect();
  client.send(ByteVector{1, 0});
  expect_refused(Violation::bad_encoding);
}

}  // namespace
}  // namespace gatehouse::transport
