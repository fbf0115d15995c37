#include "pkcs11/client/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "daemon/log.h"

extern char** environ;

namespace gatehouse::pkcs11 {

namespace {

std::string errno_text(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

std::vector<char*> environment_for_module() {
  constexpr std::array<std::string_view, 7> own{
      "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=", "CREDENTIALS_DIRECTORY="};
  std::vector<char*> kept;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (std::none_of(own.begin(), own.end(), [text](std::string_view name) { return text.starts_with(name); })) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

/// The account's groups: a token is often kept for a group (softhsm, pkcs11) that its users are in.
std::vector<gid_t> groups_of(const Account& account) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) < 0) return {account.gid};
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

/// In the child. Any call is allowed here, since the parent had one thread.
class Child {
 public:
  Child(const SignerLaunch& plan, std::vector<char*>& argv, std::vector<char*>& environment, pid_t parent)
      : plan_(plan), argv_(argv), environment_(environment), parent_(parent) {}

  [[noreturn]] void run() {
    reset_signals();
    if (plan_.daemon) {
      ::setsid();  // Ctrl-C at the parent's terminal is the parent's to pass on
      if (::chdir("/") != 0) give_up(errno_text("chdir"));
    }
    ::umask(077);
    place_descriptors();
    if (plan_.account) {
      if (auto became = become(*plan_.account, groups_of(*plan_.account)); !became) give_up(became.error().line());
    }
    // Asked for last: a change of uid forgets it. A parent that died before is seen by the second line.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (::getppid() != parent_) ::_exit(127);
    ::execve(plan_.program.c_str(), argv_.data(), environment_.data());
    give_up(plan_.program + ": " + std::strerror(errno));
  }

 private:
  [[noreturn]] void give_up(const std::string& why) {
    log::error("cannot start the signer: {}", why);
    ::_exit(127);
  }

  static void reset_signals() {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2}) ::signal(number, SIG_DFL);
  }

  void place_descriptors() {
    std::vector<int> moved;
    std::vector<int> placed;
    for (const int fd : plan_.descriptors) {  // first out of the way of the numbers that they are to have
      moved.push_back(::fcntl(fd, F_DUPFD, 64));
      if (moved.back() < 0) give_up(errno_text("fcntl"));
    }
    const int nowhere = ::open("/dev/null", O_RDWR);
    if (nowhere < 0 || ::dup2(nowhere, STDIN_FILENO) < 0) give_up(errno_text("/dev/null"));
    int lines = STDERR_FILENO;
    if (plan_.daemon) lines = log::descriptor() >= 0 && !log::is_syslog() ? log::descriptor() : nowhere;
    // What a module prints is no output of the command that started it.
    if (::dup2(lines, STDOUT_FILENO) < 0 || ::dup2(lines, STDERR_FILENO) < 0) give_up(errno_text("dup2"));
    for (const int fd : moved) {
      placed.push_back(first_signer_descriptor + static_cast<int>(placed.size()));
      if (::dup2(fd, placed.back()) < 0) give_up(errno_text("dup2"));
    }
    close_all_but(placed);
  }

  const SignerLaunch& plan_;
  std::vector<char*>& argv_;
  std::vector<char*>& environment_;
  pid_t parent_;
};

}  // namespace

Result<pid_t> launch(const SignerLaunch& plan) {
  std::vector<std::string> texts{plan.program};
  texts.insert(texts.end(), plan.arguments.begin(), plan.arguments.end());
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  std::vector<char*> environment = environment_for_module();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return problem(errno_text("fork"));
  if (child == 0) Child(plan, argv, environment, parent).run();
  return child;
}

Result<std::string> signer_program(const std::string& named) {
  if (!named.empty()) return named;
  std::array<char, PATH_MAX> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length <= 0) return problem(errno_text("readlink"), "/proc/self/exe");
  const std::string path(self.data(), static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/')) + "/gatehouse-signer";
}

}  // namespace gatehouse::pkcs11
