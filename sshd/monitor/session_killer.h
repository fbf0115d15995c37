/// Ending what a session started.
#pragma once

#include <sys/types.h>

#include <vector>

#include "daemon/account.h"

namespace gatehouse::sshd {

/// The process groups of the children of `session`: one for each program that runs on a channel. Read from /proc.
std::vector<pid_t> process_groups_of(pid_t session);

/// Sends `signal` to the groups and to the session process (-1: it is gone), with the rights of the user: a process id that has meanwhile
/// become somebody else's is then out of reach.
void signal_session(const Account& account, pid_t session, const std::vector<pid_t>& groups, int signal);

}  // namespace gatehouse::sshd
