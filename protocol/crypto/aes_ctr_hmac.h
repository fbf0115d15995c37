/// aes128/192/256-ctr (RFC 4344 section 4) with hmac-sha2-256/512 (RFC 6668): MAC over the clear packet, as in RFC 4253 section 6.4, or
/// over the encrypted one (-etm@openssh.com, OpenSSH PROTOCOL section 1.5), which leaves the length field in the clear.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/core/secret.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {

/// One direction.
class AesCtrHmac {
 public:
  static constexpr std::size_t block_size = 16;

  /// @param key      16, 24 or 32 octets
  /// @param counter  X of the next packet's first block
  AesCtrHmac(SecretBytes key, Bytes counter, Digest digest, SecretBytes mac_key, bool encrypt_then_mac);

  bool encrypt_then_mac() const { return encrypt_then_mac_; }
  std::size_t tag_size() const { return tag_size_; }

  std::uint32_t packet_length(Bytes prefix);
  /// @return false when the MAC is wrong
  bool open(std::uint32_t sequence_number, std::span<std::uint8_t> packet);
  void seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet);

  const SecretBytes& key() const { return key_; }
  Bytes iv() const { return counter_; }
  const SecretBytes& mac_key() const { return mac_key_; }

 private:
  void crypt(std::span<std::uint8_t> blocks);
  void advance(std::size_t octets);
  void compute_mac(std::uint32_t sequence_number, Bytes data, std::uint8_t* out);
  SecretBytes key_;
  SecretBytes mac_key_;
  std::array<std::uint8_t, block_size> counter_{};                   // at the border before the next packet
  std::optional<std::array<std::uint8_t, block_size>> first_block_;  // in the clear, when packet_length() had to decrypt it
  EvpCipherCtx cipher_;
  EvpMacCtx mac_;
  std::size_t tag_size_;
  bool encrypt_then_mac_;
};

}  // namespace gatehouse::crypto
