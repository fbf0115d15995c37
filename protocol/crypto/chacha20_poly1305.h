/// chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/core/secret.h"
#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {

/// One direction. The nonce is the packet's sequence number, so there is no state between packets.
class ChaCha20Poly1305 {
 public:
  static constexpr std::size_t key_size = 64;
  static constexpr std::size_t tag_size = 16;

  /// @param key  K_2, for payload and tag, then K_1, for the length field
  explicit ChaCha20Poly1305(SecretBytes key);

  std::uint32_t packet_length(std::uint32_t sequence_number, Bytes prefix);
  /// @return false when the tag is wrong; nothing is decrypted then
  bool open(std::uint32_t sequence_number, std::span<std::uint8_t> packet);
  void seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet);

  const SecretBytes& key() const { return key_; }
  Bytes iv() const { return {}; }

 private:
  /// The length field of a packet asked for before it was whole; open() needs it again.
  struct Asked {
    std::uint32_t sequence_number;
    std::array<std::uint8_t, 4> sealed, clear;
  };
  const Asked& ask(std::uint32_t sequence_number, Bytes prefix);
  void length_field(std::uint32_t sequence_number, const std::uint8_t* in, std::uint8_t* out);
  /// Leaves the payload's keystream at block 1 and Poly1305 keyed with block 0.
  void begin(std::uint32_t sequence_number);
  void tag(Bytes sealed, std::uint8_t* out);
  SecretBytes key_;
  EvpCipherCtx length_;
  EvpCipherCtx payload_;
  EvpMacCtx poly1305_;
  std::optional<Asked> asked_;
};

}  // namespace gatehouse::crypto
