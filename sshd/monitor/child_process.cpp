#include "sshd/monitor/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "daemon/account.h"
#include "protocol/core/fork_safety.h"

namespace gatehouse::sshd {

namespace {

constexpr std::chrono::milliseconds time_to_die{2000};

/// @return whether the process is gone in time; never so without a descriptor to tell
bool wait_for_exit(const UniqueFd& exited, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd entry{exited.fd(), POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return false;
  }
}

}  // namespace

void start_child(const char* name, std::span<const int> keep) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
#ifdef GATEHOUSE_SANITIZER_BUILD
  const int last = STDOUT_FILENO;  // a sanitizer reports on standard error
#else
  const int last = STDERR_FILENO;
#endif
  for (int stream = STDIN_FILENO; null >= 0 && stream <= last; ++stream) dup2(null, stream);
  close_all_but(keep);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGQUIT, SIGUSR1, SIGUSR2}) signal(number, SIG_DFL);
  reseed_after_fork();
  forbid_dumps();
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

UniqueFd exit_descriptor(pid_t child) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child, 0))); }

int reap_child(pid_t child, const UniqueFd& exited, std::chrono::milliseconds patience) {
  if (!wait_for_exit(exited, patience)) kill(child, SIGKILL);
  const bool may_hang = exited && !wait_for_exit(exited, time_to_die);
  int status = 0;
  while (true) {
    const pid_t reaped = waitpid(child, &status, may_hang ? WNOHANG : 0);
    if (reaped == child) return status;
    if (reaped < 0 && errno == EINTR) continue;
    return W_EXITCODE(unknown_exit, 0);
  }
}

bool crashed(int wait_status) {
  if (!WIFSIGNALED(wait_status)) return false;
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGSYS, SIGTRAP}) {
    if (WTERMSIG(wait_status) == number) return true;
  }
  return false;
}

}  // namespace gatehouse::sshd
