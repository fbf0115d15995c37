/// The sending half of the binary packet protocol (RFC 4253 section 6).
#pragma once

#include <array>

#include "protocol/crypto/packet_cipher.h"
#include "protocol/transport/octet_queue.h"
#include "protocol/transport/packet_reader.h"

namespace gatehouse::transport {

/// Puts sealed packets at the end of a queue, built in place.
class PacketWriter {
 public:
  /// Room for a payload of at most `at_most` octets; then finish() with how many there are. Nothing else touches the queue in between.
  std::span<std::uint8_t> start(OctetQueue& output, std::size_t at_most);
  void finish(OctetQueue& output, std::size_t payload_size);
  void write(OctetQueue& output, Bytes payload);

  void install(crypto::PacketCipher cipher, bool reset_sequence_number);
  const crypto::PacketCipher& cipher() const { return cipher_; }
  std::uint32_t sequence_number() const { return sequence_number_; }
  const KeyUse& use() const { return use_; }
  /// 2^32 packets under one key: the next one would repeat a sequence number.
  bool exhausted() const { return use_.packets >= std::uint64_t{1} << 32; }
  void resume(crypto::PacketCipher cipher, std::uint32_t sequence_number, KeyUse use);

 private:
  void fill_padding(std::span<std::uint8_t> padding);

  crypto::PacketCipher cipher_;
  std::uint32_t sequence_number_ = 0;
  KeyUse use_;
  std::array<std::uint8_t, 512> random_{};  ///< drawn ahead: a draw per packet would cost more than the packet
  std::size_t random_left_ = 0;
};

}  // namespace gatehouse::transport
