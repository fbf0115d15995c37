#include "daemon/log.h"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

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
  Level level = Level::info;
};

State& state() {
  static State instance;
  return instance;
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

}  // namespace

void open(const Settings& settings) {
  State& s = state();
  s.program = settings.program;
  s.level = settings.level;
  s.syslog = settings.syslog;
  if (s.syslog) {
    ::openlog(s.program.c_str(), LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);
    s.fd = -1;
  } else if (!settings.file.empty()) {
    const int fd = ::open(settings.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
      const int reason = errno;
      s.fd = STDERR_FILENO;
      error("{}: cannot open the log file: {}; logging to stderr", settings.file, std::strerror(reason));
    } else {
      s.fd = fd;
    }
  }
}

void set_part(std::string part) { state().part = std::move(part); }
void set_level(Level level) { state().level = level; }
int descriptor() { return state().fd; }

void write(Level level, std::string_view line) {
  const State& s = state();
  if (level < s.level) return;
  if (s.syslog) {
    ::syslog(priority(level), "%s%s%.*s", s.part.c_str(), s.part.empty() ? "" : ": ", static_cast<int>(line.size()), line.data());
    return;
  }
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
