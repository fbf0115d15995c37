#include "daemon/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>

// A line is one write(2) on a descriptor that all processes of a program share, so spdlog's buffers, threads and locks would only be
// state to carry over each fork.
namespace gatehouse::log {

namespace {

struct State {
  std::string program = "gatehouse";
  std::string part;
  int fd = STDERR_FILENO;
  bool syslog = false;
  bool may_reconnect = true;
  Level level = Level::info;
};

State& state() {
  static State instance;
  return instance;
}

constexpr const char* syslog_path = "/dev/log";

bool connect_to_syslog(int fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, syslog_path);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

const char* name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "?";
}

int priority(Level level) {
  switch (level) {
    case Level::debug:
      return LOG_DEBUG;
    case Level::info:
      return LOG_INFO;
    case Level::warning:
      return LOG_WARNING;
    case Level::error:
      return LOG_ERR;
  }
  return LOG_ERR;
}

/// RFC 3164's form, as the local socket of every syslog daemon and of journald takes it: <priority>program part[pid]: text.
void send_to_syslog(Level level, std::string_view line) {
  const State& s = state();
  std::string text =
      fmt::format("<{}>{}[{}]: {}{}", LOG_AUTHPRIV | priority(level), s.program, ::getpid(), s.part, s.part.empty() ? "" : ": ");
  for (const char c : line) text += c == '\n' || c == '\r' ? ' ' : c;
  if (::send(s.fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || !s.may_reconnect) return;
  // A syslog daemon that was restarted has a new socket; a full one loses the line rather than to hold us up.
  if (errno != EAGAIN && connect_to_syslog(s.fd)) (void)!::send(s.fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

void open(const Settings& settings) {
  State& s = state();
  s.program = settings.program;
  s.level = settings.level;
  s.syslog = false;
  s.fd = STDERR_FILENO;
  if (settings.syslog) {
    // Not syslog(3): it keeps a hidden descriptor, and opens it anew wherever it likes, also in a child that closed it or may open none.
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect_to_syslog(fd)) {
      s.fd = fd;
      s.syslog = true;
    } else {
      const int reason = errno;
      if (fd >= 0) ::close(fd);
      error("{}: cannot reach syslog: {}; logging to stderr", syslog_path, std::strerror(reason));
    }
  } else if (!settings.file.empty()) {
    const int fd = ::open(settings.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0) {
      s.fd = fd;
    } else {
      error("{}: cannot open the log file: {}; logging to stderr", settings.file, std::strerror(errno));
    }
  }
}

void set_part(std::string part) { state().part = std::move(part); }
void set_level(Level level) { state().level = level; }
int descriptor() { return state().fd; }
bool is_syslog() { return state().syslog; }
void forbid_reconnect() { state().may_reconnect = false; }

void descriptors_closed_but(std::span<const int> kept) {
  State& s = state();
  if (s.fd > STDERR_FILENO && std::find(kept.begin(), kept.end(), s.fd) == kept.end()) s.fd = -1;
}

void write(Level level, std::string_view line) {
  const State& s = state();
  if (level < s.level) return;
  if (s.fd < 0) return;
  if (s.syslog) return send_to_syslog(level, line);
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {}{}{}[{}] {}: ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                  utc.tm_hour, utc.tm_min, utc.tm_sec, millis, s.program, s.part.empty() ? "" : " ", s.part, ::getpid(), name(level));
  // One event is one line, whatever is in it; what a peer chose was escaped by whoever put it there.
  for (const char c : line) text += c == '\n' || c == '\r' ? ' ' : c;
  text += '\n';
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t count = ::write(s.fd, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // nowhere left to say so
    left.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace gatehouse::log
