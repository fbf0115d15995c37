#include "protocol/transport/packet_writer.h"

#include <algorithm>
#include <cstring>

#include "protocol/crypto/random.h"

namespace gatehouse::transport {

namespace {

constexpr std::size_t header = 5;  // packet_length, padding_length
constexpr std::size_t min_padding = 4;
constexpr std::size_t min_packet = 16;  // RFC 4253 section 6: "the minimum size of a packet is 16 (or the cipher block size …)"

}  // namespace

std::span<std::uint8_t> PacketWriter::start(OctetQueue& output, std::size_t at_most) {
  return output.space(header + at_most + min_padding + 2 * min_packet + cipher_.tag_size()).subspan(header, at_most);
}

void PacketWriter::finish(OctetQueue& output, std::size_t payload_size) {
  const std::size_t block = cipher_.block_size();
  const std::size_t from = cipher_.aligned_from();
  std::size_t padding = block - (header + payload_size - from) % block;
  if (padding < min_padding) padding += block;
  while (header + payload_size + padding < min_packet) padding += block;
  const std::size_t clear_size = header + payload_size + padding;
  const std::size_t sealed_size = clear_size + cipher_.tag_size();

  const std::span<std::uint8_t> packet = output.space(sealed_size).first(sealed_size);
  const auto length = static_cast<std::uint32_t>(clear_size - 4);
  packet[0] = static_cast<std::uint8_t>(length >> 24);
  packet[1] = static_cast<std::uint8_t>(length >> 16);
  packet[2] = static_cast<std::uint8_t>(length >> 8);
  packet[3] = static_cast<std::uint8_t>(length);
  packet[4] = static_cast<std::uint8_t>(padding);
  fill_padding(packet.subspan(header + payload_size, padding));
  cipher_.seal(sequence_number_, packet);
  output.add(sealed_size);
  ++sequence_number_;
  ++use_.packets;
  use_.bytes += sealed_size;
}

void PacketWriter::write(OctetQueue& output, Bytes payload) {
  std::memcpy(start(output, payload.size()).data(), payload.data(), payload.size());
  finish(output, payload.size());
}

void PacketWriter::fill_padding(std::span<std::uint8_t> padding) {
  if (random_left_ < padding.size()) {
    crypto::random_fill(random_);
    random_left_ = random_.size();
  }
  std::copy_n(random_.end() - static_cast<std::ptrdiff_t>(random_left_), padding.size(), padding.begin());
  random_left_ -= padding.size();
}

void PacketWriter::install(crypto::PacketCipher cipher, bool reset_sequence_number) {
  cipher_ = std::move(cipher);
  use_ = {};
  if (reset_sequence_number) sequence_number_ = 0;
}

void PacketWriter::resume(crypto::PacketCipher cipher, std::uint32_t sequence_number, KeyUse use) {
  cipher_ = std::move(cipher);
  sequence_number_ = sequence_number;
  use_ = use;
}

}  // namespace gatehouse::transport
