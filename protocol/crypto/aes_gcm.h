/// aes128-gcm@openssh.com and aes256-gcm@openssh.com: RFC 5647, with the negotiation of OpenSSH PROTOCOL section 1.6.
#pragma once

#include <array>
#include <cstdint>

#include "protocol/core/secret.h"
#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {

/// One direction. The length field travels in the clear, as associated data.
class AesGcm {
 public:
  static constexpr std::size_t iv_size = 12;
  static constexpr std::size_t tag_size = 16;

  /// @param key  16 or 32 octets
  /// @param iv   fixed field, then the 64-bit invocation counter of the next packet (RFC 5647 section 7.1)
  AesGcm(bool sealing, SecretBytes key, Bytes iv);

  /// @return false when the tag is wrong
  bool open(std::span<std::uint8_t> packet);
  void seal(std::span<std::uint8_t> packet);

  const SecretBytes& key() const { return key_; }
  Bytes iv() const { return iv_; }

 private:
  void begin(Bytes length_field);
  void next_invocation();
  SecretBytes key_;
  std::array<std::uint8_t, iv_size> iv_;
  EvpCipherCtx context_;
};

}  // namespace gatehouse::crypto
