#include "daemon/account.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "daemon/log.h"

namespace gatehouse {

namespace {

std::string errno_text(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

Account from(const passwd& entry) {
  return {entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir == nullptr ? "" : entry.pw_dir,
          entry.pw_shell == nullptr ? "" : entry.pw_shell};
}

}  // namespace

Result<Account> find_account(const std::string& name) {
  errno = 0;
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) {
    return problem("no account '" + name + "'" + (errno != 0 ? std::string(": ") + std::strerror(errno) : ""), {},
                   "adduser --system --group --no-create-home " + name);
  }
  return from(*entry);
}

Result<Account> own_account() {
  const passwd* entry = ::getpwuid(::geteuid());
  if (entry == nullptr) return problem("no account has uid " + std::to_string(::geteuid()));
  return from(*entry);
}

Result<void> become(const Account& account, std::span<const gid_t> supplementary) {
  if (::geteuid() != 0) {
    if (account.uid == ::geteuid()) return {};
    return problem("only root can become '" + account.name + "'");
  }
  const gid_t own[] = {account.gid};
  const std::span<const gid_t> groups = supplementary.empty() ? std::span<const gid_t>(own) : supplementary;
  if (::setgroups(groups.size(), groups.data()) != 0) return problem(errno_text("setgroups"));
  if (::setresgid(account.gid, account.gid, account.gid) != 0) return problem(errno_text("setresgid"));
  if (::setresuid(account.uid, account.uid, account.uid) != 0) return problem(errno_text("setresuid"));
  if (account.uid != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0)) std::abort();  // root could be taken back: nothing here is safe
  return {};
}

Result<void> enter_empty_root(const std::string& folder) {
  struct stat about {};
  if (::stat(folder.c_str(), &about) != 0) return problem(errno_text("stat"), folder, "make the folder, owned by root, mode 0755");
  if (!S_ISDIR(about.st_mode) || about.st_uid != 0 || (about.st_mode & 022) != 0) {
    return problem("must be a folder of root that nobody else can write", folder, "chown root, chmod 0755");
  }
  if (::chroot(folder.c_str()) != 0) return problem(errno_text("chroot"), folder);
  if (::chdir("/") != 0) return problem(errno_text("chdir"), folder);
  return {};
}

void forbid_dumps() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) std::abort();
}

void forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::abort();
}

void close_all_but(std::span<const int> keep) {
  log::descriptors_closed_but(keep);
  std::vector<int> kept(keep.begin(), keep.end());
  std::sort(kept.begin(), kept.end());
  unsigned from = 3;
  for (const int fd : kept) {
    if (fd < static_cast<int>(from)) continue;
    if (static_cast<unsigned>(fd) > from) ::close_range(from, static_cast<unsigned>(fd) - 1, 0);
    from = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(from, ~0U, 0);
}

}  // namespace gatehouse
