#include "ca/policy/policy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ca/policy/policy_reader.h"
#include "daemon/log.h"
#include "daemon/unique_fd.h"

namespace gatehouse::ca {

// What tells one state of the file from another.
struct PolicyFile::Stamp {
  dev_t device;
  ino_t inode;
  off_t size;
  timespec modified;
  timespec changed;
  bool settled;  // read long enough after its last change that another change must show in the times

  bool same_as(const struct stat& now) const {
    const auto equal = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
    return settled && device == now.st_dev && inode == now.st_ino && size == now.st_size && equal(modified, now.st_mtim) &&
           equal(changed, now.st_ctim);
  }
};

namespace {

// Kernel timestamps are a few milliseconds coarse, and a clock may be stepped back a little.
constexpr time_t settling_seconds = 2;

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string text;
  char chunk[16 * 1024];
  for (;;) {
    const ssize_t count = ::read(fd, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(std::string("cannot read the policy: ") + std::strerror(errno), path);
    if (count == 0) return text;
    text.append(chunk, static_cast<std::size_t>(count));
    if (text.size() > max_policy_file) return problem("the policy is larger than 1 MiB", path);
  }
}

struct Reading {
  Result<Policy> policy;
  std::optional<struct stat> about;
};

Reading read_now(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return {problem(std::string("cannot open the policy: ") + std::strerror(errno), path), std::nullopt};
  struct stat about {};
  if (::fstat(file.fd(), &about) != 0 || !S_ISREG(about.st_mode)) return {problem("the policy is no regular file", path), std::nullopt};
  // Whoever may write this file may log in anywhere.
  if ((about.st_mode & S_IWOTH) != 0) return {problem("others may write the policy", path, "chmod o-w it"), about};
  auto text = read_whole(file.fd(), path);
  if (!text) return {tl::unexpected(text.error()), about};
  return {Policy::parse(*text, path), about};
}

}  // namespace

Result<Policy> Policy::load(const std::string& file) { return read_now(file).policy; }

PolicyFile::PolicyFile(std::string path) : path_(std::move(path)) {}

Result<std::unique_ptr<PolicyFile>> PolicyFile::open(const std::string& path) {
  std::unique_ptr<PolicyFile> file(new PolicyFile(path));
  file->current();
  if (file->policy_ == nullptr) return tl::unexpected(*file->alarm_);
  return file;
}

std::shared_ptr<const Policy> PolicyFile::current() {
  const std::lock_guard lock(mutex_);
  struct stat now {};
  if (::stat(path_.c_str(), &now) == 0 && seen_ != nullptr && seen_->same_as(now)) return policy_;
  auto reading = read_now(path_);
  seen_.reset();
  if (reading.about) {
    const auto& about = *reading.about;
    timespec clock{};
    ::clock_gettime(CLOCK_REALTIME, &clock);
    const bool settled = clock.tv_sec - std::max(about.st_mtim.tv_sec, about.st_ctim.tv_sec) > settling_seconds;
    seen_ = std::make_shared<const Stamp>(Stamp{about.st_dev, about.st_ino, about.st_size, about.st_mtim, about.st_ctim, settled});
  }
  if (reading.policy) {
    if (policy_ != nullptr && policy_->hash() != reading.policy->hash())
      log::info("policy {} read again: {}", path_, reading.policy->hash());
    if (alarm_) log::info("policy {} is good again", path_);
    alarm_.reset();
    if (policy_ == nullptr || policy_->hash() != reading.policy->hash())
      policy_ = std::make_shared<const Policy>(std::move(*reading.policy));
    return policy_;
  }
  if (policy_ != nullptr && (!alarm_ || alarm_->line() != reading.policy.error().line())) {
    log::error("the policy in force stays the last good one: {}", reading.policy.error().line());
  }
  alarm_ = reading.policy.error();
  return policy_;
}

std::optional<Problem> PolicyFile::alarm() const {
  const std::lock_guard lock(mutex_);
  return alarm_;
}

}  // namespace gatehouse::ca
