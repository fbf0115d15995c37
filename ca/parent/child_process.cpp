#include "ca/parent/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>

#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

constexpr std::chrono::milliseconds first_back_off{100};
constexpr std::chrono::milliseconds longest_back_off{10'000};
constexpr std::chrono::seconds long_enough{30};

/// Ours, without what is meant for the parent, the signer or libldap alone.
std::vector<std::string> environment() {
  constexpr std::string_view left_out[] = {"NOTIFY_SOCKET=", "CREDENTIALS_DIRECTORY=", "LISTEN_", "LDAP", "SOFTHSM2_CONF=", "OPENSSL_"};
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool drop =
        std::any_of(std::begin(left_out), std::end(left_out), [text](std::string_view prefix) { return text.starts_with(prefix); });
    if (!drop) kept.emplace_back(text);
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return std::string("killed by ") + ::strsignal(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<void> ChildProcess::start() { return spawn(); }

Result<void> ChildProcess::spawn() {
  auto start = prepare_();
  if (!start) return tl::unexpected(start.error());
  const UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!program) return problem(std::string("cannot open our own program: ") + std::strerror(errno), name_);
  std::vector<std::string> arguments{"gatehouse-ca"};
  arguments.insert(arguments.end(), start->options.begin(), start->options.end());
  std::vector<std::string> variables = environment();
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  std::vector<int> keep{program.fd()};
  for (const UniqueFd& descriptor : start->descriptors) keep.push_back(descriptor.fd());
  const int log_file = log::is_syslog() ? -1 : log::descriptor();
  const pid_t parent = ::getpid();

  const pid_t child = ::fork();
  if (child < 0) return problem(std::string("fork: ") + std::strerror(errno), name_);
  if (child == 0) {
    if (log_file > STDERR_FILENO) ::dup2(log_file, STDERR_FILENO);  // it may not be allowed to open the file itself
    close_all_but(keep);
    for (const int fd : keep) {
      if (fd != program.fd()) ::fcntl(fd, F_SETFD, 0);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (account_ && !become(*account_)) ::_exit(126);
    forbid_new_privileges();
    // Nobody outlives the parent; the parent may be gone already.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(0);
    ::fexecve(program.fd(), argv.data(), envp.data());
    ::_exit(127);
  }
  pid_ = child;
  started_ = Clock::now();
  return {};
}

bool ChildProcess::has_ended() {
  if (pid_ <= 0) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = -1;
  if (Clock::now() - started_ >= long_enough) back_off_ = {};
  back_off_ = std::clamp(back_off_ * 2, first_back_off, longest_back_off);
  restart_at_ = Clock::now() + back_off_;
  log::error("the {} ended ({})", name_, ending(status));
  return true;
}

ChildProcess::Milliseconds ChildProcess::tick() {
  constexpr Milliseconds never{3'600'000};
  if (!has_ended()) return never;
  const auto left = std::chrono::ceil<Milliseconds>(restart_at_ - Clock::now());
  if (left.count() > 0) return left;
  if (auto done = spawn(); !done) {
    log::error("cannot start the {}: {}", name_, done.error().line());
    back_off_ = std::clamp(back_off_ * 2, first_back_off, longest_back_off);
    restart_at_ = Clock::now() + back_off_;
    return back_off_;
  }
  return never;
}

void ChildProcess::stop(Milliseconds grace) {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto until = Clock::now() + grace;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (Clock::now() >= until) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(Milliseconds(10));
  }
  pid_ = -1;
}

}  // namespace gatehouse::ca
