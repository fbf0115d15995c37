/// Protection of SSH's binary packets (RFC 4253 section 6): encryption and integrity of one direction.
///
/// chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305), aes128/256-gcm@openssh.com (RFC 5647 with OpenSSH's negotiation),
/// aes128/192/256-ctr (RFC 4344) with hmac-sha2-256/512 (RFC 6668) over the clear packet or, as -etm@openssh.com, over the encrypted one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/core/secret.h"

namespace gatehouse::crypto {

enum class Cipher : std::uint8_t { none, chacha20_poly1305, aes128_gcm, aes256_gcm, aes128_ctr, aes192_ctr, aes256_ctr };
/// none: before NEWKEYS, and with a cipher that authenticates by itself.
enum class Mac : std::uint8_t { none, hmac_sha2_256, hmac_sha2_512, hmac_sha2_256_etm, hmac_sha2_512_etm };

/// The names of KEXINIT; Cipher::none and Mac::none have none ("none" is never negotiated).
std::string_view cipher_name(Cipher cipher);
std::optional<Cipher> cipher_by_name(std::string_view name);
std::string_view mac_name(Mac mac);
std::optional<Mac> mac_by_name(std::string_view name);
/// In our order of preference, without none.
std::span<const Cipher> all_ciphers();
std::span<const Mac> all_macs();

/// Whether the cipher brings its own integrity, so that no MAC is negotiated for it.
bool authenticates(Cipher cipher);
/// Octets of key material to derive (RFC 4253 section 7.2).
std::size_t cipher_key_size(Cipher cipher);
std::size_t cipher_iv_size(Cipher cipher);
std::size_t mac_key_size(Mac mac);
/// The cipher's block for padding and rekey limits: 8 or 16.
std::size_t cipher_block_size(Cipher cipher);

enum class Operation : std::uint8_t { seal, open };

/// What one direction's protection is made from. A copy of a running one has the iv advanced to the next packet, so that a new
/// PacketCipher goes on where the old one stopped.
struct PacketKeys {
  Cipher cipher = Cipher::none;
  Mac mac = Mac::none;  ///< none when authenticates(cipher)
  SecretBytes key;
  SecretBytes iv;
  SecretBytes mac_key;
};

/// One direction of a connection. Works in place; allocates nothing per packet.
///
/// A packet in the clear: uint32 packet_length, byte padding_length, payload, padding. Sealed, tag_size() octets follow.
class PacketCipher {
 public:
  /// No protection: before the first NEWKEYS.
  PacketCipher();
  /// @error bad_snapshot: sizes that do not fit the algorithms, or a MAC missing or superfluous
  static ProtocolResult<PacketCipher> make(Operation operation, PacketKeys keys);
  PacketCipher(PacketCipher&&) noexcept;
  PacketCipher& operator=(PacketCipher&&) noexcept;
  ~PacketCipher();

  Cipher cipher() const;
  Mac mac() const;
  /// What padding aligns to: 8 or 16.
  std::size_t block_size() const;
  /// Where alignment is counted from: 0, or 4 when the length field is left out of it (AEAD and -etm).
  std::size_t aligned_from() const;
  /// Octets after the padding: tag or MAC.
  std::size_t tag_size() const;
  /// How many octets packet_length() must see: 4, or a cipher block.
  std::size_t prefix_size() const;

  /// The packet_length field of the next packet, not yet authenticated and not yet bounded. Asking again for the same packet gives the
  /// same.
  /// @param prefix  the first prefix_size() octets of the sealed packet, at least; not changed
  std::uint32_t packet_length(std::uint32_t sequence_number, Bytes prefix);

  /// Verifies and decrypts in place; afterwards the octets before the tag are the clear packet, length field included. After an error
  /// the packet is wiped where anything of it was decrypted, and the direction is of no more use.
  /// @param packet  4 + packet_length + tag_size() octets
  /// @error mac_mismatch; bad_packet_length when the size is not one that packet_length() and the block size allow
  ProtocolResult<void> open(std::uint32_t sequence_number, std::span<std::uint8_t> packet);

  /// Encrypts in place and writes the tag.
  /// @param packet  a clear packet whose length is right and whose padding aligns, then room for tag_size() octets
  void seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet);

  /// For the hand-over between processes: the state at the border before the next packet, even when packet_length() has been asked.
  PacketKeys copy_keys() const;

 private:
  struct Content;
  explicit PacketCipher(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

}  // namespace gatehouse::crypto
