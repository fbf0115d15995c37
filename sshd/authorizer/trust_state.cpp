#include "sshd/authorizer/trust_state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

namespace {

constexpr std::size_t max_ca_file = 4 * 1024 * 1024;

/// Which file lies at a path, and in which state.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified = 0;  ///< nanoseconds
  std::int64_t changed = 0;
  bool operator==(const Stamp&) const = default;
};

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

Stamp stamp_of(const struct stat& facts) {
  return {facts.st_dev, facts.st_ino, facts.st_size, nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim)};
}

struct Content {
  ByteVector octets;
  Stamp stamp;
};

Result<Content> read_whole(const std::string& path, std::size_t limit) {
  const std::string mend = "the authorizer's account must be able to read the file and enter its folders";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return problem(std::string("cannot open: ") + std::strerror(errno), path, mend);
  struct stat before {};
  if (::fstat(file.fd(), &before) != 0 || !S_ISREG(before.st_mode)) return problem("no file", path, "give the path of a file");
  if (before.st_size < 0 || static_cast<std::uint64_t>(before.st_size) > limit) {
    return problem("larger than " + std::to_string(limit) + " octets", path, "make it smaller");
  }
  Content out;
  out.octets.resize(static_cast<std::size_t>(before.st_size));
  std::size_t have = 0;
  while (have < out.octets.size()) {
    const ssize_t count = ::read(file.fd(), out.octets.data() + have, out.octets.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(std::string("cannot read: ") + std::strerror(errno), path);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  struct stat after {};
  out.stamp = stamp_of(before);
  if (have != out.octets.size() || ::fstat(file.fd(), &after) != 0 || stamp_of(after) != out.stamp) {
    return problem("changed while it was read", path, "write it beside and rename it into place");
  }
  return out;
}

/// A file that was changed within the last tick may change again without another time stamp to show it.
bool settled(const Stamp& stamp) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  constexpr std::int64_t tick = 100'000'000;
  const std::int64_t age = nanoseconds(now) - std::max(stamp.modified, stamp.changed);
  return age > tick || age < -tick;
}

/// The state of a file as it was last looked at.
struct Watched {
  std::optional<Stamp> stamp;  ///< absent: read it again
  std::optional<Problem> problem;

  /// @return whether the file must be read
  bool stale(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return true;
    return !stamp || *stamp != stamp_of(facts);
  }
};

struct CaFile : Watched {
  std::vector<keys::PublicKey> keys;
};

struct RevokedFile : Watched {
  std::shared_ptr<const RevocationList> list;     ///< the last good one
  std::shared_ptr<const RevocationList> highest;  ///< of a higher version than `list`, which came later: still in force
};

}  // namespace

struct TrustState::Files {
  std::map<std::string, CaFile> ca;
  std::map<std::string, RevokedFile> revoked;
  std::vector<TrustNote> notes;
  std::uint64_t generation = 0;  ///< counts changes of revocation lists
  std::uint64_t reported = 0;

  void note(std::string text) {
    if (notes.size() < 100) notes.push_back({false, std::move(text)});
  }
  void alarm(std::string text) {
    if (notes.size() < 100) notes.push_back({true, std::move(text)});
  }

  /// Tells a problem once, and when it is over.
  void judge(Watched& file, const std::string& path, std::optional<Problem> now) {
    if (now && (!file.problem || file.problem->what != now->what)) alarm("logins that need it are refused: " + now->line());
    if (!now && file.problem) note("usable again: " + path);
    file.problem = std::move(now);
  }

  CaFile& ca_file(const std::string& path) {
    CaFile& file = ca[path];
    if (!file.stale(path)) return file;
    file.stamp.reset();
    const auto content = read_whole(path, max_ca_file);
    auto parsed = content ? parse_ca_key_file(content->octets, path) : Result<CaKeyFile>(tl::unexpected(content.error()));
    if (!parsed) {
      file.keys.clear();
      judge(file, path, parsed.error());
      return file;
    }
    if (settled(content->stamp)) file.stamp = content->stamp;
    judge(file, path, std::nullopt);
    if (file.keys != parsed->keys) {
      for (const std::string& each : parsed->notes) note(each);
      for (const keys::PublicKey& key : parsed->keys) note("trusted CA key " + key.fingerprint() + " of " + path);
    }
    file.keys = std::move(parsed->keys);
    return file;
  }

