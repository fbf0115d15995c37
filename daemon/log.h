/// The text log of a process: stderr, a file, or syslog; one line an event, prefixed with the program and its part.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

namespace gatehouse::log {

enum class Level : int { debug, info, warning, error };

/// Where lines go. Call once at the top of main, before any fork; children inherit it.
struct Settings {
  std::string program;  ///< "gatehouse-sshd"
  std::string file;     ///< empty: stderr
  bool syslog = false;
  Level level = Level::info;
};
void open(const Settings& settings);
/// The part of the program that this process is: "monitor[3fa9]", "signer". Shown in each line.
void set_part(std::string part);
void set_level(Level level);
/// The descriptor that lines go to (stderr, the file, or the socket to syslog), for a child that closes all others; -1: nowhere.
int descriptor();
/// Lines go to syslog: descriptor() is a socket whose datagrams have syslog's form.
bool is_syslog();
/// From now on no connection is made again: for a process whose sandbox knows no socket calls. While syslog is away lines are dropped.
void forbid_reconnect();
/// The caller closes all descriptors but these: when descriptor() is not among them, lines are dropped from now on, and do not go to
/// whatever gets its number next.
void descriptors_closed_but(std::span<const int> kept);

void write(Level level, std::string_view line);
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace gatehouse::log
