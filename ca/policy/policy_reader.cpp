#include "ca/policy/policy_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "ca/directory/dn.h"
#include "ca/policy/principals.h"
#include "protocol/keys/algorithm.h"

namespace gatehouse::ca {

namespace {

namespace extension = keys::extension;
namespace option = keys::option;
using keys::KeyType;

constexpr std::array<std::string_view, 6> known_extensions{
    extension::no_touch_required, extension::permit_x11_forwarding, extension::permit_agent_forwarding, extension::permit_port_forwarding,
    extension::permit_pty,        extension::permit_user_rc};
constexpr std::array<std::pair<std::string_view, KeyType>, 5> key_type_words{{{"ed25519", KeyType::ed25519},
                                                                              {"ecdsa-p256", KeyType::ecdsa_p256},
                                                                              {"ecdsa-p384", KeyType::ecdsa_p384},
                                                                              {"ecdsa-p521", KeyType::ecdsa_p521},
                                                                              {"rsa", KeyType::rsa}}};

// One table of the file. Each key is taken once; what nobody took is unknown.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, const std::string& file) : table_(table), name_(std::move(name)), file_(file) {}

  std::string where(const toml::node* node) const {
    const toml::node& place = node != nullptr ? *node : static_cast<const toml::node&>(table_);
    return file_ + " line " + std::to_string(place.source().begin.line);
  }

  const toml::node* take(std::string_view key) {
    known_.emplace_back(key);
    return table_.get(key);
  }

  tl::unexpected<Problem> wrong(const toml::node* node, std::string_view key, const std::string& what, std::string mend = {}) const {
    return problem("[" + name_ + "] " + std::string(key) + ": " + what, where(node), std::move(mend));
  }

  /// Nothing when the key is absent. @error not a text
  Result<std::optional<std::string>> text(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::optional<std::string>();
    const auto* value = node->as_string();
    if (value == nullptr) return wrong(node, key, "not a text", "write it in quotes");
    return std::optional<std::string>(value->get());
  }

  struct Item {
    std::string text;
    const toml::node* node;
  };
  /// Nothing when the key is absent; a single text is a list of one. @error an element that is not a text, or the same twice
  Result<std::optional<std::vector<Item>>> texts(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::optional<std::vector<Item>>();
    std::vector<Item> out;
    if (const auto* one = node->as_string()) {
      out.push_back({one->get(), node});
    } else if (const auto* list = node->as_array()) {
      for (const toml::node& element : *list) {
        const auto* value = element.as_string();
        if (value == nullptr) return wrong(&element, key, "an element is not a text", "write it in quotes");
        const bool again = std::any_of(out.begin(), out.end(), [&](const Item& item) { return item.text == value->get(); });
        if (again) return wrong(&element, key, "\"" + escaped(value->get()) + "\" stands twice");
        out.push_back({value->get(), &element});
      }
    } else {
      return wrong(node, key, "not a list of texts", "write [\"…\", \"…\"]");
    }
    return std::optional(std::move(out));
  }

  Result<std::optional<Seconds>> lifetime(std::string_view key) {
    const auto value = text(key);
    if (!value) return tl::unexpected(value.error());
    if (!*value) return std::optional<Seconds>();
    const auto time = parse_lifetime(**value);
    if (!time) return wrong(table_.get(key), key, "\"" + escaped(**value) + "\" is no time", "write \"90s\", \"15m\", \"1h\" or \"30d\"");
    return std::optional(*time);
  }

  /// Normalised DNs. @error absent, empty, not DNs
  Result<std::vector<std::string>> groups() {
    constexpr std::string_view key = "groups";
    const auto list = texts(key);
    if (!list) return tl::unexpected(list.error());
    if (!*list || (*list)->empty()) {
      return wrong(table_.get(key), key, "no group is named", "groups = [\"cn=ops,ou=groups,dc=example,dc=com\"]");
    }
    std::vector<std::string> out;
    for (const auto& item : **list) {
      auto dn = normalised_dn(item.text);
      if (!dn) return wrong(item.node, key, dn.error().what, "groups are named by DN: cn=ops,ou=groups,dc=example,dc=com");
      out.push_back(std::move(*dn));
    }
    return out;
  }

  Result<void> finish() const {
    for (const auto& [key, node] : table_) {
      const std::string_view name = key.str();
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      std::string mend = "known keys are";
      for (const auto& known : known_) mend += " " + known;
      return problem("[" + name_ + "] has the unknown key \"" + escaped(name) + "\"",
                     file_ + " line " + std::to_string(key.source().begin.line), mend);
    }
    return {};
  }

  const toml::table& table() const { return table_; }

