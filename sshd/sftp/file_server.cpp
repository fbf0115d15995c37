#include "sshd/sftp/file_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "sshd/sftp/attributes.h"

namespace gatehouse::sshd {

namespace {

using sftp::Status;

constexpr std::size_t names_per_answer = 100;

/// The result of a call that gives -1 and errno, as errno or 0.
int error_of(int result) { return result == 0 ? 0 : errno; }

int open_flags(std::uint32_t wanted) {
  const bool reads = (wanted & sftp::open_flag::read) != 0;
  const bool changes = (wanted & sftp::open_flag::write) != 0;
  int flags = reads && changes ? O_RDWR : changes ? O_WRONLY : O_RDONLY;
  if ((wanted & sftp::open_flag::append) != 0) flags |= O_APPEND;
  if ((wanted & sftp::open_flag::create) != 0) flags |= O_CREAT;
  if ((wanted & sftp::open_flag::truncate) != 0) flags |= O_TRUNC;
  if ((wanted & sftp::open_flag::exclusive) != 0) flags |= O_EXCL;
  return flags | O_CLOEXEC | O_NOCTTY;
}

/// Attributes onto an open file or a path; the first failure counts, the rest is still tried, as OpenSSH does.
template <class Size, class Mode, class Times, class Owner>
int apply(const sftp::Attributes& attributes, Size size, Mode mode, Times times, Owner owner) {
  int error = 0;
  const auto note = [&](int result) {
    if (result != 0 && error == 0) error = errno;
  };
  if (attributes.size)
    note(*attributes.size > static_cast<std::uint64_t>(LLONG_MAX) ? (errno = EFBIG, -1) : size(static_cast<off_t>(*attributes.size)));
  if (attributes.permissions) note(mode(*attributes.permissions & 07777));
  if (attributes.times) {
    const timespec both[2] = {{attributes.times->accessed, 0}, {attributes.times->modified, 0}};
    note(times(both));
  }
  if (attributes.owner) note(owner(attributes.owner->uid, attributes.owner->gid));
  return error;
}

int set_path(const std::string& path, const sftp::Attributes& attributes) {
  return apply(
      attributes, [&](off_t size) { return ::truncate(path.c_str(), size); }, [&](mode_t mode) { return ::chmod(path.c_str(), mode); },
      [&](const timespec* times) { return ::utimensat(AT_FDCWD, path.c_str(), times, 0); },
      [&](uid_t uid, gid_t gid) { return ::chown(path.c_str(), uid, gid); });
}

int set_link(const std::string& path, const sftp::Attributes& attributes) {
  const auto impossible = [] {
    errno = EOPNOTSUPP;
    return -1;
  };
  return apply(
      attributes, [&](off_t) { return impossible(); },
      [&](mode_t mode) { return ::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW); },
      [&](const timespec* times) { return ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW); },
      [&](uid_t uid, gid_t gid) { return ::lchown(path.c_str(), uid, gid); });
}

int set_file(int fd, const sftp::Attributes& attributes) {
  return apply(
      attributes, [&](off_t size) { return ::ftruncate(fd, size); }, [&](mode_t mode) { return ::fchmod(fd, mode); },
      [&](const timespec* times) { return ::futimens(fd, times); }, [&](uid_t uid, gid_t gid) { return ::fchown(fd, uid, gid); });
}

/// Version 3's rename must not replace the target.
int rename_without_replacing(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without that flag: a hard link does not replace either.
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  return error_of(::unlink(from.c_str()));
}

/// The path made absolute; its last part may be missing, as clients ask for the place of a file to come.
int real_path(const std::string& path, std::string& resolved) {
  const auto resolve = [&](const std::string& some) {
    char* found = ::realpath(some.c_str(), nullptr);
    if (found == nullptr) return false;
    resolved = found;
    std::free(found);
    return true;
  };
  if (resolve(path.empty() ? "." : path)) return 0;
  if (errno != ENOENT) return errno;
  std::string whole = path;
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  const std::size_t slash = whole.rfind('/');
  const std::string last = slash == std::string::npos ? whole : whole.substr(slash + 1);
  if (last == "." || last == "..") return ENOENT;
  if (!resolve(slash == std::string::npos ? "." : slash == 0 ? "/" : whole.substr(0, slash))) return errno;
  resolved += (resolved == "/" ? "" : "/") + last;
  return 0;
}

