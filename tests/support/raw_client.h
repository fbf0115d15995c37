/// A client made of the parts, which obeys nothing: it sends what a test tells it to, sealed as it should be, at any time.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "protocol/core/wire.h"
#include "protocol/crypto/key_agreement.h"
#include "protocol/transport/exchange_hash.h"
#include "protocol/transport/messages.h"
#include "protocol/transport/packet_reader.h"
#include "protocol/transport/packet_writer.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::test {

inline ByteVector bare(Message message) { return {static_cast<std::uint8_t>(message)}; }
inline WireWriter starting(Message message) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(message));
  return writer;
}

/// What our own client would offer.
inline transport::KexInit ordinary_kexinit(bool strict = true) {
  transport::KexInit kexinit;
  kexinit.cookie = fresh_cookie();
  kexinit.kex = {"curve25519-sha256", "ecdh-sha2-nistp256"};
  if (strict) kexinit.kex.emplace_back("kex-strict-c-v00@openssh.com");
  kexinit.host_keys = {"ssh-ed25519"};
  kexinit.ciphers_client_to_server = kexinit.ciphers_server_to_client = {"aes128-ctr", "chacha20-poly1305@openssh.com"};
  kexinit.macs_client_to_server = kexinit.macs_server_to_client = {"hmac-sha2-256"};
  kexinit.compressions_client_to_server = kexinit.compressions_server_to_client = {"none"};
  return kexinit;
}

class RawClient {
 public:
  explicit RawClient(End& server) : server_(server) {}

  /// A payload, sealed and delivered.
  void send(Bytes payload) {
    writer_.write(output_, payload);
    server_.transport.feed(output_.view());
    output_.clear();
    server_.turn();
  }
  void send_octets(Bytes octets) {
    server_.transport.feed(octets);
    server_.turn();
  }

  /// What the server sent since last time, opened; the identification line first, once.
  std::vector<ByteVector> receive() {
    server_.turn();
    input_.append(server_.transport.take_output());
    if (server_line_.empty()) {
      const std::string_view text = as_text(input_.view());
      server_line_ = text.substr(0, text.find("\r\n"));
      input_.drop(server_line_.size() + 2);
    }
    std::vector<ByteVector> payloads;
    while (true) {
      auto packet = reader_.next(input_);
      EXPECT_TRUE(packet.has_value());
      if (!packet || !*packet) return payloads;
      payloads.push_back(to_vector((*packet)->payload));
      if (payloads.back()[0] == static_cast<std::uint8_t>(Message::kexinit)) server_kexinit_ = payloads.back();
      if (payloads.back()[0] == static_cast<std::uint8_t>(Message::newkeys)) install_inbound();
    }
  }

  void identify() { send_octets(as_bytes(std::string(line) + "\r\n")); }
  void send_kexinit(const transport::KexInit& kexinit) {
    client_kexinit_ = transport::write_kexinit(kexinit);
    send(client_kexinit_);
  }
  /// Waits for the server's KEXINIT.
  void take_kexinit() {
    receive();
    ASSERT_FALSE(server_kexinit_.empty());
  }
  void send_init(std::optional<ByteVector> share = {}) {
    agreement_.emplace(crypto::KeyAgreement::start(method));
    send(starting(Message::kex_ecdh_init).string(share ? *share : to_vector(agreement_->share())).take());
  }
  /// Takes KEX_ECDH_REPLY and NEWKEYS.
  void take_reply() {
    const std::vector<ByteVector> payloads = receive();
    ASSERT_GE(payloads.size(), 2U);
    after_newkeys = {payloads.begin() + 2, payloads.end()};
  }
  /// Our NEWKEYS, and what follows it sealed with the new keys.
  void send_newkeys() {
    send(bare(Message::newkeys));
    writer_.install(std::move(*crypto::PacketCipher::make(crypto::Operation::seal, keys(transport::Direction::client_to_server))), strict);
  }
  /// From the first octet to installed keys.
  void connect() {
    identify();
    exchange();
  }
  void exchange() {
    send_kexinit(ordinary_kexinit(strict));
    take_kexinit();
    send_init();
    take_reply();
    send_newkeys();
  }

  static constexpr std::string_view line = "SSH-2.0-Raw";
  crypto::KexMethod method = crypto::KexMethod::curve25519_sha256;
  bool strict = true;
  std::vector<ByteVector> after_newkeys;
  transport::PacketWriter& writer() { return writer_; }

 private:
  void install_inbound() {
    const transport::ExchangeHashNeeded& asked = server_.hashes.back();
    shared_secret_ = SecretBytes::copy_of(asked.inputs.shared_secret.reveal());
    hash_ = *transport::exchange_hash(asked.method, asked.inputs);
    if (session_id_.empty()) session_id_ = hash_;
    const auto client = *transport::parse_kexinit(client_kexinit_);
    const auto server = *transport::parse_kexinit(server_kexinit_);
    agreed_ = *transport::negotiate(client, server);
    reader_.install(std::move(*crypto::PacketCipher::make(crypto::Operation::open, keys(transport::Direction::server_to_client))), strict);
  }
  crypto::PacketKeys keys(transport::Direction direction) const {
    return transport::derive_keys(agreed_, direction, shared_secret_, hash_, session_id_);
  }

  End& server_;
  transport::OctetQueue input_;
  transport::OctetQueue output_;
  transport::PacketReader reader_;
  transport::PacketWriter writer_;
  std::string server_line_;
  ByteVector client_kexinit_;
  ByteVector server_kexinit_;
  std::optional<crypto::KeyAgreement> agreement_;
  SecretBytes shared_secret_;
  ByteVector hash_;
  ByteVector session_id_;
  transport::Negotiated agreed_;
};

}  // namespace gatehouse::test
