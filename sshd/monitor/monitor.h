/// One connection's privileged process: it starts the processes that talk to the peer, answers their few requests, and owns the end.
#pragma once

#include <string>

#include "daemon/unique_fd.h"
#include "sshd/monitor/exit_status.h"
#include "sshd/monitor/server_image.h"
#include "sshd/session/environment.h"

namespace gatehouse::sshd {

struct MonitorOptions {
  UniqueFd connection;  ///< to the peer; our identification line is out, nothing was read
  UniqueFd startup;     ///< pipe to the listener: one octet when somebody has logged in; may be none
  Endpoints ends;
  std::string identification;  ///< the line that is out, without CR LF
};

/// Runs the connection to its end, in a process that was forked for it (or is all there is, with -i). Closes every descriptor that is not
/// its own first, and draws nothing random before.
MonitorExit run_monitor(ServerImage& server, MonitorOptions options);

}  // namespace gatehouse::sshd
