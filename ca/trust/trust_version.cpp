#include "ca/trust/trust_version.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ca/api/json.h"
#include "daemon/unique_fd.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::ca {
namespace {

struct Kept {
  std::uint64_t version = 0;
  std::string content;
};

Result<Kept> read(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return Kept{};
  std::array<char, 128> buffer{};
  const ssize_t size = file ? ::read(file.fd(), buffer.data(), buffer.size()) : -1;
  if (size < 0) return problem(std::string("cannot read the version of the trust bundle: ") + std::strerror(errno), path);
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t space = text.find(' ');
  const auto version = parse_decimal(text.substr(0, std::min(space, text.size())));
  if (space == std::string_view::npos || !version || !text.ends_with('\n') || text.size() != space + 1 + 64 + 1) {
    return problem("the file with the version of the trust bundle is damaged", path,
                   "write the last published version, a space, 64 zeros and a newline into it");
  }
  return Kept{*version, std::string(text.substr(space + 1, 64))};
}

Result<void> write(const std::string& path, const Kept& kept) {
  const std::string fresh = path + ".new";
  const std::string text = std::to_string(kept.version) + " " + kept.content + "\n";
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const bool written = file && ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file.fd()) == 0 && ::rename(fresh.c_str(), path.c_str()) == 0;
  if (!written) return problem(std::string("cannot write the version of the trust bundle: ") + std::strerror(errno), path);
  const UniqueFd folder(::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.fd()) != 0) return problem(std::string("cannot sync the folder: ") + std::strerror(errno), path);
  return {};
}

}  // namespace

Result<std::uint64_t> TrustVersion::of(std::string_view content, std::uint64_t now_ms) {
  auto kept = read(path_);
  if (!kept) return tl::unexpected(kept.error());
  const std::string digest = hex(crypto::hash(crypto::Digest::sha256, as_bytes(content)));
  if (kept->version != 0 && kept->content == digest) return kept->version;
  const Kept next{std::max(kept->version + 1, now_ms), digest};
  if (auto written = write(path_, next); !written) return tl::unexpected(written.error());
  return next.version;
}

}  // namespace gatehouse::ca
