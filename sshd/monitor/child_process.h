/// What every forked child of a monitor does first.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <span>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

/// In the child: standard streams become /dev/null, every descriptor but `keep` is closed, the random generators are reseeded, dumps are
/// forbidden, signals are as at start. Then it is called `name` in ps.
void start_child(const char* name, std::span<const int> keep);

inline constexpr int unknown_exit = 255;

/// A descriptor that becomes readable when the child has exited (pidfd_open).
UniqueFd exit_descriptor(pid_t child);

/// Waits for the child; past the deadline it is killed, and left behind if it does not go even so (it hangs in the kernel).
/// @return its wait status; that of an exit with `unknown_exit` when it is left behind, or when somebody else has reaped it
int reap_child(pid_t child, const UniqueFd& exited, std::chrono::milliseconds patience);

/// SEGV, BUS, ILL, ABRT, FPE, SYS, TRAP: not ended, but broken.
bool crashed(int wait_status);

}  // namespace gatehouse::sshd