 private:
  const toml::table& table_;
  std::string name_;
  const std::string& file_;
  std::vector<std::string> known_;
};

Result<std::set<KeyType>> read_key_types(TableReader& reader) {
  constexpr std::string_view key = "key_types";
  std::set<KeyType> out;
  const auto list = reader.texts(key);
  if (!list) return tl::unexpected(list.error());
  if (!*list) {
    for (const auto& word : key_type_words) out.insert(word.second);
    return out;
  }
  for (const auto& item : **list) {
    const auto found =
        std::find_if(key_type_words.begin(), key_type_words.end(), [&](const auto& word) { return word.first == item.text; });
    if (found == key_type_words.end()) {
      return reader.wrong(item.node, key, "\"" + escaped(item.text) + "\" is no key type",
                          "ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521 or rsa");
    }
    out.insert(found->second);
  }
  if (out.empty()) return reader.wrong(reader.table().get(key), key, "an empty list lets no key in");
  return out;
}

Result<std::optional<std::set<Proof>>> read_authenticators(TableReader& reader) {
  constexpr std::string_view key = "authenticators";
  const auto list = reader.texts(key);
  if (!list) return tl::unexpected(list.error());
  if (!*list) return std::optional<std::set<Proof>>();
  std::set<Proof> out;
  for (const auto& item : **list) {
    const auto proof = proof_by_name(item.text);
    if (!proof) {
      return reader.wrong(item.node, key, "\"" + escaped(item.text) + "\" is no authenticator",
                          "password, kerberos, enrolled-key or renewal");
    }
    out.insert(*proof);
  }
  if (out.empty()) return reader.wrong(reader.table().get(key), key, "an empty list lets nobody in");
  return std::optional(std::move(out));
}

Result<void> read_times(TableReader& reader, Seconds& lifetime, Seconds& max_lifetime) {
  const auto usual = reader.lifetime("lifetime");
  if (!usual) return tl::unexpected(usual.error());
  const auto longest = reader.lifetime("max_lifetime");
  if (!longest) return tl::unexpected(longest.error());
  if (*usual) lifetime = **usual;
  max_lifetime = longest->value_or(lifetime);
  if (max_lifetime < lifetime) {
    return reader.wrong(reader.table().get("max_lifetime"), "max_lifetime",
                        "shorter than lifetime, which is " + std::to_string(lifetime.count()) + " s");
  }
  return {};
}

Result<std::vector<keys::CertificateOption>> read_extensions(TableReader& reader) {
  constexpr std::string_view key = "extensions";
  const auto list = reader.texts(key);
  if (!list) return tl::unexpected(list.error());
  std::vector<keys::CertificateOption> out;
  if (!*list) {
    out.push_back({std::string(extension::permit_pty), {}, false});
    return out;
  }
  for (const auto& item : **list) {
    const bool known = std::find(known_extensions.begin(), known_extensions.end(), item.text) != known_extensions.end();
    if (!known) {
      std::string mend = "one of";
      for (const auto& name : known_extensions) mend += " " + std::string(name);
      return reader.wrong(item.node, key, "\"" + escaped(item.text) + "\" is no extension", mend);
    }
    out.push_back({item.text, {}, false});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Result<std::vector<keys::CertificateOption>> read_critical_options(TableReader& reader, const std::string& role, const std::string& file) {
  constexpr std::string_view key = "critical_options";
  std::vector<keys::CertificateOption> out;
  const toml::node* node = reader.take(key);
  if (node == nullptr) return out;
  const auto* table = node->as_table();
  if (table == nullptr) {
    return reader.wrong(node, key, "not a table", "critical_options = { \"source-address\" = \"10.0.0.0/8\" }");
  }
  TableReader options(*table, role + ".critical_options", file);
  const auto command = options.text(option::force_command);
  if (!command) return tl::unexpected(command.error());
  if (*command) {
    if ((*command)->empty() || (*command)->find('\0') != std::string::npos || (*command)->size() > 4096) {
      return options.wrong(table->get(option::force_command), option::force_command, "empty, too long, or with a NUL");
    }
    out.push_back({std::string(option::force_command), **command, true});
  }
  const auto addresses = options.texts(option::source_address);
  if (!addresses) return tl::unexpected(addresses.error());
  if (*addresses) {
    std::string list;
    for (const auto& item : **addresses) list += (list.empty() ? "" : ",") + item.text;
    const auto parsed = keys::parse_source_address(list);
    if (!parsed) {
      return options.wrong(table->get(option::source_address), option::source_address, parsed.error().what, "\"10.0.0.0/8,192.0.2.7/32\"");
    }
    out.push_back({std::string(option::source_address), list, true});
  }
  if (auto done = options.finish(); !done) return tl::unexpected(done.error());
  return out;
}

Result<void> read_principals(TableReader& reader, Role& role) {
  const auto allowed = reader.texts("allow_principals");
  if (!allowed) return tl::unexpected(allowed.error());
  if (*allowed) {
    for (const auto& item : **allowed) {
      if (!is_acceptable_principal(item.text))
        return reader.wrong(item.node, "allow_principals", "\"" + escaped(item.text) + "\" is no principal");
      role.allowed_principals.insert(item.text);
    }
  }
  constexpr std::string_view key = "principals";
  const auto list = reader.texts(key);
  if (!list) return tl::unexpected(list.error());
  // OpenSSH takes a certificate without principals for nobody, others for everybody.
  if (!*list || (*list)->empty()) return reader.wrong(reader.table().get(key), key, "no principal", "principals = [\"{uid}\"]");
  if ((*list)->size() > keys::max_principals) return reader.wrong(reader.table().get(key), key, "too many principals");
  for (const auto& item : **list) {
    const auto parsed = PrincipalTemplate::parse(item.text);
    if (!parsed) return reader.wrong(item.node, key, parsed.error().what, parsed.error().mend);
    if (parsed->is_literal() && is_forbidden_principal(item.text) && role.allowed_principals.count(item.text) == 0) {
      return reader.wrong(item.node, key, "\"" + item.text + "\" is given out by no role that does not say so twice",
                          "allow_principals = [\"" + item.text + "\"]");
    }
    role.principals.push_back(item.text);
  }
  return {};
}

Result<Role> read_role(const std::string& name, const toml::table& table, const std::string& file) {
  TableReader reader(table, "role." + name, file);
  Role role;
  role.name = name;
  auto groups = reader.groups();
  if (!groups) return tl::unexpected(groups.error());
  role.groups = std::move(*groups);
  if (auto ok = read_principals(reader, role); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_times(reader, role.lifetime, role.max_lifetime); !ok) return tl::unexpected(ok.error());
  const auto session = reader.lifetime("session");
  if (!session) return tl::unexpected(session.error());
  if (*session) role.session = **session;
  auto extensions = read_extensions(reader);
  if (!extensions) return tl::unexpected(extensions.error());
  role.extensions = std::move(*extensions);
  auto options = read_critical_options(reader, "role." + name, file);
  if (!options) return tl::unexpected(options.error());
  role.critical_options = std::move(*options);
  auto key_types = read_key_types(reader);
  if (!key_types) return tl::unexpected(key_types.error());
  role.key_types = std::move(*key_types);
  auto authenticators = read_authenticators(reader);
  if (!authenticators) return tl::unexpected(authenticators.error());
  role.authenticators = std::move(*authenticators);
  const auto reason = reader.text("reason");
  if (!reason) return tl::unexpected(reason.error());
  if (*reason && **reason != "required" && **reason != "optional") {
    return reader.wrong(table.get("reason"), "reason", "neither \"required\" nor \"optional\"");
  }
  role.reason_required = *reason == "required";
  const auto issuer = reader.text("issuer");
  if (!issuer) return tl::unexpected(issuer.error());
  role.issuer = issuer->value_or("");
  if (auto ok = reader.finish(); !ok) return tl::unexpected(ok.error());
  return role;
}

Result<HostRole> read_host_role(const std::string& name, const toml::table& table, const std::string& file) {
  TableReader reader(table, "host_role." + name, file);
  HostRole role;
  role.name = name;
  auto groups = reader.groups();
  if (!groups) return tl::unexpected(groups.error());
  role.groups = std::move(*groups);
  const auto names = reader.texts("names");
  if (!names) return tl::unexpected(names.error());
  if (!*names || (*names)->empty()) return reader.wrong(table.get("names"), "names", "no host name", "names = [\"*.example.com\"]");
  for (const auto& item : **names) {
    if (!is_acceptable_host_pattern(item.text)) {
      return reader.wrong(item.node, "names", "\"" + escaped(item.text) + "\" is no host name or pattern",
                          "lower case, as in \"*.example.com\"");
    }
    role.names.push_back(item.text);
  }
  if (auto ok = read_times(reader, role.lifetime, role.max_lifetime); !ok) return tl::unexpected(ok.error());
  auto key_types = read_key_types(reader);
  if (!key_types) return tl::unexpected(key_types.error());
  role.key_types = std::move(*key_types);
  auto authenticators = read_authenticators(reader);
  if (!authenticators) return tl::unexpected(authenticators.error());
  role.authenticators = authenticators->value_or(std::set<Proof>{Proof::password, Proof::kerberos});
  const auto issuer = reader.text("issuer");
  if (!issuer) return tl::unexpected(issuer.error());
  role.issuer = issuer->value_or("");
  if (auto ok = reader.finish(); !ok) return tl::unexpected(ok.error());
  return role;
}

// The tables below `node`, in the order of the file: toml++ sorts by name, and "the first role that …" is for the author to order.
Result<std::vector<std::pair<std::string, const toml::table*>>> tables_of(const toml::node* node, std::string_view kind,
                                                                          const std::string& file) {
  std::vector<std::pair<std::string, const toml::table*>> out;
  if (node == nullptr) return out;
  const auto* all = node->as_table();
  const std::string where = file + " line " + std::to_string(node->source().begin.line);
  const std::string mend = "write [" + std::string(kind) + ".NAME]";
  if (all == nullptr) return problem("[" + std::string(kind) + "] is no table", where, mend);
  for (const auto& [key, entry] : *all) {
    const std::string name(key.str());
    const std::string place = file + " line " + std::to_string(key.source().begin.line);
    const auto* table = entry.as_table();
    if (table == nullptr) return problem("[" + std::string(kind) + "] " + escaped(name) + " is no table", place, mend);
    if (name.size() > 64 || !is_acceptable_user_name(name)) {
      return problem("\"" + escaped(name) + "\" is no name for a role", place, "a-z A-Z 0-9 . _ - with a letter, digit or _ first");
    }
    out.emplace_back(name, table);
  }
  const auto position = [](const toml::table& table) { return std::make_pair(table.source().begin.line, table.source().begin.column); };
  std::sort(out.begin(), out.end(), [&](const auto& a, const auto& b) { return position(*a.second) < position(*b.second); });
  return out;
}

Result<PolicyText> read_tables(const toml::table& root, const std::string& file) {
  PolicyText policy;
  for (const auto& [key, node] : root) {
    if (key == "role" || key == "host_role" || key == "admin") continue;
    return problem("unknown table or key \"" + escaped(key.str()) + "\"", file + " line " + std::to_string(key.source().begin.line),
                   "known are [role.NAME], [host_role.NAME] and [admin]");
  }
  auto roles = tables_of(root.get("role"), "role", file);
  if (!roles) return tl::unexpected(roles.error());
  for (const auto& [name, table] : *roles) {
    auto role = read_role(name, *table, file);
    if (!role) return tl::unexpected(role.error());
    policy.roles.push_back(std::move(*role));
  }
  auto host_roles = tables_of(root.get("host_role"), "host_role", file);
  if (!host_roles) return tl::unexpected(host_roles.error());
  for (const auto& [name, table] : *host_roles) {
    auto role = read_host_role(name, *table, file);
    if (!role) return tl::unexpected(role.error());
    policy.host_roles.push_back(std::move(*role));
  }
  if (const toml::node* admin = root.get("admin")) {
    const auto* table = admin->as_table();
    if (table == nullptr) return problem("[admin] is no table", file + " line " + std::to_string(admin->source().begin.line));
    TableReader reader(*table, "admin", file);
    auto groups = reader.groups();
    if (!groups) return tl::unexpected(groups.error());
    policy.admin_groups.insert(groups->begin(), groups->end());
    if (auto ok = reader.finish(); !ok) return tl::unexpected(ok.error());
  }
  if (policy.roles.empty() && policy.host_roles.empty())
    return problem("the policy has no role", file, "write [role.NAME] with groups and principals");
  return policy;
}

}  // namespace

std::optional<Seconds> parse_lifetime(std::string_view text) {
  constexpr std::int64_t longest = 366 * 24 * 3600;
  std::int64_t total = 0;
  std::int64_t last_unit = longest + 1;  // units come from the longest to the shortest, each once
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || digits == text.size() || text.front() == '-' || count > longest) return std::nullopt;
    std::int64_t unit = 0;
    switch (text[digits]) {
      case 's':
        unit = 1;
        break;
      case 'm':
        unit = 60;
        break;
      case 'h':
        unit = 3600;
        break;
      case 'd':
        unit = 24 * 3600;
        break;
      default:
        return std::nullopt;
    }
    if (unit >= last_unit) return std::nullopt;
    last_unit = unit;
    total += count * unit;
    text.remove_prefix(digits + 1);
  }
  if (total <= 0 || total > longest) return std::nullopt;
  return Seconds(total);
}

Result<PolicyText> read_policy(std::string_view text, const std::string& file) {
  if (text.size() > max_policy_file) return problem("the policy is larger than 1 MiB", file);
  try {
    return read_tables(toml::parse(text, std::string_view(file)), file);
  } catch (const toml::parse_error& error) {
    return problem(std::string(error.description()), file + " line " + std::to_string(error.source().begin.line), "see https://toml.io");
  }
}

}  // namespace gatehouse::ca
