/// Fields of one frame between monitor and authorizer, read in order with a bound on each.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "protocol/core/error.h"
#include "protocol/core/wire.h"
#include "sshd/authorizer/messages.h"

namespace gatehouse::sshd::authorizer {

inline WireWriter begin(Kind kind) {
  WireWriter out;
  out.byte(static_cast<std::uint8_t>(kind));
  return out;
}

/// Any failure is remembered and told at the end.
class FrameFields {
 public:
  FrameFields(Bytes frame, Kind kind) : in_(frame), sound_(in_.byte() == static_cast<std::uint8_t>(kind)) {}

  std::uint8_t byte() { return in_.byte(); }
  /// 0 or 1: among ourselves there is one way to write a value.
  bool boolean() {
    const std::uint8_t value = in_.byte();
    require(value <= 1);
    return value == 1;
  }
  std::uint32_t uint32() { return in_.uint32(); }
  std::uint64_t uint64() { return in_.uint64(); }
  std::uint16_t port() {
    const std::uint32_t value = in_.uint32();
    require(value <= 65535);
    return static_cast<std::uint16_t>(value);
  }
  Bytes view(std::size_t most) {
    const Bytes value = in_.string();
    if (value.size() <= most) return value;
    sound_ = false;
    return {};
  }
  ByteVector octets(std::size_t most) { return to_vector(view(most)); }
  std::string text(std::size_t most) { return to_string(view(most)); }
  /// How many items follow; 0 when that is more than `most`.
  std::uint32_t count(std::size_t most) {
    const std::uint32_t value = in_.uint32();
    require(value <= most);
    return sound() ? value : 0;
  }
  void require(bool condition) { sound_ = sound_ && condition; }
  bool sound() const { return sound_ && !in_.failed(); }
  bool finish() const { return sound_ && in_.finish(); }

 private:
  WireReader in_;
  bool sound_;
};

template <class T>
ProtocolResult<T> finished(const FrameFields& fields, T&& value, const char* name) {
  if (!fields.finish()) return violation(Violation::bad_encoding, std::string("authorizer message ") + name);
  return std::forward<T>(value);
}

}  // namespace gatehouse::sshd::authorizer
