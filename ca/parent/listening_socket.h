/// The TCP socket of the front, opened by the parent: a port below 1024 needs its rights.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// @param address  IPv4 or IPv6, no name; "::" serves both  @error Problem
Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port);

}  // namespace gatehouse::ca
