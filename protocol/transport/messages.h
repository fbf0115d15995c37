/// The small messages of the transport (RFC 4253 section 11; OpenSSH PROTOCOL section 1.9), read and written.
#pragma once

#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/core/numbers.h"

namespace gatehouse::transport {

struct Disconnect {
  std::uint32_t reason = 0;
  std::string text;  ///< as sent
  bool operator==(const Disconnect&) const = default;
};
/// @error bad_encoding
ProtocolResult<Disconnect> parse_disconnect(Bytes payload);
/// @param text  cut after 1024 octets
ByteVector write_disconnect(DisconnectReason reason, std::string_view text);

ByteVector write_ignore(Bytes data);
ByteVector write_unimplemented(std::uint32_t sequence_number);

/// The data of a PING. @error bad_encoding
ProtocolResult<Bytes> parse_ping(Bytes payload);
ByteVector write_ping(Bytes data);
ByteVector write_pong(Bytes data);

/// The number of a message, from the payload's first octet.
inline Message message_of(Bytes payload) { return static_cast<Message>(payload.front()); }

}  // namespace gatehouse::transport
