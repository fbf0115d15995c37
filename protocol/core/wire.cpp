#include "protocol/core/wire.h"

namespace gatehouse {

Bytes WireReader::mpint() {
  const Bytes encoded = string();
  if (encoded.empty()) return {};
  const bool negative = (encoded[0] & 0x80) != 0;
  const bool padded = encoded[0] == 0 && (encoded.size() == 1 || (encoded[1] & 0x80) == 0);
  if (negative || padded) {
    short_ = true;
    return {};
  }
  return encoded[0] == 0 ? encoded.subspan(1) : encoded;
}

WireWriter& WireWriter::uint32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out_.push_back(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

WireWriter& WireWriter::uint64(std::uint64_t value) {
  return uint32(static_cast<std::uint32_t>(value >> 32)).uint32(static_cast<std::uint32_t>(value));
}

WireWriter& WireWriter::raw(Bytes value) {
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

WireWriter& WireWriter::string(Bytes value) { return uint32(static_cast<std::uint32_t>(value.size())).raw(value); }

WireWriter& WireWriter::mpint(Bytes magnitude) {
  while (!magnitude.empty() && magnitude.front() == 0) magnitude = magnitude.subspan(1);
  const std::size_t sign_octet = !magnitude.empty() && magnitude.front() >= 0x80 ? 1 : 0;
  uint32(static_cast<std::uint32_t>(magnitude.size() + sign_octet));
  out_.insert(out_.end(), sign_octet, 0);
  return raw(magnitude);
}

}  // namespace gatehouse
