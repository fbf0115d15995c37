/// The hand-over of a live connection to another process.
#include <gtest/gtest.h>

#include <cctype>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::transport {
namespace {

using test::Pair;

ByteVector payload_of(std::size_t size, std::uint8_t fill = 0) {
  ByteVector payload(size, fill);
  payload[0] = 94;
  return payload;
}

void hand_over(Pair& pair) {
  const auto snapshot = pair.server.transport.snapshot();
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(pair.server.transport.closed());
  auto restored = Transport::restore(test::server_settings(), snapshot->reveal());
  ASSERT_TRUE(restored) << restored.error().detail;
  pair.server.transport = std::move(*restored);
}

struct Suite {
  std::string cipher, mac;
};

class Snapshot : public testing::TestWithParam<Suite> {
 protected:
  static Settings client_settings() {
    Settings settings = test::client_settings();
    settings.algorithms.ciphers = {GetParam().cipher};
    settings.algorithms.macs = {GetParam().mac};
    return settings;
  }
  Pair pair{test::server_settings(), client_settings()};
};

TEST_P(Snapshot, GoesOnWhereItStopped) {
  pair.connect();
  for (int i = 0; i < 5; ++i) {
    pair.client.transport.send(payload_of(333, 1));
    pair.server.transport.send(payload_of(444, 2));
    pair.run();
  }
  const Negotiated negotiated = pair.server.transport.negotiated();
  const ByteVector session_id = to_vector(pair.server.transport.session_id());
  hand_over(pair);
  EXPECT_EQ(pair.server.transport.negotiated(), negotiated);
  EXPECT_EQ(to_vector(pair.server.transport.session_id()), session_id);
  EXPECT_TRUE(pair.server.transport.strict_kex());
  EXPECT_TRUE(pair.server.transport.peer_extensions().ext_info_in_auth);
  EXPECT_EQ(pair.server.transport.peer_identification(), "SSH-2.0-TestClient with comments");
  for (int round = 0; round < 3; ++round) {
    pair.client.transport.send(payload_of(100));
    pair.server.transport.send(payload_of(200));
    pair.run();
    round == 0 ? pair.client.transport.request_rekey() : pair.server.transport.request_rekey();
    pair.run();
  }
  EXPECT_EQ(pair.server.payloads.size(), 8U);
  EXPECT_EQ(pair.client.payloads.size(), 8U);
  EXPECT_EQ(pair.client.keys_installed, 4);
  EXPECT_FALSE(pair.client.error);
}

TEST_P(Snapshot, CanBeTakenAfterEachOctetOfAStream) {
  pair.connect();
  const ByteVector one = payload_of(50, 7);
  pair.client.transport.send(one);
  pair.client.transport.send(one);
  const ByteVector stream = pair.client.transport.take_output();
  for (const std::uint8_t octet : stream) {
    pair.server.transport.feed(Bytes(&octet, 1));
    pair.server.turn();
    hand_over(pair);
  }
  ASSERT_EQ(pair.server.payloads.size(), 2U);
  EXPECT_EQ(pair.server.payloads[1], one);
}

TEST_P(Snapshot, CarriesUnreadInputAndUnsentOutput) {
  pair.connect();
  pair.server.transport.send(payload_of(1000, 1));
  pair.client.transport.send(payload_of(50, 2));
  pair.client.transport.send(payload_of(60, 3));
  pair.server.transport.feed(pair.client.transport.take_output());
  const auto first = pair.server.transport.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(std::get<PayloadReceived>(**first).payload.size(), 50U);
  hand_over(pair);
  pair.run();
  ASSERT_EQ(pair.server.payloads.size(), 1U) << "what was given out before is not given out again";
  EXPECT_EQ(pair.server.payloads[0].size(), 60U);
  ASSERT_EQ(pair.client.payloads.size(), 1U);
  EXPECT_EQ(pair.client.payloads[0].size(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Each, Snapshot,
                         testing::Values(Suite{"chacha20-poly1305@openssh.com", "hmac-sha2-256"},
                                         Suite{"aes128-gcm@openssh.com", "hmac-sha2-256"}, Suite{"aes256-gcm@openssh.com", "hmac-sha2-256"},
                                         Suite{"aes128-ctr", "hmac-sha2-256"}, Suite{"aes192-ctr", "hmac-sha2-512"},
                                         Suite{"aes256-ctr", "hmac-sha2-256-etm@openssh.com"},
                                         Suite{"aes256-ctr", "hmac-sha2-512-etm@openssh.com"}),
                         [](const auto& given) {
                           std::string name = given.param.cipher + "_" + given.param.mac;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

TEST(SnapshotTime, IsNotDuringAKeyExchange) {
  Pair pair;
  EXPECT_FALSE(pair.server.transport.can_snapshot());
  EXPECT_FALSE(pair.server.transport.snapshot());
  pair.run();
  EXPECT_TRUE(pair.server.transport.can_snapshot());
  pair.client.transport.request_rekey();
  pair.server.gives_cookies = false;
  pair.carry(pair.client, pair.server);
  EXPECT_FALSE(pair.server.transport.can_snapshot());
  pair.server.transport.provide_cookie(test::fresh_cookie());
  EXPECT_FALSE(pair.server.transport.can_snapshot());
  pair.run();
  EXPECT_TRUE(pair.server.transport.can_snapshot());
  pair.server.transport.disconnect(DisconnectReason::by_application, "bye");
  EXPECT_FALSE(pair.server.transport.can_snapshot());
}

TEST(SnapshotTime, MayBeWhileARekeyWaitsForItsCookie) {
  Settings settings = test::server_settings();
  settings.rekey.packets = 3;
  Pair pair(settings);
  pair.connect();
  pair.server.gives_cookies = false;
  for (int i = 0; i < 5; ++i) pair.client.transport.send(payload_of(10));
  pair.run();
  ASSERT_TRUE(pair.server.transport.can_snapshot());
  const auto snapshot = pair.server.transport.snapshot();
  auto restored = Transport::restore(settings, snapshot->reveal());
  ASSERT_TRUE(restored);
  pair.server.transport = std::move(*restored);
  pair.server.gives_cookies = true;
  pair.client.transport.send(payload_of(10));
  pair.run();
  EXPECT_EQ(pair.client.keys_installed, 2) << "the count has come along";
}

SecretBytes snapshot_of_live_server() {
  Pair pair;
  pair.connect();
  pair.server.transport.send(payload_of(100));
  return std::move(*pair.server.transport.snapshot());
}

TEST(SnapshotStrictness, RefusesItCutAtEachOctet) {
  const SecretBytes whole = snapshot_of_live_server();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto restored = Transport::restore(test::server_settings(), whole.reveal().first(size));
    ASSERT_FALSE(restored) << size;
    EXPECT_EQ(restored.error().violation, Violation::bad_snapshot);
  }
}

TEST(SnapshotStrictness, RefusesItWithAnyOctetChanged) {
  const SecretBytes whole = snapshot_of_live_server();
  ByteVector changed = to_vector(whole.reveal());
  for (std::size_t i = 0; i < changed.size(); ++i) {
    for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
      changed[i] ^= flip;
      const auto restored = Transport::restore(test::server_settings(), changed);
      ASSERT_FALSE(restored) << i;
      EXPECT_EQ(restored.error().violation, Violation::bad_snapshot);
      changed[i] ^= flip;
    }
  }
}

TEST(SnapshotStrictness, RefusesItLongerAndTooLong) {
  const SecretBytes whole = snapshot_of_live_server();
  ByteVector longer = to_vector(whole.reveal());
  longer.push_back(0);
  EXPECT_FALSE(Transport::restore(test::server_settings(), longer));
  EXPECT_FALSE(Transport::restore(test::server_settings(), ByteVector(Transport::max_snapshot + 1)));
}

TEST(SnapshotStrictness, RefusesTheOtherRole) {
  const SecretBytes whole = snapshot_of_live_server();
  EXPECT_FALSE(Transport::restore(test::client_settings(), whole.reveal()));
}

/// Whoever could write the pipe could also write a right digest: what it holds is checked all the same.
TEST(SnapshotStrictness, RefusesFieldsThatDoNotFitUnderARightDigest) {
  const SecretBytes whole = snapshot_of_live_server();
  const Bytes body = whole.reveal().first(whole.size() - 32);
  int refused = 0;
  for (std::size_t i = 0; i < body.size(); ++i) {
    ByteVector changed = to_vector(body);
    changed[i] ^= 0x55;
    const ByteVector digest = crypto::hash(crypto::Digest::sha256, changed);
    changed.insert(changed.end(), digest.begin(), digest.end());
    auto restored = Transport::restore(test::server_settings(), changed);
    if (!restored) {
      EXPECT_EQ(restored.error().violation, Violation::bad_snapshot);
      ++refused;
      continue;
    }
    while (true) {  // other keys or counts: it lives, and talks nonsense to the peer
      const auto event = restored->next();
      if (!event || !*event) break;
    }
  }
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace gatehouse::transport
