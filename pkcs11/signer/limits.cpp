#include "pkcs11/signer/limits.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "daemon/unique_fd.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr off_t max_file = 256 * 1024;
constexpr std::int64_t ten_years = 10LL * 366 * 24 * 3600;
constexpr std::int64_t max_rate = 10'000'000;

constexpr std::array signables{Signable::user, Signable::host, Signable::krl, Signable::trust, Signable::checkpoint};

std::string place(const std::string& where, const toml::node& node) { return fmt::format("{} line {}", where, node.source().begin.line); }

bool matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    if (pattern.front() == '*') {
      pattern.remove_prefix(1);
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (matches(pattern, text.substr(skip))) return true;
      }
      return false;
    }
    if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
    pattern.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty();
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(), [text](const std::string& pattern) { return matches(pattern, text); });
}

/// What no principal may hold, whatever the limits allow: separators of the lists in which others write principals (comma, white space),
/// pattern characters (a host certificate's principals are patterns to OpenSSH), quotes, control characters.
bool has_bad_character(std::string_view principal) {
  return std::any_of(principal.begin(), principal.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= 0x20 || octet == 0x7f || std::strchr(",*?!\"'\\", c) != nullptr;
  });
}

/// "90s", "15m", "24h", "30d".
std::optional<std::int64_t> seconds_in(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || count < 0 || count > ten_years || unit.size() != 1) return std::nullopt;
  switch (unit[0]) {
    case 's':
      return count;
    case 'm':
      return count * 60;
    case 'h':
      return count * 3600;
    case 'd':
      return count * 86400;
    default:
      return std::nullopt;
  }
}

class TableReader {
 public:
  TableReader(const toml::table& table, const std::string& where) : table_(table), where_(where) {}

  Result<KeyLimits> read() {
    for (const auto& [name, node] : table_) {
      if (auto taken = take(name.str(), node); !taken) return tl::unexpected(taken.error());
    }
    const bool certificates = limits_.signs.count(Signable::user) + limits_.signs.count(Signable::host) > 0;
    if (limits_.uri.text.empty()) return wrong(table_, "uri is missing", "name the key as it is configured");
    if (limits_.signs.empty()) return wrong(table_, "signs is missing or empty", "write signs = [\"user\"]");
    if (certificates && limits_.max_lifetime == 0) return wrong(table_, "max_lifetime is missing", "write max_lifetime = \"24h\"");
    // The default keeps root out; who names root among the allowed has said what he wants.
    const auto& allowed = limits_.allowed_principals;
    if (!forbidden_given_ && std::find(allowed.begin(), allowed.end(), "root") != allowed.end()) limits_.forbidden_principals.clear();
    return std::move(limits_);
  }

 private:
  Result<void> take(std::string_view name, const toml::node& node) {
    if (name == "uri") return take_uri(node);
    if (name == "signs") return take_signs(node);
    if (name == "max_lifetime") return take_duration(name, node, limits_.max_lifetime);
    if (name == "max_back_dating") return take_duration(name, node, limits_.max_back_dating);
    if (name == "max_forward_dating") return take_duration(name, node, limits_.max_forward_dating);
    if (name == "allowed_principals") return take_texts(name, node, limits_.allowed_principals);
    if (name == "forbidden_principals") {
      forbidden_given_ = true;
      return take_texts(name, node, limits_.forbidden_principals);
    }
    if (name == "per_minute") return take_rate(name, node, limits_.per_minute);
    if (name == "burst") return take_rate(name, node, limits_.burst);
    return wrong(node, fmt::format("'{}' is not known here", escaped(name)), "remove it");
  }

  Result<void> take_uri(const toml::node& node) {
    auto uri = Uri::parse(node.value<std::string>().value_or(""), UriNames::key);
    if (!uri) return wrong(node, uri.error().line(), uri.error().mend);
    limits_.uri = *std::move(uri);
    return {};
  }

