/// Ending what a session started.
#pragma once

#include <sys/types.h>

#include <vector>

#include "daemon/account.h"
#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

/// The process groups of the children of `session`: one for each program that runs on a channel. Read from /proc.
std::vector<pid_t> process_groups_of(pid_t session);

/// To the one process behind the descriptor (pidfd), which cannot be mistaken for another: with our own rights, so that nobody is in the
/// way.
void signal_process(const UniqueFd& process, int signal);

/// Sends `signal` to the groups with the rights of the user: a number that has meanwhile become somebody else's is then out of reach. The
/// user can stop or kill the process that does it, so it gets a moment, and no more. @return whether it went through
bool signal_groups(const Account& account, const std::vector<pid_t>& groups, int signal);

}  // namespace gatehouse::sshd
