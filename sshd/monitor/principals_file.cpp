#include "sshd/monitor/principals_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "daemon/log.h"
#include "daemon/unique_fd.h"
#include "sshd/authorizer/messages.h"
#include "sshd/monitor/child_process.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds time_to_exit{1000};

bool safe(const struct stat& about, uid_t owner) { return (about.st_uid == 0 || about.st_uid == owner) && (about.st_mode & 022) == 0; }

/// StrictModes, on the file that is already open and the folders that lead to it.
bool path_is_safe(int file, std::string path, const Account& reader) {
  struct stat about {};
  if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || !safe(about, reader.uid)) return false;
  char real[PATH_MAX];
  if (realpath(path.c_str(), real) == nullptr) return false;
  path = real;
  char real_home[PATH_MAX];
  const std::string home = realpath(reader.home.c_str(), real_home) == nullptr ? std::string() : std::string(real_home);
  while (path.size() > 1) {
    const std::size_t slash = path.rfind('/');
    path.resize(slash == 0 || slash == std::string::npos ? 1 : slash);
    if (stat(path.c_str(), &about) != 0 || !safe(about, reader.uid)) return false;
    if (path == home) return true;
  }
  return true;
}

/// In the child: the exit status is 0 when all of the file went into the pipe.
[[noreturn]] void copy_file(int pipe, const std::string& path, const Account& reader, bool strict_modes) {
  const int keep[] = {pipe};
  close_all_but(keep);  // what the monitor holds is nothing for a process with the user's rights
  if (!become(reader)) _exit(2);
  forbid_dumps();  // the change of uid may have allowed them again
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) _exit(errno == ENOENT ? 1 : 2);
  if (strict_modes && !path_is_safe(file.fd(), path, reader)) _exit(3);
  char buffer[4096];
  while (true) {
    const ssize_t count = read(file.fd(), buffer, sizeof buffer);
    if (count == 0) _exit(0);
    if (count < 0 || write(pipe, buffer, static_cast<std::size_t>(count)) != count) _exit(2);
  }
}

/// @return whether the end came in time and within the bound
bool drain(int pipe, ByteVector& content, Clock::time_point latest) {
  std::uint8_t buffer[4096];
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
    pollfd entry{pipe, POLLIN, 0};
    const int ready = left > 0 ? poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60000))) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t count = read(pipe, buffer, sizeof buffer);
    if (count == 0) return true;
    if (count < 0) return false;
    content.insert(content.end(), buffer, buffer + count);
    if (content.size() > authorizer::max_principals_file) return false;
  }
}

}  // namespace

std::string expand_principals_path(const std::string& pattern, const Account& account) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'u':
        path += account.name;
        break;
      case 'h':
        path += account.home;
        break;
      case 'U':
        path += std::to_string(account.uid);
        break;
      default:
        path += pattern[i];
    }
  }
  return path.empty() || path.front() == '/' ? path : account.home + "/" + path;
}

std::optional<ByteVector> read_principals_file(const std::string& path, const Account& reader, bool strict_modes,
                                               Clock::time_point latest) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) copy_file(writing.fd(), path, reader, strict_modes);
  writing.reset();
  ByteVector content;
  const bool whole = drain(reading.fd(), content, latest);
  // Killed when it has not closed its end by itself; one that hangs in the kernel even so is left behind.
  const int status = reap_child(child, exit_descriptor(child), whole ? time_to_exit : std::chrono::milliseconds{0});
  if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0) return content;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
    log::debug("{}: no such principals file", path);
  } else {
    log::warning("{}: the principals file cannot be used{}", path,
                 WIFEXITED(status) && WEXITSTATUS(status) == 3 ? ": StrictModes (it, or a folder above it, may be written by others)" : "");
  }
  return std::nullopt;
}

}  // namespace gatehouse::sshd
