#include "protocol/core/error.h"

#include <cstdlib>

namespace gatehouse {

Rule rule(Violation kind) {
  using enum DisconnectReason;
  switch (kind) {
    case Violation::bad_encoding:
      return {"RFC 4251 section 5", protocol_error, "malformed message"};
    case Violation::bad_identification:
      return {"RFC 4253 section 4.2", protocol_error, "invalid identification string"};
    case Violation::unsupported_version:
      return {"RFC 4253 section 5.1", protocol_version_not_supported, "protocol version not supported"};
    case Violation::bad_packet_length:
      return {"RFC 4253 section 6.1", protocol_error, "bad packet length"};
    case Violation::bad_padding:
      return {"RFC 4253 section 6", protocol_error, "bad padding"};
    case Violation::mac_mismatch:
      return {"RFC 4253 section 6.4", mac_error, "message authentication failed"};
    case Violation::no_common_kex:
      return {"RFC 4253 section 7.1", key_exchange_failed, "no common key exchange method"};
    case Violation::no_common_host_key:
      return {"RFC 4253 section 7.1", key_exchange_failed, "no common host key algorithm"};
    case Violation::no_common_cipher:
      return {"RFC 4253 section 7.1", key_exchange_failed, "no common cipher"};
    case Violation::no_common_mac:
      return {"RFC 4253 section 7.1", key_exchange_failed, "no common MAC"};
    case Violation::no_common_compression:
      return {"RFC 4253 section 7.1", key_exchange_failed, "no common compression"};
    case Violation::unexpected_message:
      return {"RFC 4253 section 7.1", protocol_error, "message not allowed now"};
    case Violation::strict_kex:
      return {"OpenSSH PROTOCOL section 1.10", protocol_error, "strict key exchange violation"};
    case Violation::bad_key_share:
      return {"RFC 8731 section 3", key_exchange_failed, "invalid key share"};
    case Violation::bad_host_signature:
      return {"RFC 4253 section 8", key_exchange_failed, "key exchange signature failed"};
    case Violation::host_key_rejected:
      return {"RFC 4253 section 8", host_key_not_verifiable, "host key not accepted"};
    case Violation::sequence_wrap:
      return {"RFC 4344 section 3.1", protocol_error, "sequence number wrapped"};
    case Violation::rekey_overdue:
      return {"RFC 4253 section 9", protocol_error, "key exchange overdue"};
    case Violation::service_unavailable:
      return {"RFC 4253 section 10", service_not_available, "service not available"};
    case Violation::too_many_auth_tries:
      return {"RFC 4252 section 4", no_more_auth_methods_available, "Too many authentication failures"};
    case Violation::bad_user_name:
      return {"RFC 4252 section 5", protocol_error, "user or service changed"};
    case Violation::window_violation:
      return {"RFC 4254 section 5.2", protocol_error, "channel window exceeded"};
    case Violation::unknown_channel:
      return {"RFC 4254 section 5", protocol_error, "unknown channel"};
    case Violation::channel_state:
      return {"RFC 4254 section 5.3", protocol_error, "message not allowed on this channel now"};
    case Violation::too_much_output:
      return {"RFC 4253 section 6.1", protocol_error, "peer does not read"};
    case Violation::bad_snapshot:
      return {"docs/architecture.md, the hand-over", by_application, "internal error"};
    case Violation::crypto_failed:
      return {"RFC 4253 section 7", by_application, "internal error"};
  }
  std::abort();
}

}  // namespace gatehouse
