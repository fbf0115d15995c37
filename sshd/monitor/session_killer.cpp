#include "sshd/monitor/session_killer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "sshd/monitor/child_process.h"

namespace gatehouse::sshd {
namespace {

constexpr std::chrono::milliseconds helper_time{500};

struct Relations {
  pid_t parent;
  pid_t group;
};

/// From /proc/PID/stat: "pid (name) state ppid pgrp …"; the name may hold anything, so the last ")" counts.
std::optional<Relations> relations_of(const std::string& pid) {
  const UniqueFd file(open(("/proc/" + pid + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[512];
  const ssize_t count = file ? read(file.fd(), buffer, sizeof buffer) : -1;
  if (count <= 0) return std::nullopt;
  const std::string_view text(buffer, static_cast<std::size_t>(count));
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 > text.size()) return std::nullopt;
  const char* at = text.data() + name_end + 4;  // behind ") S "
  const char* end = text.data() + text.size();
  Relations result{};
  const auto parent = std::from_chars(at, end, result.parent);
  if (parent.ec != std::errc{} || parent.ptr == end) return std::nullopt;
  if (std::from_chars(parent.ptr + 1, end, result.group).ec != std::errc{}) return std::nullopt;
  return result;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

std::vector<pid_t> process_groups_of(pid_t session) {
  std::vector<pid_t> groups;
  const std::unique_ptr<DIR, CloseFolder> processes(opendir("/proc"));
  if (!processes) return groups;
  while (const dirent* entry = readdir(processes.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const auto relations = relations_of(entry->d_name);
    if (!relations || relations->parent != session || relations->group <= 1) continue;
    if (std::find(groups.begin(), groups.end(), relations->group) == groups.end()) groups.push_back(relations->group);
  }
  return groups;
}

void signal_process(const UniqueFd& process, int signal) {
  if (process) syscall(SYS_pidfd_send_signal, process.fd(), signal, nullptr, 0);
}

bool signal_groups(const Account& account, const std::vector<pid_t>& groups, int signal) {
  if (groups.empty()) return true;
  const pid_t helper = fork();
  if (helper == 0) {
    close_all_but({});  // what the monitor holds is nothing for a process with the user's rights
    if (!become(account)) _exit(1);
    forbid_dumps();  // the change of uid may have allowed them again
    for (const pid_t group : groups) {
      if (group > 1) kill(-group, signal);
    }
    _exit(0);
  }
  if (helper < 0) return false;
  const int status = reap_child(helper, exit_descriptor(helper), helper_time);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace gatehouse::sshd
