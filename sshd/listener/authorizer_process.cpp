#include "sshd/listener/authorizer_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "daemon/log.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds setup_time{10000};
constexpr milliseconds shortest_back_off{100};
constexpr milliseconds longest_back_off{30000};
constexpr milliseconds calm{60000};  // a process that lived this long starts over with the shortest pause
constexpr int control_fd = 3;
constexpr int listen_fd = 4;

/// The authorizer needs nothing of our environment: the time zone, and what a sanitizer reads.
std::vector<std::string> environment() {
  std::vector<std::string> kept;
  for (const char* name : {"TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) kept.push_back(fmt::format("{}={}", name, value));
  }
  return kept;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<AuthorizerProcess> AuthorizerProcess::start(AuthorizerSettings settings, ByteVector configuration, authorizer::Setup setup) {
  AuthorizerProcess process(std::move(settings));
  process.configuration_ = std::move(configuration);
  process.setup_ = std::move(setup);
  auto listening = listen_unix(process.settings_.socket_path, 0600);
  if (!listening) return tl::unexpected(std::move(listening.error()));
  process.listener_ = std::move(*listening);
  if (auto spawned = process.spawn(); !spawned) return tl::unexpected(std::move(spawned.error()));
  return process;
}

AuthorizerProcess AuthorizerProcess::adopt(AuthorizerSettings settings, ByteVector configuration, authorizer::Setup setup,
                                           Carried carried) {
  AuthorizerProcess process(std::move(settings));
  process.configuration_ = std::move(configuration);
  process.setup_ = std::move(setup);
  process.listener_.reset(carried.listener);
  process.pid_ = carried.control < 0 ? -1 : carried.pid;
  if (carried.control >= 0) process.control_.emplace(FrameSocket(UniqueFd(carried.control)));
  process.started_ = Clock::now();
  return process;
}

Result<void> AuthorizerProcess::spawn() {
  auto control = FrameSocket::pair();
  if (!control) return tl::unexpected(std::move(control.error()));
  const pid_t child = fork();
  if (child < 0) return problem(fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) execute(control->second.fd());
  control->second.close();
  pid_ = child;
  started_ = Clock::now();
  control_.emplace(std::move(control->first));
  return set_up();
}

void AuthorizerProcess::execute(int control) const {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Out of each other's way first, then to their places, without FD_CLOEXEC.
  const int high_control = fcntl(control, F_DUPFD, 100);
  const int high_listener = fcntl(listener_.fd(), F_DUPFD, 100);
  if (dup2(high_control, control_fd) < 0 || dup2(high_listener, listen_fd) < 0) _exit(127);
  close_range(listen_fd + 1, ~0U, 0);
  std::vector<std::string> arguments = {
      settings_.program,         "--authorizer", "--control-fd",           std::to_string(control_fd), "--listen-fd",
      std::to_string(listen_fd), "--peer-uid",   std::to_string(geteuid())};
  if (settings_.account) arguments.insert(arguments.end(), {"--account", *settings_.account});
  arguments.insert(arguments.end(), settings_.log_options.begin(), settings_.log_options.end());
  std::vector<std::string> variables = environment();
  // The very image that runs now, also when the file has been replaced since: both ends then speak the same version.
  execve("/proc/self/exe", pointers_to(arguments).data(), pointers_to(variables).data());
  _exit(127);
}

Result<void> AuthorizerProcess::set_up() {
  auto ready = control_->setup(configuration_, setup_, setup_time);
  if (!ready) {
    kill(pid_, SIGKILL);  // one that does not know what holds is of no use; it is started anew
    return problem(fmt::format("the authorizer does not start: {}", ready.error().line()));
  }
  for (const std::string& trouble : ready->problems) log::error("no logins until this is mended: {}", trouble);
  return {};
}

void AuthorizerProcess::change(ByteVector configuration, authorizer::Setup setup) {
  configuration_ = std::move(configuration);
  setup_ = std::move(setup);
  if (pid_ < 0) return;
  if (auto done = set_up(); !done) log::error("{}", done.error().line());
}

bool AuthorizerProcess::exited(pid_t pid, int status) {
  if (pid != pid_) return false;
  pid_ = -1;
  control_.reset();
  back_off_ = Clock::now() - started_ > calm ? shortest_back_off : std::clamp(back_off_ * 2, shortest_back_off, longest_back_off);
  restart_at_ = Clock::now() + back_off_;
  log::error("the authorizer ended ({} {}); it is started again in {} ms", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), back_off_.count());
  return true;
}

AuthorizerProcess::Milliseconds AuthorizerProcess::tick() {
  if (pid_ >= 0) return longest_back_off;
  const auto now = Clock::now();
  if (now < restart_at_) return std::chrono::ceil<milliseconds>(restart_at_ - now);
  if (auto spawned = spawn(); !spawned) {
    log::error("{}", spawned.error().line());
    if (pid_ < 0) restart_at_ = now + longest_back_off;
  }
  return longest_back_off;
}

void AuthorizerProcess::stop() {
  control_.reset();
  listener_.reset();
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace gatehouse::sshd
