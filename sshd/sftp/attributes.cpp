#include "sshd/sftp/attributes.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <ctime>
#include <map>

namespace gatehouse::sshd {

sftp::Attributes attributes_of(const struct stat& about) {
  sftp::Attributes attributes;
  attributes.size = static_cast<std::uint64_t>(about.st_size);
  attributes.owner = sftp::Attributes::Owner{about.st_uid, about.st_gid};
  attributes.permissions = about.st_mode;
  attributes.times = sftp::Attributes::Times{static_cast<std::uint32_t>(about.st_atime), static_cast<std::uint32_t>(about.st_mtime)};
  return attributes;
}

namespace {

std::string mode_text(mode_t mode) {
  std::string text = "?rwxrwxrwx";
  text[0] = S_ISDIR(mode)    ? 'd'
            : S_ISLNK(mode)  ? 'l'
            : S_ISCHR(mode)  ? 'c'
            : S_ISBLK(mode)  ? 'b'
            : S_ISFIFO(mode) ? 'p'
            : S_ISSOCK(mode) ? 's'
                             : '-';
  for (int bit = 0; bit < 9; ++bit) {
    if ((mode & (0400 >> bit)) == 0) text[static_cast<std::size_t>(bit) + 1] = '-';
  }
  if ((mode & S_ISUID) != 0) text[3] = text[3] == 'x' ? 's' : 'S';
  if ((mode & S_ISGID) != 0) text[6] = text[6] == 'x' ? 's' : 'S';
  if ((mode & S_ISVTX) != 0) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

/// A directory of ten thousand files has few owners: ask NSS once for each. One table per thread, as the thread is the channel's own.
const std::string& user_name(uid_t uid) {
  thread_local std::map<uid_t, std::string> known;
  const auto found = known.find(uid);
  if (found != known.end()) return found->second;
  if (known.size() > 1024) known.clear();
  char buffer[4096];
  passwd entry{};
  passwd* result = nullptr;
  const bool named = ::getpwuid_r(uid, &entry, buffer, sizeof buffer, &result) == 0 && result != nullptr;
  return known[uid] = named ? entry.pw_name : std::to_string(uid);
}

const std::string& group_name(gid_t gid) {
  thread_local std::map<gid_t, std::string> known;
  const auto found = known.find(gid);
  if (found != known.end()) return found->second;
  if (known.size() > 1024) known.clear();
  char buffer[16384];
  group entry{};
  group* result = nullptr;
  const bool named = ::getgrgid_r(gid, &entry, buffer, sizeof buffer, &result) == 0 && result != nullptr;
  return known[gid] = named ? entry.gr_name : std::to_string(gid);
}

}  // namespace

std::string long_name(const std::string& name, const struct stat& about, std::int64_t now) {
  std::tm local{};
  ::localtime_r(&about.st_mtime, &local);
  char date[32] = "";
  const bool recent = about.st_mtime <= now && now - about.st_mtime < 365 * 24 * 3600 / 2;
  if (std::strftime(date, sizeof date, recent ? "%b %e %H:%M" : "%b %e  %Y", &local) == 0) date[0] = '\0';
  return fmt::format("{} {:3} {:<8} {:<8} {:8} {} {}", mode_text(about.st_mode), static_cast<unsigned long>(about.st_nlink),
                     user_name(about.st_uid), group_name(about.st_gid), static_cast<long long>(about.st_size), date, name);
}

sftp::Status status_of(int error) {
  switch (error) {
    case 0:
      return sftp::Status::ok;
    case ENOENT:
    case ENOTDIR:
    case EBADF:
    case ELOOP:
      return sftp::Status::no_such_file;
    case EPERM:
    case EACCES:
    case EROFS:
      return sftp::Status::permission_denied;
    case ENAMETOOLONG:
    case EINVAL:
      return sftp::Status::bad_message;
    case ENOSYS:
    case EOPNOTSUPP:
      return sftp::Status::operation_unsupported;
    default:
      return sftp::Status::failure;
  }
}

}  // namespace gatehouse::sshd
