/// Ways to break the SSH protocol, each with its rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/core/result.h"

namespace gatehouse {

/// RFC 4253 section 11.1.
enum class DisconnectReason : std::uint32_t {
  host_not_allowed_to_connect = 1,
  protocol_error = 2,
  key_exchange_failed = 3,
  mac_error = 5,
  compression_error = 6,
  service_not_available = 7,
  protocol_version_not_supported = 8,
  host_key_not_verifiable = 9,
  connection_lost = 10,
  by_application = 11,
  too_many_connections = 12,
  auth_cancelled_by_user = 13,
  no_more_auth_methods_available = 14,
  illegal_user_name = 15,
};

/// One enumerator per way a peer can break the protocol.
enum class Violation : std::uint8_t {
  bad_encoding,
  bad_identification,
  unsupported_version,
  bad_packet_length,
  bad_padding,
  mac_mismatch,
  no_common_kex,
  no_common_host_key,
  no_common_cipher,
  no_common_mac,
  no_common_compression,
  unexpected_message,
  strict_kex,
  bad_key_share,
  bad_host_signature,
  host_key_rejected,
  sequence_wrap,
  rekey_overdue,
  service_unavailable,
  too_many_auth_tries,
  bad_user_name,
  window_violation,
  unknown_channel,
  channel_state,
  too_much_output,
  bad_snapshot,
  crypto_failed,
};

/// What the peer may be told, and which sentence of which document was broken.
struct Rule {
  std::string_view section;
  DisconnectReason reason;
  std::string_view text;
};

/// The rule behind a violation; a new Violation must choose its code before it compiles.
Rule rule(Violation violation);

/// A violation and what only our log may say of it (text of the peer in it is escaped).
struct ProtocolError {
  Violation violation;
  std::string detail;
};

/// `return violation(Violation::bad_encoding, "KEXINIT");` in a function that returns a ProtocolResult.
inline tl::unexpected<ProtocolError> violation(Violation kind, std::string detail = {}) {
  return tl::unexpected<ProtocolError>(ProtocolError{kind, std::move(detail)});
}

template <class T>
using ProtocolResult = Result<T, ProtocolError>;

}  // namespace gatehouse
