#include "protocol/keys/secret_writer.h"

#include <algorithm>
#include <array>

namespace gatehouse::keys {

SecretWriter& SecretWriter::raw(Bytes value) {
  if (value.size() > buffer_.size() - size_) {
    SecretBytes larger(std::max<std::size_t>({256, 2 * buffer_.size(), size_ + value.size()}));
    std::copy(view().begin(), view().end(), larger.fill().begin());
    buffer_ = std::move(larger);
  }
  std::copy(value.begin(), value.end(), buffer_.fill().subspan(size_).begin());
  size_ += value.size();
  return *this;
}

SecretWriter& SecretWriter::byte(std::uint8_t value) { return raw({&value, 1}); }

SecretWriter& SecretWriter::uint32(std::uint32_t value) {
  const std::array<std::uint8_t, 4> octets{static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                                           static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
  return raw(octets);
}

SecretWriter& SecretWriter::string(Bytes value) { return uint32(static_cast<std::uint32_t>(value.size())).raw(value); }

SecretWriter& SecretWriter::mpint(Bytes magnitude) {
  while (!magnitude.empty() && magnitude.front() == 0) magnitude = magnitude.subspan(1);
  const bool sign_octet = !magnitude.empty() && magnitude.front() >= 0x80;
  uint32(static_cast<std::uint32_t>(magnitude.size() + (sign_octet ? 1 : 0)));
  if (sign_octet) byte(0);
  return raw(magnitude);
}

}  // namespace gatehouse::keys
