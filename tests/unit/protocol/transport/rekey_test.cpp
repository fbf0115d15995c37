/// New keys by count, and with what has changed since the first key exchange (RFC 4253 section 9, RFC 4344 section 3).
#include <gtest/gtest.h>

#include "tests/support/ssh_pair.h"

namespace gatehouse::transport {
namespace {

using test::Pair;

ByteVector payload_of(std::size_t size) {
  ByteVector payload(size);
  payload[0] = 94;
  return payload;
}

TEST(Rfc4253Section9Rekey, ComesByItselfAfterSoManyOctetsSent) {
  Settings server = test::server_settings();
  server.rekey.bytes = 1 << 20;
  Pair pair(server);
  pair.connect();
  for (int i = 0; i < 100; ++i) {
    pair.server.transport.send(payload_of(32768));
    pair.run();
  }
  EXPECT_EQ(pair.client.payloads.size(), 100U);
  EXPECT_EQ(pair.server.keys_installed, 1 + 3);
  EXPECT_EQ(pair.client.keys_installed, 1 + 3);
}

TEST(Rfc4253Section9Rekey, ComesByItselfAfterSoManyOctetsReceived) {
  Settings server = test::server_settings();
  server.rekey.bytes = 1 << 20;
  Pair pair(server);
  pair.connect();
  for (int i = 0; i < 100; ++i) {
    pair.client.transport.send(payload_of(32768));
    pair.run();
  }
  EXPECT_EQ(pair.server.payloads.size(), 100U);
  EXPECT_EQ(pair.server.keys_installed, 1 + 3);
}

TEST(Rfc4344Section3Point1Rekey, ComesByItselfAfterSoManyPackets) {
  Settings client = test::client_settings();
  client.rekey.packets = 100;
  Pair pair(test::server_settings(), client);
  pair.connect();
  for (int i = 0; i < 1000; ++i) {
    pair.client.transport.send(payload_of(10));
    pair.run();
  }
  EXPECT_EQ(pair.server.payloads.size(), 1000U);
  EXPECT_GE(pair.server.keys_installed, 9);
  EXPECT_LE(pair.server.keys_installed, 12);
}

TEST(Rfc4344Section3Rekey, HappensInTheMiddleOfAStreamWithoutLosingAnything) {
  Settings server = test::server_settings();
  Settings client = test::client_settings();
  server.rekey.bytes = 300000;
  client.rekey.bytes = 170000;
  Pair pair(server, client);
  pair.connect();
  std::uint32_t sent = 0, received = 0;
  pair.client.on_payload = [&](const PayloadReceived& got) {
    const std::uint32_t number = std::uint32_t{got.payload[1]} << 16 | std::uint32_t{got.payload[2]} << 8 | got.payload[3];
    ASSERT_EQ(number, received++);
  };
  for (int round = 0; round < 200; ++round) {
    while (pair.server.transport.send_room() > 0) {
      ByteVector payload = payload_of(5000);
      payload[1] = static_cast<std::uint8_t>(sent >> 16);
      payload[2] = static_cast<std::uint8_t>(sent >> 8);
      payload[3] = static_cast<std::uint8_t>(sent++);
      pair.server.transport.send(payload);
    }
    pair.carry(pair.server, pair.client);
    pair.carry(pair.client, pair.server);
  }
  pair.run();
  EXPECT_EQ(received, sent);
  EXPECT_GT(sent, 5000U);
  EXPECT_GT(pair.server.keys_installed, 50);
  EXPECT_FALSE(pair.server.error);
  EXPECT_FALSE(pair.client.error);
}

TEST(Rekey, LetsDataFlowWhileTheServersCookieIsAwaited) {
  Pair pair;
  pair.connect();
  pair.server.gives_cookies = false;
  pair.server.transport.request_rekey();
  pair.run();
  EXPECT_FALSE(pair.server.transport.key_exchange_under_way());
  pair.server.transport.send(payload_of(10));
  pair.client.transport.send(payload_of(10));
  pair.run();
  EXPECT_EQ(pair.server.payloads.size(), 1U);
  EXPECT_EQ(pair.client.payloads.size(), 1U);
  pair.server.transport.provide_cookie(test::fresh_cookie());
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 2);
}

TEST(Rekey, LetsTheServerSendUntilItsOwnKexInit) {
  Pair pair;
  pair.connect();
  pair.server.gives_cookies = false;
  pair.client.transport.request_rekey();
  pair.run();
  EXPECT_TRUE(pair.server.transport.key_exchange_under_way());
  EXPECT_FALSE(pair.server.transport.wants_input());
  pair.server.transport.send(payload_of(10));
  pair.run();
  EXPECT_EQ(pair.client.payloads.size(), 1U);
  pair.server.transport.provide_cookie(test::fresh_cookie());
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 2);
}

TEST(Rekey, IsAskedForOnceHoweverOften) {
  Pair pair;
  pair.connect();
  for (int i = 0; i < 10; ++i) pair.client.transport.request_rekey();
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 2);
}

TEST(Rekey, BeforeTheFirstKeyExchangeIsNothing) {
  Pair pair;
  pair.client.transport.request_rekey();
  pair.server.transport.request_rekey();
  pair.connect();
}

/// CVE-2026-60002: the host key may change between key exchanges, its algorithm and its owner's mind too.
TEST(Rekey, WithAnotherHostKeyAsksAgain) {
  Pair first;
  first.connect();
  ASSERT_TRUE(first.server.transport.can_snapshot());
  const ByteVector old_blob = to_vector(first.client.transport.host_key());
  const auto snapshot = first.server.transport.snapshot();
  ASSERT_TRUE(snapshot);
  Settings rotated = test::server_settings(keys::KeyType::ecdsa_p256);
  auto restored = Transport::restore(rotated, snapshot->reveal());
  ASSERT_TRUE(restored);
  first.server.transport = std::move(*restored);
  first.client.transport.request_rekey();
  first.run();
  EXPECT_EQ(first.client.keys_installed, 2);
  ASSERT_EQ(first.client.host_keys.size(), 2U);
  EXPECT_EQ(first.client.host_keys[1].algorithm, "ecdsa-sha2-nistp256");
  EXPECT_NE(to_vector(first.client.transport.host_key()), old_blob);
  EXPECT_EQ(to_vector(first.client.transport.initial_host_key()), old_blob);
  EXPECT_EQ(to_vector(first.server.transport.initial_host_key()), old_blob);
  first.client.transport.send(payload_of(10));
  first.run();
  EXPECT_EQ(first.server.payloads.size(), 1U);
}

}  // namespace
}  // namespace gatehouse::transport