std::string home_of(const std::string& user) {
  char buffer[4096];
  passwd entry{};
  passwd* result = nullptr;
  const int failed = user.empty() ? ::getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &result)
                                  : ::getpwnam_r(user.c_str(), &entry, buffer, sizeof buffer, &result);
  return failed != 0 || result == nullptr ? std::string() : std::string(entry.pw_dir);
}

std::vector<std::string> user_names(const std::vector<std::uint32_t>& ids) {
  std::vector<std::string> names;
  for (const std::uint32_t id : ids) {
    char buffer[4096];
    passwd entry{};
    passwd* result = nullptr;
    names.emplace_back(::getpwuid_r(id, &entry, buffer, sizeof buffer, &result) == 0 && result != nullptr ? entry.pw_name : "");
  }
  return names;
}

std::vector<std::string> group_names(const std::vector<std::uint32_t>& ids) {
  std::vector<std::string> names;
  for (const std::uint32_t id : ids) {
    char buffer[16384];
    group entry{};
    group* result = nullptr;
    names.emplace_back(::getgrgid_r(id, &entry, buffer, sizeof buffer, &result) == 0 && result != nullptr ? entry.gr_name : "");
  }
  return names;
}

}  // namespace

std::string_view sftp_fact_word(SftpFact::Kind kind) {
  switch (kind) {
    case SftpFact::Kind::open:
      return "open";
    case SftpFact::Kind::close:
      return "close";
    case SftpFact::Kind::remove:
      return "remove";
    case SftpFact::Kind::rename:
      return "rename";
    case SftpFact::Kind::mkdir:
      return "mkdir";
    case SftpFact::Kind::rmdir:
      return "rmdir";
    case SftpFact::Kind::symlink:
      return "symlink";
    case SftpFact::Kind::hardlink:
      return "hardlink";
    case SftpFact::Kind::setstat:
      return "setstat";
    case SftpFact::Kind::copy:
      return "copy";
  }
  return "other";
}

/// One request: an overload for each.
struct FileServer::Handler {
  FileServer& server;
  std::uint32_t id;

  ByteVector status(int error) const { return sftp::write_status(id, status_of(error)); }
  ByteVector refuse(Status kind) const { return sftp::write_status(id, kind); }
  ByteVector told(SftpFact fact, int error) const {
    fact.error = error;
    server.tell_(fact);
    return status(error);
  }
  ByteVector attributes(int error, const struct stat& about) const {
    return error != 0 ? status(error) : sftp::write_attributes(id, attributes_of(about));
  }
  ByteVector path_answer(const std::string& path) const { return sftp::write_names(id, {sftp::NameEntry{path, path, sftp::Attributes{}}}); }
  ByteVector filesystem(int error, const struct statvfs& facts) const {
    if (error != 0) return status(error);
    sftp::FilesystemFacts out{};
    out.block_size = facts.f_bsize;
    out.fragment_size = facts.f_frsize;
    out.blocks = facts.f_blocks;
    out.blocks_free = facts.f_bfree;
    out.blocks_available = facts.f_bavail;
    out.files = facts.f_files;
    out.files_free = facts.f_ffree;
    out.files_available = facts.f_favail;
    out.id = facts.f_fsid;
    out.read_only = (facts.f_flag & ST_RDONLY) != 0;
    out.no_setuid = (facts.f_flag & ST_NOSUID) != 0;
    out.name_max = facts.f_namemax;
    return sftp::write_statvfs(id, out);
  }

  ByteVector operator()(const sftp::Init&) const { return {}; }
  ByteVector operator()(const sftp::Unknown&) const { return refuse(Status::operation_unsupported); }