  Result<void> take_duration(std::string_view name, const toml::node& node, std::uint64_t& out) {
    std::optional<std::int64_t> value;
    if (node.is_integer()) value = node.value<std::int64_t>();
    if (const auto text = node.is_string() ? node.value<std::string>() : std::nullopt) value = seconds_in(*text);
    if (!value || *value < 0 || *value > ten_years) {
      return wrong(node, fmt::format("{} is no duration up to ten years", name), "write 90s, 15m, 24h, 30d, or seconds as a number");
    }
    out = static_cast<std::uint64_t>(*value);
    return {};
  }

  Result<void> take_rate(std::string_view name, const toml::node& node, std::uint32_t& out) {
    const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
    if (!value || *value < 1 || *value > max_rate) return wrong(node, fmt::format("{} is no whole number from 1 to {}", name, max_rate));
    out = static_cast<std::uint32_t>(*value);
    return {};
  }

  Result<void> take_texts(std::string_view name, const toml::node& node, std::vector<std::string>& out) {
    const toml::array* list = node.as_array();
    if (list == nullptr) return wrong(node, fmt::format("{} is no list of texts", name));
    out.clear();
    for (const toml::node& entry : *list) {
      const auto text = entry.is_string() ? entry.value<std::string>() : std::nullopt;
      if (!text || text->empty()) return wrong(entry, fmt::format("{} holds something else than texts", name));
      out.push_back(*text);
    }
    return {};
  }

  Result<void> take_signs(const toml::node& node) {
    std::vector<std::string> names;
    if (auto taken = take_texts("signs", node, names); !taken) return taken;
    for (const std::string& name : names) {
      const auto kind = std::find_if(signables.begin(), signables.end(), [&name](Signable s) { return name == signable_name(s); });
      if (kind == signables.end()) {
        return wrong(node, fmt::format("signs holds '{}'", escaped(name)), "it may hold user, host, krl, trust, checkpoint");
      }
      limits_.signs.insert(*kind);
    }
    return {};
  }

  tl::unexpected<Problem> wrong(const toml::node& node, std::string what, std::string mend = {}) const {
    return problem(std::move(what), place(where_, node), std::move(mend));
  }

  const toml::table& table_;
  const std::string& where_;
  KeyLimits limits_;
  bool forbidden_given_ = false;
};

/// Whether both name the same key: the order of the parts, escapes and where the module and the PIN are do not matter.
bool same_key(const Uri& a, const Uri& b) {
  return a.token == b.token && a.serial == b.serial && a.manufacturer == b.manufacturer && a.model == b.model && a.object == b.object &&
         a.id == b.id;
}

Result<std::string> read_guarded_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return problem(std::string("cannot open the limits file: ") + std::strerror(errno), path);
  struct stat about {};
  if (::fstat(file.fd(), &about) != 0 || !S_ISREG(about.st_mode)) return problem("the limits file is no regular file", path);
  if (about.st_uid != 0 && about.st_uid != ::geteuid()) {
    return problem(fmt::format("the limits file belongs to uid {}", about.st_uid), path, "chown it to root");
  }
  if ((about.st_mode & 022) != 0) return problem("others can write the limits file", path, "chmod go-w it");
  if (about.st_size > max_file) return problem("the limits file is too long", path);
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t count = ::read(file.fd(), text.data() + have, text.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(std::string("cannot read the limits file: ") + std::strerror(errno), path);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  text.resize(have);
  return text;
}

}  // namespace

std::string_view signable_name(Signable kind) {
  switch (kind) {
    case Signable::user:
      return "user";
    case Signable::host:
      return "host";
    case Signable::krl:
      return "krl";
    case Signable::trust:
      return "trust";
    case Signable::checkpoint:
      return "checkpoint";
  }
  std::abort();
}

