#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "daemon/unique_fd.h"

namespace gatehouse::tools {

namespace {

tl::unexpected<Problem> errno_problem(const char* call, const std::string& path) {
  return problem(std::string(call) + ": " + std::strerror(errno), path);
}

}  // namespace

Result<void> replace_file(const std::string& path, Bytes content, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return errno_problem("cannot write beside it", path);
  const auto fail = [&](const char* call) {
    auto failure = errno_problem(call, path);
    ::unlink(temporary.c_str());
    return failure;
  };
  while (!content.empty()) {
    const ssize_t count = ::write(file.fd(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("write");
    content = content.subspan(static_cast<std::size_t>(count));
  }
  if (::fchmod(file.fd(), mode) != 0) return fail("chmod");
  if (::fsync(file.fd()) != 0) return fail("fsync");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail("rename");
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.fd());
  return {};
}

Result<ByteVector> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_problem("cannot read", path);
  ByteVector content;
  std::uint8_t chunk[16 * 1024];
  while (true) {
    const ssize_t count = ::read(file.fd(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_problem("cannot read", path);
    if (count == 0) return content;
    content.insert(content.end(), chunk, chunk + count);
    if (content.size() > limit) return problem("longer than " + std::to_string(limit) + " octets", path);
  }
}

}  // namespace gatehouse::tools