  ByteVector operator()(const sftp::Open& request) const {
    if (server.handles_.full()) return sftp::write_status(id, Status::failure, "too many open handles");
    const mode_t mode = request.attributes.permissions.value_or(0666) & 07777;
    SftpFact fact;
    fact.kind = SftpFact::Kind::open;
    fact.path = request.path;
    fact.for_writing = (request.flags & ~sftp::open_flag::read) != 0;
    OpenFile file;
    file.fd.reset(::open(request.path.c_str(), open_flags(request.flags), mode));
    if (!file.fd) return told(std::move(fact), errno);
    file.path = request.path;
    file.append = (request.flags & sftp::open_flag::append) != 0;
    server.tell_(fact);
    return sftp::write_handle(id, server.handles_.add(std::move(file)));
  }

  ByteVector operator()(const sftp::Close& request) const {
    auto object = server.handles_.take(request.handle);
    if (!object) return refuse(Status::failure);
    if (auto* file = std::get_if<OpenFile>(&*object)) {
      SftpFact fact;
      fact.kind = SftpFact::Kind::close;
      fact.path = std::move(file->path);
      fact.bytes_read = file->bytes_read;
      fact.bytes_written = file->bytes_written;
      return told(std::move(fact), error_of(::close(file->fd.release())));  // a full disk may only say so now
    }
    return refuse(Status::ok);
  }

