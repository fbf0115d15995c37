/// A TCP connection with a time limit over all addresses of a host.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// Tries each address of the host in the resolver's order. The socket is close-on-exec and blocking, with keep-alive and TCP_USER_TIMEOUT.
/// The resolver itself has the limits of resolv.conf. @error Problem with the last address tried
Result<UniqueFd> tcp_connect(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout);

}  // namespace gatehouse::ca
