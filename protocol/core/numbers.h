/// Message numbers of RFC 4250 section 4.1 and of the extensions in use, spelled once.
#pragma once

#include <cstdint>

namespace gatehouse {

enum class Message : std::uint8_t {
  disconnect = 1,
  ignore = 2,
  unimplemented = 3,
  debug = 4,
  service_request = 5,
  service_accept = 6,
  ext_info = 7,  // RFC 8308
  newcompress = 8,
  kexinit = 20,
  newkeys = 21,
  kex_ecdh_init = 30,  // RFC 5656 section 4
  kex_ecdh_reply = 31,
  userauth_request = 50,
  userauth_failure = 51,
  userauth_success = 52,
  userauth_banner = 53,
  userauth_pk_ok = 60,  // RFC 4252 section 7
  global_request = 80,
  request_success = 81,
  request_failure = 82,
  channel_open = 90,
  channel_open_confirmation = 91,
  channel_open_failure = 92,
  channel_window_adjust = 93,
  channel_data = 94,
  channel_extended_data = 95,
  channel_eof = 96,
  channel_close = 97,
  channel_request = 98,
  channel_success = 99,
  channel_failure = 100,
  ping = 192,  // OpenSSH PROTOCOL section 1.9
  pong = 193,
};

}  // namespace gatehouse