  ByteVector operator()(const sftp::Read& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    if (file == nullptr) return refuse(Status::failure);
    const std::size_t wanted = std::min<std::size_t>(request.length, sftp::max_transfer);
    if (request.offset > static_cast<std::uint64_t>(LLONG_MAX)) return status(EINVAL);
    ByteVector out(sftp::data_header + wanted);
    ssize_t count;
    do {
      count = ::pread(file->fd.fd(), out.data() + sftp::data_header, wanted, static_cast<off_t>(request.offset));
      if (count < 0 && errno == ESPIPE) count = ::read(file->fd.fd(), out.data() + sftp::data_header, wanted);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return status(errno);
    if (count == 0) return refuse(Status::eof);
    file->bytes_read += static_cast<std::uint64_t>(count);
    out.resize(sftp::data_header + static_cast<std::size_t>(count));
    sftp::write_data_header(std::span<std::uint8_t, sftp::data_header>(out.data(), sftp::data_header), id,
                            static_cast<std::uint32_t>(count));
    return out;
  }

  ByteVector operator()(const sftp::Write& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    if (file == nullptr) return refuse(Status::failure);
    if (request.offset > static_cast<std::uint64_t>(LLONG_MAX) - request.data.size()) return status(EFBIG);
    Bytes left = request.data;
    auto offset = static_cast<off_t>(request.offset);
    while (!left.empty()) {
      ssize_t count =
          file->append ? ::write(file->fd.fd(), left.data(), left.size()) : ::pwrite(file->fd.fd(), left.data(), left.size(), offset);
      if (count < 0 && errno == ESPIPE) count = ::write(file->fd.fd(), left.data(), left.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return status(errno);
      left = left.subspan(static_cast<std::size_t>(count));
      offset += count;
      file->bytes_written += static_cast<std::uint64_t>(count);
    }
    return refuse(Status::ok);
  }

  ByteVector operator()(const sftp::Lstat& request) const {
    struct stat about {};
    return attributes(error_of(::lstat(request.path.c_str(), &about)), about);
  }
  ByteVector operator()(const sftp::Stat& request) const {
    struct stat about {};
    return attributes(error_of(::stat(request.path.c_str(), &about)), about);
  }
  ByteVector operator()(const sftp::Fstat& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    if (file == nullptr) return refuse(Status::failure);
    struct stat about {};
    return attributes(error_of(::fstat(file->fd.fd(), &about)), about);
  }
  ByteVector operator()(const sftp::Setstat& request) const {
    return told({SftpFact::Kind::setstat, request.path, {}}, set_path(request.path, request.attributes));
  }
  ByteVector operator()(const sftp::Lsetstat& request) const {
    return told({SftpFact::Kind::setstat, request.path, {}}, set_link(request.path, request.attributes));
  }
  ByteVector operator()(const sftp::Fsetstat& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    if (file == nullptr) return refuse(Status::failure);
    return told({SftpFact::Kind::setstat, file->path, {}}, set_file(file->fd.fd(), request.attributes));
  }

  ByteVector operator()(const sftp::Opendir& request) const {
    if (server.handles_.full()) return sftp::write_status(id, Status::failure, "too many open handles");
    // Not opendir(3): it would wait for a FIFO's writer.
    UniqueFd fd(::open(request.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return status(errno);
    OpenDirectory directory;
    directory.stream.reset(::fdopendir(fd.fd()));
    if (!directory.stream) return status(errno);
    (void)fd.release();  // the stream's now
    directory.path = request.path;
    return sftp::write_handle(id, server.handles_.add(std::move(directory)));
  }

  ByteVector operator()(const sftp::Readdir& request) const {
    OpenDirectory* directory = server.handles_.directory(request.handle);
    if (directory == nullptr) return refuse(Status::failure);
    std::vector<sftp::NameEntry> entries;
    const std::int64_t now = std::time(nullptr);
    while (entries.size() < names_per_answer) {
      errno = 0;
      const dirent* entry = ::readdir(directory->stream.get());
      if (entry == nullptr) {
        if (errno != 0 && entries.empty()) return status(errno);
        break;
      }
      struct stat about {};
      // Relative to the directory that is open: no path to build, none to cut.
      if (::fstatat(::dirfd(directory->stream.get()), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
      entries.push_back({entry->d_name, long_name(entry->d_name, about, now), attributes_of(about)});
    }
    return entries.empty() ? refuse(Status::eof) : sftp::write_names(id, entries);
  }

  ByteVector operator()(const sftp::Remove& request) const {
    return told({SftpFact::Kind::remove, request.path, {}}, error_of(::unlink(request.path.c_str())));
  }
  ByteVector operator()(const sftp::Mkdir& request) const {
    const mode_t mode = request.attributes.permissions.value_or(0777) & 07777;
    return told({SftpFact::Kind::mkdir, request.path, {}}, error_of(::mkdir(request.path.c_str(), mode)));
  }
  ByteVector operator()(const sftp::Rmdir& request) const {
    return told({SftpFact::Kind::rmdir, request.path, {}}, error_of(::rmdir(request.path.c_str())));
  }
  ByteVector operator()(const sftp::Realpath& request) const {
    std::string resolved;
    const int error = real_path(request.path, resolved);
    return error != 0 ? status(error) : path_answer(resolved);
  }
  ByteVector operator()(const sftp::Rename& request) const {
    return told({SftpFact::Kind::rename, request.from, request.to}, rename_without_replacing(request.from, request.to));
  }
  ByteVector operator()(const sftp::PosixRename& request) const {
    return told({SftpFact::Kind::rename, request.from, request.to}, error_of(::rename(request.from.c_str(), request.to.c_str())));
  }
  ByteVector operator()(const sftp::Readlink& request) const {
    char target[PATH_MAX];
    const ssize_t size = ::readlink(request.path.c_str(), target, sizeof target);
    return size < 0 ? status(errno) : path_answer(std::string(target, static_cast<std::size_t>(size)));
  }
  ByteVector operator()(const sftp::Symlink& request) const {
    return told({SftpFact::Kind::symlink, request.link, request.target}, error_of(::symlink(request.target.c_str(), request.link.c_str())));
  }
  ByteVector operator()(const sftp::Hardlink& request) const {
    return told({SftpFact::Kind::hardlink, request.link, request.existing},
                error_of(::link(request.existing.c_str(), request.link.c_str())));
  }
  ByteVector operator()(const sftp::Statvfs& request) const {
    struct statvfs facts {};
    return filesystem(error_of(::statvfs(request.path.c_str(), &facts)), facts);
  }
  ByteVector operator()(const sftp::Fstatvfs& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    if (file == nullptr) return refuse(Status::failure);
    struct statvfs facts {};
    return filesystem(error_of(::fstatvfs(file->fd.fd(), &facts)), facts);
  }
  ByteVector operator()(const sftp::Fsync& request) const {
    OpenFile* file = server.handles_.file(request.handle);
    return file == nullptr ? refuse(Status::failure) : status(error_of(::fsync(file->fd.fd())));
  }
  ByteVector operator()(const sftp::Limits&) const { return sftp::write_limits(id, FileServer::max_handles); }

  ByteVector operator()(const sftp::ExpandPath& request) const {
    std::string path = request.path;
    if (path.starts_with('~')) {
      const std::size_t slash = path.find('/');
      const std::string home = home_of(path.substr(1, slash == std::string::npos ? std::string::npos : slash - 1));
      if (home.empty()) return status(ENOENT);
      path = home + (slash == std::string::npos ? "" : path.substr(slash));
    }
    return (*this)(sftp::Realpath{path});
  }
  ByteVector operator()(const sftp::HomeDirectory& request) const {
    const std::string home = home_of(request.user);
    return home.empty() ? status(ENOENT) : path_answer(home);
  }
  ByteVector operator()(const sftp::UsersGroupsById& request) const {
    return sftp::write_users_groups(id, user_names(request.uids), group_names(request.gids));
  }

  ByteVector operator()(const sftp::CopyData& request) const {
    OpenFile* from = server.handles_.file(request.from_handle);
    OpenFile* to = server.handles_.file(request.to_handle);
    if (from == nullptr || to == nullptr) return refuse(Status::failure);
    struct stat source {};
    struct stat target {};
    if (::fstat(from->fd.fd(), &source) != 0 || ::fstat(to->fd.fd(), &target) != 0) return status(errno);
    // A file onto itself never ends when it is copied to its end.
    if (source.st_dev == target.st_dev && source.st_ino == target.st_ino) return status(EINVAL);
    if (request.from_offset > static_cast<std::uint64_t>(LLONG_MAX) || request.to_offset > static_cast<std::uint64_t>(LLONG_MAX))
      return status(EINVAL);
    SftpFact fact{SftpFact::Kind::copy, from->path, to->path};
    auto read_at = static_cast<off_t>(request.from_offset);
    auto write_at = static_cast<off_t>(request.to_offset);
    std::uint64_t left = request.length == 0 ? ~std::uint64_t{0} : request.length;
    std::vector<std::uint8_t> buffer(sftp::max_transfer);
    while (left > 0) {
      const ssize_t got =
          ::pread(from->fd.fd(), buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left)), read_at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return told(std::move(fact), errno);
      if (got == 0) break;
      for (ssize_t done = 0; done < got;) {
        const ssize_t put = ::pwrite(to->fd.fd(), buffer.data() + done, static_cast<std::size_t>(got - done), write_at + done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return told(std::move(fact), errno);
        done += put;
      }
      read_at += got;
      write_at += got;
      left -= static_cast<std::uint64_t>(got);
      from->bytes_read += static_cast<std::uint64_t>(got);
      to->bytes_written += static_cast<std::uint64_t>(got);
      fact.bytes_written += static_cast<std::uint64_t>(got);
    }
    return told(std::move(fact), 0);
  }
};

FileServer::~FileServer() {
  // What the client left open is still accounted for.
  while (auto object = handles_.take_any()) {
    if (auto* file = std::get_if<OpenFile>(&*object)) {
      SftpFact fact;
      fact.kind = SftpFact::Kind::close;
      fact.path = std::move(file->path);
      fact.bytes_read = file->bytes_read;
      fact.bytes_written = file->bytes_written;
      tell_(fact);
    }
  }
}

ByteVector FileServer::answer(Bytes message) {
  const auto request = sftp::parse_request(message);
  if (!request) {
    const auto id = sftp::request_id(message);
    return id && greeted_ ? sftp::write_status(*id, Status::bad_message) : ByteVector{};
  }
  if (std::holds_alternative<sftp::Init>(request->body)) {
    if (greeted_) return {};
    greeted_ = true;
    return sftp::write_version();
  }
  if (!greeted_) return {};
  const std::string_view name = sftp::request_name(request->body);
  if (!name.empty()) {
    if (options_.read_only && sftp::writes(request->body)) return sftp::write_status(request->id, Status::permission_denied);
    const bool listed = !options_.allowed || options_.allowed->contains(name);
    if (!listed || options_.denied.contains(name)) return sftp::write_status(request->id, Status::permission_denied);
  }
  return std::visit(Handler{*this, request->id}, request->body);
}

}  // namespace gatehouse::sshd
