/// The address of one directory server.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/core/result.h"

namespace gatehouse::ca {

struct ServerUrl {
  std::string text;  ///< scheme, host and port only: what libldap verifies the certificate's name against
  std::string host;
  std::uint16_t port = 0;
  bool tls_at_once = false;  ///< ldaps
  bool loopback = false;     ///< 127.0.0.0/8, ::1 or the name localhost
};

/// @error other schemes, no host, or more than scheme, host and port (a base, attributes, a filter)
Result<ServerUrl> parse_server_url(const std::string& url);

}  // namespace gatehouse::ca
