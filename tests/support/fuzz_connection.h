/// For fuzz targets: two ends with keys, made once, and brought back to the same point for each input.
#pragma once

#include <cstdlib>

#include "protocol/core/wire.h"
#include "protocol/keys/private_key.h"
#include "protocol/transport/transport.h"

namespace gatehouse::test {

/// A server and a client after their first key exchange.
class ReadyEnds {
 public:
  ReadyEnds() : key_(keys::PrivateKey::generate(keys::KeyType::ed25519)) {
    transport::Transport server(server_settings());
    transport::Transport client(client_settings());
    for (int i = 0; i < 10; ++i) {
      turn(server);
      turn(client);
      client.feed(server.take_output());
      server.feed(client.take_output());
    }
    client_ = std::move(client.snapshot().value());
    server_ = std::move(server.snapshot().value());
  }

  transport::Transport server() const { return std::move(transport::Transport::restore(server_settings(), server_.reveal()).value()); }
  transport::Transport client() const { return std::move(transport::Transport::restore(client_settings(), client_.reveal()).value()); }

  /// Answers what the transport asks by itself. @return a payload for the layers above, or nothing when there is no more
  std::optional<transport::PayloadReceived> turn(transport::Transport& end) {
    while (true) {
      auto event = end.next();
      if (!event) {
        if (!end.closed()) std::abort();
        return std::nullopt;
      }
      if (!*event) return std::nullopt;
      if (const auto* payload = std::get_if<transport::PayloadReceived>(&**event)) return *payload;
      if (std::holds_alternative<transport::CookieNeeded>(**event)) end.provide_cookie(transport::Cookie{1});
      if (std::holds_alternative<transport::HostKeyOffered>(**event)) (void)end.accept_host_key();
      if (const auto* needed = std::get_if<transport::ExchangeHashNeeded>(&**event)) {
        const auto hash = transport::exchange_hash(needed->method, needed->inputs);
        const auto signature = key_.sign(keys::SignatureAlgorithm::ed25519, *hash);
        if (!end.provide_exchange_hash_and_signature(*hash, *signature)) std::abort();
      }
    }
  }

 private:
  transport::Settings server_settings() const {
    transport::Settings settings;
    settings.host_keys = {{"ssh-ed25519", to_vector(key_.public_key().blob())}};
    return settings;
  }
  static transport::Settings client_settings() {
    transport::Settings settings;
    settings.role = transport::Role::client;
    return settings;
  }

  keys::PrivateKey key_;
  SecretBytes server_, client_;
};

/// Payloads out of a fuzzer's octets: uint16 length, then as many octets (or what is left).
class PayloadSource {
 public:
  explicit PayloadSource(Bytes octets) : reader_(octets) {}
  /// Empty when there are no more.
  Bytes next() {
    while (reader_.remaining() > 2) {
      const std::size_t high = reader_.byte();
      const std::size_t size = std::min(high << 8 | reader_.byte(), reader_.remaining());
      if (size > 0) return reader_.raw(size);
    }
    return {};
  }

 private:
  WireReader reader_;
};

}  // namespace gatehouse::test
