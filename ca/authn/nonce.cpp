#include "ca/authn/nonce.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/unique_fd.h"
#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/random.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t head_size = 8 + 16;
constexpr std::size_t nonce_size = head_size + 32;

Result<SecretBytes> read_key(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return problem(std::strerror(errno), path);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return problem("the nonce key must be a file of this account that nobody else can read", path, "chmod 0600 and chown it");
  }
  SecretBytes key(NonceMint::key_size);
  if (status.st_size != static_cast<off_t>(key.size()) || ::pread(fd, key.fill().data(), key.size(), 0) != status.st_size) {
    return problem("the nonce key has another length than 32 octets", path, "copy it from another node, or remove it to have one made");
  }
  return key;
}

/// Written under another name and linked into place, so that nobody reads half a key and the first of two makers wins.
Result<void> make_key(const std::string& path) {
  const std::string fresh = path + "." + hex(crypto::random_bytes(8));
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return problem(std::string("cannot make the nonce key: ") + std::strerror(errno), fresh);
  const SecretBytes key = crypto::random_secret(NonceMint::key_size);
  const bool written = ::write(file.fd(), key.reveal().data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(file.fd()) == 0;
  const int mistake = errno;
  const bool linked = written && (::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int link_mistake = errno;
  ::unlink(fresh.c_str());
  if (!linked) return problem(std::string("cannot make the nonce key: ") + std::strerror(written ? link_mistake : mistake), path);
  return {};
}

}  // namespace

ByteVector NonceMint::authenticator(Bytes head) const {
  return crypto::hmac(crypto::Digest::sha256, key_, WireWriter().string("gatehouse-nonce").string(audience_).string(head).view());
}

std::string NonceMint::mint(Time now) const {
  WireWriter head;
  head.uint64(static_cast<std::uint64_t>((now + life).time_since_epoch().count())).raw(crypto::random_bytes(16));
  const ByteVector tag = authenticator(head.view());
  return base64(head.raw(tag).view());
}

NonceMint::Verdict NonceMint::judge(std::string_view nonce, Time now) const {
  const auto octets = unbase64(nonce);
  if (!octets || octets->size() != nonce_size) return Verdict::not_ours;
  const Bytes head = Bytes(*octets).first(head_size);
  if (!equal_in_constant_time(authenticator(head), Bytes(*octets).subspan(head_size))) return Verdict::not_ours;
  const std::uint64_t expiry = WireReader(head).uint64();
  const auto seconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
  if (expiry > seconds + static_cast<std::uint64_t>((life + clock_skew).count())) return Verdict::not_ours;
  return seconds < expiry ? Verdict::good : Verdict::expired;
}

Result<SecretBytes> load_or_make_nonce_key(const std::string& path) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file) return read_key(file.fd(), path);
    if (errno != ENOENT) return problem(std::string("cannot read the nonce key: ") + std::strerror(errno), path);
    if (auto made = make_key(path); !made) return tl::unexpected(made.error());
  }
  return problem("the nonce key vanished while it was read", path);
}

}  // namespace gatehouse::ca