Result<Limits> Limits::load(const std::string& path) {
  const auto text = read_guarded_file(path);
  if (!text) return tl::unexpected(text.error());
  return parse(*text, path);
}

Result<Limits> Limits::parse(std::string_view text, const std::string& where) {
  toml::table root;
  try {
    root = toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    return problem(std::string(error.description()), fmt::format("{} line {}", where, error.source().begin.line));
  }
  Limits limits;
  limits.where_ = where;
  for (const auto& [name, node] : root) {
    const toml::array* tables = node.as_array();
    if (name.str() != "key" || tables == nullptr) {
      return problem(fmt::format("'{}' is not known here", escaped(name.str())), place(where, node), "write tables [[key]]");
    }
    for (const toml::node& entry : *tables) {
      const toml::table* table = entry.as_table();
      if (table == nullptr) return problem("key holds something else than tables", place(where, entry), "write tables [[key]]");
      auto read = TableReader(*table, where).read();
      if (!read) return tl::unexpected(read.error());
      if (limits.find(read->uri) != nullptr) return problem("the key has a table already", place(where, entry), "remove one of them");
      limits.keys_.push_back(*std::move(read));
    }
  }
  if (limits.keys_.empty()) return problem("the limits file allows no key anything", where, "write a table [[key]]");
  return limits;
}

Result<void> Limits::check_cover(const std::vector<Uri>& configured) const {
  for (const Uri& uri : configured) {
    if (find(uri) == nullptr) {
      return problem("the limits file has no table for '" + escaped(uri.text) + "'", where_, "write a table [[key]] with its uri");
    }
  }
  return {};
}

const KeyLimits* Limits::find(const Uri& uri) const {
  for (const KeyLimits& limits : keys_) {
    if (same_key(limits.uri, uri)) return &limits;
  }
  return nullptr;
}

std::string forbidden(const KeyLimits& limits, const keys::CertificateFields& certificate, std::uint64_t now) {
  const Signable kind = certificate.type == keys::CertificateType::user ? Signable::user : Signable::host;
  if (limits.signs.count(kind) == 0) return fmt::format("the key may not sign {} certificates", signable_name(kind));
  if (certificate.serial == 0) return "serial 0";
  if (certificate.valid_before <= certificate.valid_after) return "valid before is not after valid after";
  const std::uint64_t validity = certificate.valid_before - certificate.valid_after;
  if (validity > limits.max_lifetime + limits.max_back_dating) {
    return fmt::format("valid for {} s, {} s and {} s of back-dating are allowed", validity, limits.max_lifetime, limits.max_back_dating);
  }
  if (certificate.valid_after < now && now - certificate.valid_after > limits.max_back_dating) {
    return fmt::format("valid after lies {} s back, {} s are allowed", now - certificate.valid_after, limits.max_back_dating);
  }
  if (certificate.valid_after > now && certificate.valid_after - now > limits.max_forward_dating) {
    return fmt::format("valid after lies {} s ahead, {} s are allowed", certificate.valid_after - now, limits.max_forward_dating);
  }
  if (certificate.principals.empty()) return "no principal";
  for (const std::string& principal : certificate.principals) {
    if (principal.empty()) return "an empty principal";
    if (has_bad_character(principal)) return fmt::format("principal '{}' holds a character that no principal may", escaped(principal));
    if (any_matches(limits.forbidden_principals, principal)) return fmt::format("principal '{}' is forbidden", escaped(principal));
    if (!any_matches(limits.allowed_principals, principal)) return fmt::format("principal '{}' is not allowed", escaped(principal));
  }
  return {};
}

bool Rate::take(Clock::time_point now) {
  if (last_ != Clock::time_point{}) {
    const std::chrono::duration<double> passed = now - last_;
    left_ = std::min(burst_, left_ + passed.count() * per_second_);
  }
  last_ = now;
  if (left_ < 1.0) return false;
  left_ -= 1.0;
  return true;
}

}  // namespace gatehouse::pkcs11