  RevokedFile& revoked_file(const std::string& path) {
    RevokedFile& file = revoked[path];
    if (!file.stale(path)) return file;
    file.stamp.reset();
    const auto content = read_whole(path, keys::max_krl_size);
    auto parsed = content ? parse_revoked_keys(content->octets, path) : Result<RevocationList>(tl::unexpected(content.error()));
    // Text where a KRL was has no version that could show that it is older: it may be an overwritten, cut or forged file.
    if (parsed && file.list && file.list->dated && !parsed->dated) {
      parsed = problem("was a KRL, and is none now", path, "put a KRL there; to change to a list of keys, restart the server");
    }
    if (!parsed) {
      judge(file, path, parsed.error());
      return file;
    }
    if (settled(content->stamp)) file.stamp = content->stamp;
    judge(file, path, std::nullopt);
    auto list = std::make_shared<const RevocationList>(std::move(*parsed));
    const auto& top = file.highest ? file.highest : file.list;
    if (top && top->dated && list->list.version < top->list.version) {
      // An older list would give back what was revoked since. Refusing everybody for it would let a slip lock out a fleet: both hold.
      alarm(path + " went back from version " + std::to_string(top->list.version) + " to " + std::to_string(list->list.version) +
            "; the newer one stays in force beside it");
      file.highest = top;
    } else {
      file.highest.reset();
    }
    file.list = std::move(list);
    ++generation;
    return file;
  }
};

TrustState::TrustState() : files_(std::make_unique<Files>()) {}
TrustState::~TrustState() = default;
TrustState::TrustState(TrustState&&) noexcept = default;
TrustState& TrustState::operator=(TrustState&&) noexcept = default;

Trust TrustState::trust_for(const Settings& settings, std::uint64_t now) {
  Trust out;
  const auto take_keys = [&](const std::vector<std::string>& paths, std::vector<keys::PublicKey>& to) {
    for (const std::string& path : paths) {
      const CaFile& file = files_->ca_file(path);
      if (file.problem && !out.trust_problem) out.trust_problem = file.problem;
      to.insert(to.end(), file.keys.begin(), file.keys.end());
    }
  };
  take_keys(settings.trusted_user_ca_keys, out.trusted);
  take_keys(settings.break_glass_ca_keys, out.break_glass);
  for (const std::string& path : settings.revoked_keys) {
    const RevokedFile& file = files_->revoked_file(path);
    if (file.list) out.revoked.push_back(file.list);
    if (file.highest) out.revoked.push_back(file.highest);
    std::optional<Problem> trouble = file.problem;
    if (!trouble && settings.revoked_keys_max_age) {
      const auto most = static_cast<std::uint64_t>(settings.revoked_keys_max_age->count());
      if (!file.list->dated) {
        trouble = Problem{"RevokedKeysMaxAge is set, and this list has no date", path, "use a KRL"};
      } else if (now > file.list->list.date && now - file.list->list.date > most) {
        trouble = Problem{"the KRL was generated " + std::to_string(now - file.list->list.date) + " s ago, RevokedKeysMaxAge is " +
                              std::to_string(most) + " s",
                          path, "fetch it again"};
      }
    }
    if (trouble && !out.krl_problem) out.krl_problem = trouble;
  }
  return out;
}

bool TrustState::revocations_changed(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) files_->revoked_file(path);
  return std::exchange(files_->reported, files_->generation) != files_->generation;
}

std::vector<TrustNote> TrustState::take_notes() { return std::exchange(files_->notes, {}); }

}  // namespace gatehouse::sshd
