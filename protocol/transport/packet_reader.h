/// The receiving half of the binary packet protocol (RFC 4253 section 6).
#pragma once

#include <optional>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/crypto/packet_cipher.h"
#include "protocol/transport/octet_queue.h"

namespace gatehouse::transport {

/// As OpenSSH; RFC 4253 section 6.1 asks for 35000 at least.
inline constexpr std::uint32_t max_packet_length = 256 * 1024;

/// How much went through under the present keys.
struct KeyUse {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

/// Takes packets off the front of a queue, in place.
class PacketReader {
 public:
  struct Packet {
    Bytes payload;  ///< at least the message number; good until the next call
    std::uint32_t sequence_number;
  };
  /// The next whole packet, or nothing yet. Lengths are bounded before anything waits for them.
  /// @error bad_packet_length, bad_padding, mac_mismatch, sequence_wrap
  ProtocolResult<std::optional<Packet>> next(OctetQueue& input);
  /// Lets go of the packet that next() gave out last, so that the queue starts at a packet border.
  void release(OctetQueue& input) { input.drop(std::exchange(delivered_, 0)); }

  /// @param reset_sequence_number  strict key exchange: count from 0 again
  void install(crypto::PacketCipher cipher, bool reset_sequence_number);
  const crypto::PacketCipher& cipher() const { return cipher_; }
  std::uint32_t sequence_number() const { return sequence_number_; }
  const KeyUse& use() const { return use_; }
  /// For a restored connection.
  void resume(crypto::PacketCipher cipher, std::uint32_t sequence_number, KeyUse use);

 private:
  ProtocolResult<bool> learn_length(const OctetQueue& input);

  crypto::PacketCipher cipher_;
  std::uint32_t sequence_number_ = 0;
  KeyUse use_;
  std::optional<std::uint32_t> length_;  ///< packet_length of the packet at the front
  std::size_t delivered_ = 0;
};

}  // namespace gatehouse::transport
