#include "sshd/monitor/terminals.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace gatehouse::sshd {
namespace {

/// The user's, and writable for group tty where there is one, so that write(1) works as on other terminals.
Result<void> give_to(const Account& account, int slave, const std::string& path) {
  const group* tty = getgrnam("tty");
  const gid_t owner_group = tty == nullptr ? account.gid : tty->gr_gid;
  if (fchown(slave, account.uid, owner_group) != 0) return problem(fmt::format("chown: {}", std::strerror(errno)), path);
  if (fchmod(slave, tty == nullptr ? 0600 : 0620) != 0) return problem(fmt::format("chmod: {}", std::strerror(errno)), path);
  return {};
}

}  // namespace

Result<Terminals::Opened> Terminals::open(std::uint32_t channel) {
  if (terminals_.count(channel) != 0) return problem("the channel has a terminal");
  int master = -1;
  int slave = -1;
  char path[PATH_MAX] = {};
  if (openpty(&master, &slave, path, nullptr, nullptr) != 0) return problem(fmt::format("openpty: {}", std::strerror(errno)));
  Opened opened{UniqueFd(master), UniqueFd(slave), {}};
  opened.facts.path = path;
  for (const int fd : {master, slave}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  Terminal kept{UniqueFd(fcntl(master, F_DUPFD_CLOEXEC, 3)), {path, account_.name, account_.uid, session_, peer_address_}};
  if (!kept.master) return problem(fmt::format("dup: {}", std::strerror(errno)));
  if (privileged_) {
    if (auto given = give_to(account_, slave, path); !given) return tl::unexpected(std::move(given.error()));
    opened.facts.last_login = exchange_last_login(kept.line);
    record_login(kept.line);
  }
  terminals_.emplace(channel, std::move(kept));
  return opened;
}

void Terminals::close(std::uint32_t channel) {
  const auto known = terminals_.find(channel);
  if (known == terminals_.end()) return;
  if (privileged_) record_logout(known->second.line);
  terminals_.erase(known);
}

void Terminals::close_all() {
  while (!terminals_.empty()) close(terminals_.begin()->first);
}

}  // namespace gatehouse::sshd
