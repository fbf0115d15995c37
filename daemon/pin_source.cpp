#include "daemon/pin_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace gatehouse {

namespace {

constexpr std::size_t max_pin = 256;

Result<std::string> path_of(const std::string& source, std::string_view secret) {
  if (source.starts_with("credential:")) {
    const std::string name = source.substr(sizeof "credential:" - 1);
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr) return problem("$CREDENTIALS_DIRECTORY is not set", source, "give the unit LoadCredential=" + name);
    if (name.empty() || name.find('/') != std::string::npos) return problem("a credential has a plain name", source);
    return std::string(folder) + "/" + name;
  }
  const std::string path = source.starts_with("file:") ? source.substr(sizeof "file:" - 1) : source;
  if (!path.starts_with('/'))
    return problem(fmt::format("{} source is no absolute path", secret), source, "write file:/path or credential:NAME");
  return path;
}

}  // namespace

Result<UniqueFd> open_pin_source(const std::string& source, uid_t reader, std::string_view secret) {
  auto path = path_of(source, secret);
  if (!path) return tl::unexpected(path.error());
  // O_NONBLOCK: a FIFO in this place must not hold us up; it is refused below.
  UniqueFd file(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return problem(fmt::format("cannot open the {} file: {}", secret, std::strerror(errno)), *path);
  struct stat about {};
  if (::fstat(file.fd(), &about) != 0) return problem(std::string("fstat: ") + std::strerror(errno), *path);
  if (!S_ISREG(about.st_mode)) return problem(fmt::format("the {} source is no regular file", secret), *path);
  if (about.st_uid != 0 && about.st_uid != reader) {
    return problem(
        fmt::format("the {} file belongs to uid {}, not to root or the account that reads it (uid {})", secret, about.st_uid, reader),
        *path, "chown it");
  }
  if ((about.st_mode & 077) != 0) {
    return problem(fmt::format("the {} file has mode {:04o}: group or others may read it", secret, about.st_mode & 07777), *path,
                   "chmod 0400 it");
  }
  return file;
}

Result<SecretBytes> read_pin(int fd, std::string_view secret) {
  SecretBytes buffer(max_pin + 2);
  std::size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t count = ::pread(fd, buffer.fill().data() + have, buffer.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(fmt::format("cannot read the {}: {}", secret, std::strerror(errno)));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  if (have > 0 && buffer.reveal()[have - 1] == '\n') --have;
  if (have == 0) return problem(fmt::format("the {} source is empty", secret));
  if (have > max_pin) return problem(fmt::format("the {} is longer than {} octets", secret, max_pin));
  return buffer.first(have);
}

}  // namespace gatehouse
