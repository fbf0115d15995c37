/// A server and a client in one process, wired together in memory: what one writes, the other reads.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "protocol/crypto/random.h"
#include "protocol/keys/private_key.h"
#include "protocol/transport/transport.h"

namespace gatehouse::test {

using transport::Transport;

/// Generated once per type and program: RSA takes its time.
inline keys::PrivateKey& host_private_key(keys::KeyType type) {
  static std::map<keys::KeyType, keys::PrivateKey> made;
  auto found = made.find(type);
  if (found == made.end()) found = made.emplace(type, keys::PrivateKey::generate(type)).first;
  return found->second;
}

inline transport::Settings server_settings(keys::KeyType type = keys::KeyType::ed25519) {
  transport::Settings settings;
  settings.role = transport::Role::server;
  settings.identification = "SSH-2.0-TestServer";
  const Bytes blob = host_private_key(type).public_key().blob();
  for (const keys::SignatureAlgorithm algorithm : keys::signatures_of(type)) {
    settings.host_keys.push_back({std::string(keys::signature_name(algorithm)), to_vector(blob)});
  }
  settings.server_sig_algs = "ssh-ed25519,rsa-sha2-512";
  return settings;
}

inline transport::Settings client_settings() {
  transport::Settings settings;
  settings.role = transport::Role::client;
  settings.identification = "SSH-2.0-TestClient with comments";
  return settings;
}

inline transport::Cookie fresh_cookie() {
  transport::Cookie cookie;
  crypto::random_fill(cookie);
  return cookie;
}

/// One end with its owner: answers what a transport asks, keeps what the layers above would get.
struct End {
  explicit End(transport::Settings settings) : transport(std::move(settings)) {}
  explicit End(Transport restored) : transport(std::move(restored)) {}

  Transport transport;
  bool answers_hash = true;
  bool accepts_host_key = true;
  bool gives_cookies = true;
  /// Sees each payload while its view is good; otherwise they are kept in `payloads`.
  std::function<void(const transport::PayloadReceived&)> on_payload;
  std::vector<ByteVector> payloads;
  std::vector<transport::ExchangeHashNeeded> hashes;
  std::vector<transport::HostKeyOffered> host_keys;
  int keys_installed = 0;
  int first_keys_installed = 0;
  int cookies_asked = 0;
  bool identified = false;
  std::optional<transport::PeerDisconnected> disconnected;
  std::optional<ProtocolError> error;

  void answer(const transport::ExchangeHashNeeded& needed) {
    const auto hash = transport::exchange_hash(needed.method, needed.inputs);
    ASSERT_TRUE(hash);
    const auto algorithm = keys::public_key_algorithm_by_name(needed.host_key_algorithm);
    auto& key = host_private_key(keys::key_type_of(algorithm->signature));
    const auto signature = key.sign(algorithm->signature, *hash);
    ASSERT_TRUE(signature);
    ASSERT_TRUE(transport.provide_exchange_hash_and_signature(*hash, *signature));
  }

  void on(transport::PeerIdentified&) { identified = true; }
  void on(transport::CookieNeeded&) {
    ++cookies_asked;
    if (gives_cookies) transport.provide_cookie(fresh_cookie());
  }
  void on(transport::ExchangeHashNeeded& needed) {
    if (answers_hash) answer(needed);
    hashes.push_back(std::move(needed));
  }
  void on(transport::HostKeyOffered& offered) {
    host_keys.push_back(offered);
    if (!accepts_host_key) return;
    ASSERT_TRUE(transport.accept_host_key());
  }
  void on(transport::KeysInstalled& installed) {
    ++keys_installed;
    if (installed.first) ++first_keys_installed;
  }
  void on(transport::PayloadReceived& received) {
    if (on_payload) {
      on_payload(received);
    } else {
      payloads.push_back(to_vector(received.payload));
    }
  }
  void on(transport::PeerDisconnected& peer) { disconnected = std::move(peer); }

  /// Handles events until there are none. @return whether there was one
  bool turn() {
    bool any = false;
    while (true) {
      auto event = transport.next();
      if (!event) {
        error = event.error();
        return true;
      }
      if (!*event) return any;
      any = true;
      std::visit([this](auto& happened) { on(happened); }, **event);
    }
  }
};

/// Both ends.
struct Pair {
  explicit Pair(transport::Settings server_side = server_settings(), transport::Settings client_side = client_settings())
      : server(std::move(server_side)), client(std::move(client_side)) {}

  End server;
  End client;
  std::size_t chunk = 1 << 20;  ///< octets that travel at once

  /// Moves what `from` wrote to `to`. @return how many octets
  std::size_t carry(End& from, End& to) {
    std::size_t moved = 0;
    while (!from.transport.output().empty()) {
      const Bytes output = from.transport.output();
      const std::size_t size = std::min(chunk, output.size());
      to.transport.feed(output.first(size));
      from.transport.output_sent(size);
      moved += size;
      to.turn();
    }
    return moved;
  }

  /// Until nothing moves any more.
  void run() {
    while (true) {
      bool any = server.turn();
      any = client.turn() || any;
      any = carry(server, client) != 0 || any;
      any = carry(client, server) != 0 || any;
      if (!any) return;
    }
  }

  /// Through the first key exchange, and past authentication, which these tests leave out.
  void connect() {
    run();
    ASSERT_EQ(server.keys_installed, 1) << (server.error ? server.error->detail : "");
    ASSERT_EQ(client.keys_installed, 1) << (client.error ? client.error->detail : "");
    server.transport.authentication_succeeded();
    client.transport.authentication_succeeded();
  }
};

}  // namespace gatehouse::test
