#include "protocol/transport/packet_reader.h"

#include <fmt/format.h>

namespace gatehouse::transport {

namespace {

constexpr std::uint32_t min_padding = 4;
constexpr std::uint64_t max_packets_per_key = std::uint64_t{1} << 32;  // RFC 4344 section 3.1: a sequence number is used once under a key

}  // namespace

ProtocolResult<bool> PacketReader::learn_length(const OctetQueue& input) {
  if (length_) return true;
  if (input.size() < cipher_.prefix_size()) return false;
  const std::uint32_t length = cipher_.packet_length(sequence_number_, input.view().first(cipher_.prefix_size()));
  // padding_length, one octet of payload and the least padding; then "the length of the concatenation … MUST be a multiple of the cipher
  // block size or 8, whichever is larger".
  const std::size_t aligned = std::size_t{4} + length - cipher_.aligned_from();
  if (length < 1 + 1 + min_padding || length > max_packet_length || aligned % cipher_.block_size() != 0) {
    return violation(Violation::bad_packet_length, fmt::format("packet_length {}", length));
  }
  length_ = length;
  return true;
}

ProtocolResult<std::optional<PacketReader::Packet>> PacketReader::next(OctetQueue& input) {
  release(input);
  const auto known = learn_length(input);
  if (!known) return tl::unexpected(known.error());
  if (!*known) return std::nullopt;
  const std::size_t clear_size = std::size_t{4} + *length_;
  const std::size_t sealed_size = clear_size + cipher_.tag_size();
  if (input.size() < sealed_size) return std::nullopt;
  if (use_.packets == max_packets_per_key) return violation(Violation::sequence_wrap, "2^32 packets received under one key");

  const std::span<std::uint8_t> packet = input.view().first(sealed_size);
  if (auto opened = cipher_.open(sequence_number_, packet); !opened) return tl::unexpected(std::move(opened.error()));
  const std::uint32_t padding = packet[4];
  if (padding < min_padding || padding > *length_ - 2) {
    return violation(Violation::bad_padding, fmt::format("padding_length {} in packet_length {}", padding, *length_));
  }
  ++use_.packets;
  use_.bytes += sealed_size;
  delivered_ = sealed_size;
  length_.reset();
  return Packet{Bytes(packet).subspan(5, clear_size - 5 - padding), sequence_number_++};
}

void PacketReader::install(crypto::PacketCipher cipher, bool reset_sequence_number) {
  cipher_ = std::move(cipher);
  use_ = {};
  if (reset_sequence_number) sequence_number_ = 0;
}

void PacketReader::resume(crypto::PacketCipher cipher, std::uint32_t sequence_number, KeyUse use) {
  cipher_ = std::move(cipher);
  sequence_number_ = sequence_number;
  use_ = use;
}

}  // namespace gatehouse::transport
