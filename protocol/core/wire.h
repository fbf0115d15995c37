/// Data types of RFC 4251 section 5, read and written.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "protocol/core/bytes.h"

namespace gatehouse {

/// Borrows the payload. After one short read all that follows is empty or zero, and finish() says so: a parser reads like the RFC's
/// field list and asks once, at the end.
class WireReader {
 public:
  explicit WireReader(Bytes payload) : rest_(payload) {}

  std::uint8_t byte() {
    const Bytes b = take(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  /// RFC 4251: "all non-zero values MUST be interpreted as TRUE".
  bool boolean() { return byte() != 0; }
  std::uint32_t uint32() {
    const Bytes b = take(4);
    return b.empty() ? 0 : std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }
  std::uint64_t uint64() {
    const std::uint64_t high = uint32();
    return high << 32 | uint32();
  }
  /// A string: uint32 length and that many octets.
  Bytes string() { return take(uint32()); }
  std::string_view text() { return as_text(string()); }
  /// The magnitude of a non-negative mpint without leading zero octets. A negative or not minimal one counts as a short read.
  Bytes mpint();
  /// `count` octets without a length.
  Bytes raw(std::size_t count) { return take(count); }
  /// All that is left.
  Bytes rest() { return take(rest_.size()); }

  /// How much is unread; 0 also after a short read.
  std::size_t remaining() const { return short_ ? 0 : rest_.size(); }
  /// For loops over lists: false after a short read, too.
  bool more() const { return remaining() > 0; }
  /// A read went past the end, or a value was malformed.
  bool failed() const { return short_; }
  /// All was read and nothing is left over: left-over octets are an error too.
  [[nodiscard]] bool finish() const { return !short_ && rest_.empty(); }

 private:
  Bytes take(std::size_t n) {
    if (short_ || n > rest_.size()) {
      short_ = true;
      return {};
    }
    return std::exchange(rest_, rest_.subspan(n)).first(n);
  }

  Bytes rest_;
  bool short_ = false;  // a flag of its own: "nothing left" must not pass for "all read"
};

/// Builds a message in the order of its fields; every call gives the writer back.
class WireWriter {
 public:
  WireWriter& byte(std::uint8_t value) {
    out_.push_back(value);
    return *this;
  }
  WireWriter& boolean(bool value) { return byte(value ? 1 : 0); }
  WireWriter& uint32(std::uint32_t value);
  WireWriter& uint64(std::uint64_t value);
  WireWriter& string(Bytes value);
  WireWriter& string(std::string_view value) { return string(as_bytes(value)); }
  WireWriter& string(const char* value) { return string(std::string_view(value)); }
  /// @param magnitude  big-endian, not negative; a zero octet leads when the top bit is set
  WireWriter& mpint(Bytes magnitude);
  /// Octets without a length.
  WireWriter& raw(Bytes value);

  Bytes view() const { return out_; }
  std::size_t size() const { return out_.size(); }
  ByteVector take() { return std::exchange(out_, {}); }

 private:
  ByteVector out_;
};

}  // namespace gatehouse
