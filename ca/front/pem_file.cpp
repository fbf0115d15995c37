#include "ca/front/pem_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gatehouse::ca {

Result<SecretBytes> read_pem_file(int fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return problem(std::string("cannot read: ") + std::strerror(errno), name);
  if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > 1024 * 1024) {
    return problem("is no file, empty, or longer than 1 MiB", name, "name a PEM file");
  }
  SecretBytes content(static_cast<std::size_t>(status.st_size));
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t count = ::pread(fd, content.fill().data() + have, content.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return problem(std::string("cannot read: ") + (count < 0 ? std::strerror(errno) : "it became shorter"), name);
    have += static_cast<std::size_t>(count);
  }
  return content;
}

}  // namespace gatehouse::ca
