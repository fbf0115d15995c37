/// Reading and writing the fields of a frame, with bounds.
#pragma once

#include <optional>
#include <string>

#include "protocol/core/error.h"
#include "protocol/core/wire.h"
#include "sshd/messages/key_exchange.h"

namespace gatehouse::sshd::message {

inline WireWriter begin(Kind kind) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(kind));
  return writer;
}

/// Fields of one frame, in order; any failure is remembered and told at the end.
class FrameReader {
 public:
  FrameReader(Bytes frame, Kind kind) : reader_(frame) { bad_ = reader_.byte() != static_cast<std::uint8_t>(kind); }

  std::uint8_t byte() { return reader_.byte(); }
  /// 0 or 1; other values are an error among ourselves.
  bool boolean() {
    const std::uint8_t value = reader_.byte();
    bad_ |= value > 1;
    return value == 1;
  }
  std::uint32_t uint32() { return reader_.uint32(); }
  std::uint64_t uint64() { return reader_.uint64(); }
  std::string text(std::size_t at_most) { return to_string(bounded(at_most)); }
  ByteVector octets(std::size_t at_most) { return to_vector(bounded(at_most)); }
  Bytes rest() { return reader_.rest(); }
  void require(bool condition) { bad_ |= !condition; }

  /// Nothing, when the frame was whole and within all bounds.
  std::optional<ProtocolError> error(const char* name) const {
    if (!bad_ && reader_.finish()) return std::nullopt;
    return ProtocolError{Violation::bad_encoding, std::string("internal message ") + name};
  }

 private:
  Bytes bounded(std::size_t at_most) {
    const Bytes value = reader_.string();
    if (value.size() <= at_most) return value;
    bad_ = true;
    return {};
  }
  WireReader reader_;
  bool bad_ = false;
};

template <class T>
ProtocolResult<T> finish(const FrameReader& reader, T&& value, const char* name) {
  if (auto error = reader.error(name)) return tl::unexpected(std::move(*error));
  return std::forward<T>(value);
}

}  // namespace gatehouse::sshd::message
