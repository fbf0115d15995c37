/// WireWriter's twin for messages that hold key material: wherever the octets were is wiped.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/core/secret.h"

namespace gatehouse::keys {

class SecretWriter {
 public:
  SecretWriter& byte(std::uint8_t value);
  SecretWriter& uint32(std::uint32_t value);
  SecretWriter& string(Bytes value);
  SecretWriter& string(std::string_view value) { return string(as_bytes(value)); }
  /// @param magnitude  big-endian, not negative; leading zero octets are dropped
  SecretWriter& mpint(Bytes magnitude);
  SecretWriter& raw(Bytes value);

  Bytes view() const { return buffer_.reveal().first(size_); }
  std::size_t size() const { return size_; }
  SecretBytes take() const { return SecretBytes::copy_of(view()); }

 private:
  SecretBytes buffer_;  // grown by moving to a new place; the old one wipes itself
  std::size_t size_ = 0;
};

}  // namespace gatehouse::keys
