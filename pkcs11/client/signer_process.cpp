#include "pkcs11/client/signer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "daemon/frame_socket.h"
#include "daemon/log.h"
#include "daemon/pin_source.h"
#include "pkcs11/client/launch.h"
#include "pkcs11/client/uri.h"

namespace gatehouse::pkcs11 {

namespace {

using Milliseconds = SignerProcess::Milliseconds;

// Descriptors as the signer sees them, in the order in which spawn() hands them over.
constexpr int child_listener = first_signer_descriptor;
constexpr int child_pin = first_signer_descriptor + 1;
constexpr int child_ready = first_signer_descriptor + 2;
constexpr int child_memory = first_signer_descriptor + 3;

// A signer that lived for as long as this is started again at once.
constexpr Milliseconds long_enough{2000};
constexpr Milliseconds first_back_off{100};
constexpr Milliseconds longest_back_off{10000};
constexpr Milliseconds pin_source_interval{2000};

std::string errno_text(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

uid_t reader_of(const SignerSettings& settings) { return settings.account ? settings.account->uid : ::geteuid(); }

/// The one given, else that of a URI.
Result<std::string> pin_source_of(const SignerSettings& settings) {
  if (!settings.pin_source.empty()) return settings.pin_source;
  for (const std::string& text : settings.keys) {
    const auto uri = Uri::parse(text, UriNames::key);
    if (uri && uri->pin_source) return *uri->pin_source;
  }
  return problem("no PIN source is configured", {}, "name a file that holds the PIN");
}

Result<void> check_uris(const SignerSettings& settings) {
  if (settings.keys.empty()) return problem("no key is configured", {}, "name one by a URI pkcs11:token=…;object=…");
  std::optional<Uri> first;
  for (const std::string& text : settings.keys) {
    auto uri = Uri::parse(text, UriNames::key);
    if (!uri) return tl::unexpected(uri.error());
    if (uri->module_path && *uri->module_path != settings.module) {
      return problem("module-path is not the configured module " + settings.module, "URI '" + escaped(text) + "'");
    }
    if (!first) {
      first = std::move(*uri);
    } else if ((first->token && uri->token && *first->token != *uri->token) ||
               (first->serial && uri->serial && *first->serial != *uri->serial)) {
      return problem("names another token than '" + escaped(first->text) + "'", "URI '" + escaped(text) + "'",
                     "keys of one signer are in one token");
    }
  }
  return {};
}

std::vector<std::string> arguments(const SignerSettings& settings) {
  std::vector<std::string> list{"--purpose", std::string(purpose_name(settings.purpose)), "--module", settings.module};
  const auto add = [&list](const char* option, std::string value) {
    list.emplace_back(option);
    list.push_back(std::move(value));
  };
  add("--listen-fd", std::to_string(child_listener));
  add("--pin-fd", std::to_string(child_pin));
  add("--ready-fd", std::to_string(child_ready));
  add("--memory-fd", std::to_string(child_memory));
  for (const std::string& uri : settings.keys) add("--key", uri);
  for (const uid_t uid : settings.peer_uids) add("--peer-uid", std::to_string(uid));
  if (!settings.limits_file.empty()) add("--limits", settings.limits_file);
  if (!settings.signed_log_file.empty()) add("--signed-log", settings.signed_log_file);
  add("--sign-limit-ms", std::to_string(settings.sign_limit.count()));
  if (log::is_syslog()) list.emplace_back("--syslog");
  return list;
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<void> check(const SignerSettings& settings) {
  if (!settings.module.starts_with('/')) return problem("the PKCS#11 module is no absolute path", settings.module);
  struct stat about {};
  if (::stat(settings.module.c_str(), &about) != 0) {
    return problem(std::string("cannot find the PKCS#11 module: ") + std::strerror(errno), settings.module);
  }
  if (!S_ISREG(about.st_mode)) return problem("the PKCS#11 module is no file", settings.module);
  if (auto uris = check_uris(settings); !uris) return uris;
  const auto source = pin_source_of(settings);
  if (!source) return tl::unexpected(source.error());
  if (auto pin = open_pin_source(*source, reader_of(settings)); !pin) return tl::unexpected(pin.error());
  if (settings.purpose == Purpose::ca && ::stat(settings.limits_file.c_str(), &about) != 0) {
    return problem(std::string("cannot find the signer's limits file: ") + std::strerror(errno), settings.limits_file);
  }
  const auto program = signer_program(settings.program);
  if (!program) return tl::unexpected(program.error());
  if (::access(program->c_str(), X_OK) != 0) return problem(std::string("cannot execute: ") + std::strerror(errno), *program);
  return {};
}

Result<SignerProcess> SignerProcess::start(SignerSettings settings) {
  if (auto checked = check(settings); !checked) return tl::unexpected(checked.error());
  SignerProcess process(std::move(settings));
  const SignerSettings& use = process.settings_;
  auto listener = listen_unix(use.socket_path, use.socket_mode);
  if (!listener) return tl::unexpected(listener.error());
  process.listener_ = std::move(*listener);
  process.remember_socket();
  if (use.socket_owner && ::geteuid() == 0 && ::lchown(use.socket_path.c_str(), *use.socket_owner, static_cast<gid_t>(-1)) != 0) {
    return problem(errno_text("chown"), use.socket_path);
  }
  process.memory_ = UniqueFd(::memfd_create("gatehouse-signer", MFD_CLOEXEC));
  if (!process.memory_) return problem(errno_text("memfd_create"));
  if (auto spawned = process.spawn(); !spawned) return tl::unexpected(spawned.error());
  return process;
}

Result<SignerProcess> SignerProcess::adopt(SignerSettings settings, Carried carried) {
  if (auto checked = check(settings); !checked) return tl::unexpected(checked.error());
  SignerProcess process(std::move(settings));
  process.listener_ = UniqueFd(carried.listener);
  process.memory_ = UniqueFd(carried.memory);
  for (const int fd : {carried.listener, carried.memory}) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return problem(errno_text("carried descriptor"));
  }
  process.remember_socket();
  process.pid_ = carried.pid;
  process.ready_seen_ = carried.pid > 0;
  process.started_ = Clock::now();
  return process;
}

Result<void> SignerProcess::spawn() {
  const auto source = pin_source_of(settings_);
  if (!source) return tl::unexpected(source.error());
  auto pin = open_pin_source(*source, reader_of(settings_));
  if (!pin) return tl::unexpected(pin.error());
  struct stat about {};
  if (::fstat(pin->fd(), &about) != 0) return problem(errno_text("fstat"), *source);
  const auto program = signer_program(settings_.program);
  if (!program) return tl::unexpected(program.error());

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return problem(errno_text("pipe"));
  ready_ = UniqueFd(ends[0]);
  ready_seen_ = false;
  const UniqueFd ready_in_child(ends[1]);

  const auto child =
      launch({*program, arguments(settings_), {listener_.fd(), pin->fd(), ready_in_child.fd(), memory_.fd()}, settings_.account, true});
  if (!child) return tl::unexpected(child.error());
  pid_ = *child;
  started_ = Clock::now();
  pin_looked_at_ = started_;
  pin_device_ = about.st_dev;
  pin_inode_ = about.st_ino;
  replacing_ = false;
  return {};
}

bool SignerProcess::wait_ready(Milliseconds timeout) {
  const auto until = Clock::now() + timeout;
  while (!ready_seen_ && ready_) {
    const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now()).count();
    pollfd entry{ready_.fd(), POLLIN, 0};
    const int count = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    char octet = 0;
    if (::read(ready_.fd(), &octet, 1) != 1) {
      ready_.reset();  // it ended before it listened
      return false;
    }
    ready_seen_ = true;
  }
  return ready_seen_;
}

void SignerProcess::ended(int status) {
  const auto lived = std::chrono::duration_cast<Milliseconds>(Clock::now() - started_);
  pid_ = -1;
  ready_.reset();
  if (replacing_ || lived >= long_enough) {
    back_off_ = Milliseconds{0};
  } else {
    back_off_ = std::clamp(back_off_ * 2, first_back_off, longest_back_off);
  }
  restart_at_ = Clock::now() + back_off_;
  log::warning("the signer ended with {} after {} ms; it is started again in {} ms", describe(status), lived.count(), back_off_.count());
}

bool SignerProcess::exited(pid_t pid, int status) {
  if (pid <= 0 || pid != pid_) return false;
  ended(status);
  return true;
}

void SignerProcess::look_at_pin_source() {
  pin_looked_at_ = Clock::now();
  const auto source = pin_source_of(settings_);
  if (!source) return;
  auto pin = open_pin_source(*source, reader_of(settings_));
  struct stat about {};
  if (!pin || ::fstat(pin->fd(), &about) != 0) return;  // being replaced just now, or wrong: the running signer keeps what it has
  if (pin_inode_ == 0 && pin_device_ == 0) {            // an adopted process: what it was given is not known
    pin_device_ = about.st_dev;
    pin_inode_ = about.st_ino;
  }
  if (about.st_dev == pin_device_ && about.st_ino == pin_inode_) return;
  log::info("the PIN source was replaced; the signer is started again with the new one");
  replacing_ = true;
  ::kill(pid_, SIGHUP);
}

Milliseconds SignerProcess::tick() {
  if (pid_ > 0) {
    int status = 0;
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    // ECHILD: somebody else has reaped it and did not tell.
    if (reaped == pid_ || (reaped < 0 && errno == ECHILD)) ended(status);
  }
  if (pid_ <= 0 && Clock::now() >= restart_at_) {
    if (auto spawned = spawn(); spawned) {
      ++restarts_;
    } else {
      back_off_ = std::clamp(back_off_ * 2, first_back_off, longest_back_off);
      restart_at_ = Clock::now() + back_off_;
      log::error("cannot start the signer: {}", spawned.error().line());
    }
  }
  if (pid_ <= 0) return std::max(std::chrono::ceil<Milliseconds>(restart_at_ - Clock::now()), Milliseconds{0});
  if (!replacing_ && Clock::now() >= pin_looked_at_ + pin_source_interval) look_at_pin_source();
  return pin_source_interval;
}

void SignerProcess::remember_socket() {
  struct stat about {};
  if (::lstat(settings_.socket_path.c_str(), &about) != 0) return;
  socket_device_ = about.st_dev;
  socket_inode_ = about.st_ino;
}

Result<void> SignerProcess::move_socket(const std::string& path) {
  if (::rename(settings_.socket_path.c_str(), path.c_str()) != 0) return problem(errno_text("rename"), path);
  settings_.socket_path = path;
  return {};
}

void SignerProcess::remove_socket() {
  struct stat about {};
  const bool ours =
      listener_ && ::lstat(settings_.socket_path.c_str(), &about) == 0 && about.st_dev == socket_device_ && about.st_ino == socket_inode_;
  if (ours) ::unlink(settings_.socket_path.c_str());
  listener_.reset();
}

void SignerProcess::release() {
  remove_socket();
  if (pid_ > 0) ::kill(pid_, SIGTERM);
  pid_ = -1;
}

void SignerProcess::stop(Milliseconds grace) {
  remove_socket();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);
  const auto until = Clock::now() + grace;
  int status = 0;
  while (true) {
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped == pid_ || (reaped < 0 && errno == ECHILD)) break;
    if (Clock::now() >= until) {
      ::kill(pid_, SIGKILL);
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    ::poll(nullptr, 0, 5);
  }
  pid_ = -1;
}

}  // namespace gatehouse::pkcs11
