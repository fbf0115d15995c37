#include "sshd/monitor/login_records.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <lastlog.h>
#include <paths.h>
#include <sys/time.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string_view>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {
namespace {

/// These fields need no NUL when they are full.
template <std::size_t Size>
void put(char (&field)[Size], std::string_view text) {
  std::memcpy(field, text.data(), std::min(Size, text.size()));
}

std::string_view line_of(const LoginLine& login) {
  constexpr std::string_view devices = "/dev/";
  std::string_view line = login.terminal;
  if (line.substr(0, devices.size()) == devices) line.remove_prefix(devices.size());
  return line;
}

utmpx entry_for(const LoginLine& login, short type) {
  utmpx entry{};
  entry.ut_type = type;
  entry.ut_pid = login.pid;
  const std::string_view line = line_of(login);
  put(entry.ut_line, line);
  put(entry.ut_id, line.size() > sizeof entry.ut_id ? line.substr(line.size() - sizeof entry.ut_id) : line);
  timeval now{};
  gettimeofday(&now, nullptr);
  entry.ut_tv.tv_sec = static_cast<decltype(entry.ut_tv.tv_sec)>(now.tv_sec);
  entry.ut_tv.tv_usec = static_cast<decltype(entry.ut_tv.tv_usec)>(now.tv_usec);
  if (type == DEAD_PROCESS) return entry;
  put(entry.ut_user, login.user);
  put(entry.ut_host, login.address);
  in6_addr v6{};
  in_addr v4{};
  if (inet_pton(AF_INET6, login.address.c_str(), &v6) == 1) {
    std::memcpy(entry.ut_addr_v6, &v6, sizeof v6);
  } else if (inet_pton(AF_INET, login.address.c_str(), &v4) == 1) {
    std::memcpy(entry.ut_addr_v6, &v4, sizeof v4);
  }
  return entry;
}

void record(const utmpx& entry) {
  setutxent();
  pututxline(&entry);
  endutxent();
  updwtmpx(_PATH_WTMP, &entry);
}

}  // namespace

void record_login(const LoginLine& line) { record(entry_for(line, USER_PROCESS)); }
void record_logout(const LoginLine& line) { record(entry_for(line, DEAD_PROCESS)); }

std::optional<message::Terminal::LastLogin> exchange_last_login(const LoginLine& line) {
  const UniqueFd file(open(_PATH_LASTLOG, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return std::nullopt;
  const auto place = static_cast<off_t>(line.uid) * static_cast<off_t>(sizeof(lastlog));
  lastlog old{};
  const bool found = pread(file.fd(), &old, sizeof old, place) == static_cast<ssize_t>(sizeof old) && old.ll_time != 0;
  lastlog now{};
  now.ll_time = static_cast<decltype(now.ll_time)>(time(nullptr));
  put(now.ll_line, line_of(line));
  put(now.ll_host, line.address);
  (void)!pwrite(file.fd(), &now, sizeof now, place);
  if (!found) return std::nullopt;
  return message::Terminal::LastLogin{static_cast<std::uint64_t>(old.ll_time),
                                      std::string(old.ll_host, strnlen(old.ll_host, sizeof old.ll_host))};
}

}  // namespace gatehouse::sshd
