/// The sockets the server listens on.
#pragma once

#include <string>
#include <vector>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

struct ListenSocket {
  UniqueFd socket;
  std::string where;  ///< "0.0.0.0 port 22"
};

/// One for each address that a ListenAddress stands for, bound and listening, non-blocking. An address family that this host has not is
/// left out; that nothing at all can be bound is an error. @error Problem with address, port and mend
Result<std::vector<ListenSocket>> open_listen_sockets(const Settings& settings);

/// How many descriptors from 3 on a service manager passed to this very process.
int inherited_socket_count();

/// Sockets that a service manager opened for us (LISTEN_FDS): descriptors from 3 on. Empty without any. The variables are removed.
std::vector<ListenSocket> inherited_listen_sockets();

}  // namespace gatehouse::sshd
