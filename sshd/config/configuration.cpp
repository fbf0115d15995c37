#include "sshd/config/configuration.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "daemon/unique_fd.h"
#include "protocol/core/wire.h"
#include "sshd/config/algorithm_names.h"
#include "sshd/config/parser.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

Draft fresh_draft() {
  Draft draft;
  draft.settings.kex_algorithms = kex_names();
  draft.settings.ciphers = cipher_names();
  draft.settings.macs = mac_names();
  draft.settings.host_key_algorithms = host_key_algorithm_names();
  draft.settings.pubkey_accepted_algorithms = user_certificate_algorithm_names();
  draft.settings.ca_signature_algorithms = ca_signature_names();
  return draft;
}

bool block_matches(const Block& block, const ConnectionFacts& facts) {
  return std::all_of(block.begin(), block.end(), [&facts](const Criteria& each) { return criteria_match(each, facts); });
}

/// The statements that count, in the order in which they do: Match blocks before what stands outside.
Settings evaluate(const Script& script, const ConnectionFacts* facts) {
  Draft draft = fresh_draft();
  std::set<const Keyword*> done;  // set by this pass or the one before
  const bool port_on_command_line = std::any_of(script.statements.begin(), script.statements.end(), [](const Statement& each) {
    return each.keyword->name == "Port" && each.place == command_line;
  });
  const auto pass = [&](auto&& counts) {
    std::set<const Keyword*> set;
    for (const Statement& each : script.statements) {
      const Keyword& keyword = *each.keyword;
      if (!counts(each)) continue;
      if (keyword.repeat != Repeat::merged && done.count(&keyword) != 0) continue;
      if (keyword.repeat == Repeat::first && set.count(&keyword) != 0) continue;
      // -p takes the place of the file's ports, as with sshd.
      if (keyword.name == "Port" && port_on_command_line && each.place != command_line) continue;
      (void)apply(keyword, each.arguments, draft);  // was sound when it was parsed
      set.insert(&keyword);
      draft.settings.places.emplace(lower_case(keyword.name), each.place);
    }
    done.insert(set.begin(), set.end());
  };
  if (facts != nullptr) {
    std::vector<bool> applies(script.blocks.size());
    for (std::size_t i = 1; i < script.blocks.size(); ++i) applies[i] = block_matches(script.blocks[i], *facts);
    pass([&applies](const Statement& each) { return each.block != 0 && applies[each.block]; });
  }
  pass([](const Statement& each) { return each.block == 0; });
  return std::move(draft).finished();
}

constexpr std::uint32_t format_version = 1;

}  // namespace

struct Configuration::Content {
  Script script;
  Settings global;
};

Configuration::Configuration(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

Result<Configuration, Problems> Configuration::load(const std::string& path, const std::vector<std::string>& options) {
  const auto text = read_config_file(path);
  if (!text) return tl::unexpected(Problems{text.error()});
  return parse(*text, path, options);
}

Result<Configuration, Problems> Configuration::parse(std::string_view text, const std::string& name,
                                                     const std::vector<std::string>& options) {
  auto script = parse_script(text, name, options);
  if (!script) return tl::unexpected(std::move(script.error()));
  auto content = std::make_shared<Content>();
  content->script = std::move(*script);
  content->global = evaluate(content->script, nullptr);
  const bool trusted = std::any_of(content->script.statements.begin(), content->script.statements.end(), [](const Statement& each) {
    return each.keyword->name == "TrustedUserCAKeys" || each.keyword->name == "BreakGlassCAKeys";
  });
  if (!trusted)
    content->script.notes.push_back({"no TrustedUserCAKeys: nobody can log in", name, "name the file with the public keys of your CA"});
  return Configuration(std::move(content));
}

const Settings& Configuration::global() const { return content_->global; }

Settings Configuration::settings_for(const ConnectionFacts& facts) const { return evaluate(content_->script, &facts); }

bool Configuration::matches_on(std::string_view criterion) const {
  for (const Block& block : content_->script.blocks) {
    for (const Criteria& criteria : block) {
      for (const Criterion& each : criteria) {
        if (equal_ignoring_case(criterion_name(each.kind), criterion)) return true;
      }
    }
  }
  return false;
}

Problems Configuration::startup_problems() const {
  Problems out;
  const Settings& settings = content_->global;
  if (settings.host_keys.empty()) out.push_back({"no HostKey", {}, "gatehouse key generate, then HostKey pkcs11:token=NAME;object=LABEL"});
  if (!settings.host_keys.empty() && settings.pkcs11_provider.empty()) {
    out.push_back({"HostKey names a token, and no PKCS11Provider says how to reach it", settings.places.at("hostkey"),
                   "give the path of the PKCS#11 module, as in PKCS11Provider /usr/lib/softhsm/libsofthsm2.so"});
  }
  if (!settings.host_keys.empty() && settings.pkcs11_pin_source.empty()) {
    out.push_back({"HostKey names a token, and no PKCS11PinSource says where its PIN is", settings.places.at("hostkey"),
                   "give the path of a file that holds it"});
  }
  for (const Statement& each : content_->script.statements) {
    if (each.keyword->names != Names::files) continue;
    for (const std::string& path : each.arguments) {
      if (equal_ignoring_case(path, "none")) continue;
      const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
      struct stat facts {};
      if (!file) {
        out.push_back({std::string(each.keyword->name) + ": cannot open " + escaped(path) + ": " + std::strerror(errno), each.place,
                       "create the file, or change the path"});
      } else if (::fstat(file.fd(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        out.push_back({std::string(each.keyword->name) + ": " + escaped(path) + " is no file", each.place, "give the path of a file"});
      }
    }
  }
  return out;
}

const std::vector<Problem>& Configuration::notes() const { return content_->script.notes; }

Configuration::TrustFiles Configuration::trust_files() const {
  TrustFiles out;
  const auto add = [](std::vector<std::string>& to, const Arguments& paths) {
    for (const std::string& path : paths) {
      if (!equal_ignoring_case(path, "none") && std::find(to.begin(), to.end(), path) == to.end()) to.push_back(path);
    }
  };
  for (const Statement& each : content_->script.statements) {
    if (each.keyword->name == "TrustedUserCAKeys" || each.keyword->name == "BreakGlassCAKeys") add(out.ca_keys, each.arguments);
    if (each.keyword->name == "RevokedKeys") add(out.revoked_keys, each.arguments);
  }
  return out;
}

ByteVector Configuration::serialize() const {
  const Script& script = content_->script;
  WireWriter out;
  out.uint32(format_version).uint32(static_cast<std::uint32_t>(script.blocks.size()));
  for (const Block& block : script.blocks) {
    out.uint32(static_cast<std::uint32_t>(block.size()));
    for (const Criteria& criteria : block) {
      out.uint32(static_cast<std::uint32_t>(criteria.size()));
      for (const Criterion& each : criteria) out.string(criterion_name(each.kind)).string(each.list);
    }
  }
  out.uint32(static_cast<std::uint32_t>(script.statements.size()));
  for (const Statement& each : script.statements) {
    out.string(each.keyword->name).string(each.place).uint32(each.block).uint32(static_cast<std::uint32_t>(each.arguments.size()));
    for (const std::string& argument : each.arguments) out.string(argument);
  }
  return out.take();
}

Result<Configuration> Configuration::deserialize(Bytes bytes) {
  const auto malformed = [] {
    return problem("a configuration of another program or version", "from the parent process", "restart the server");
  };
  // Every item takes octets of the input, so no count can make more than was sent.
  WireReader in(bytes);
  if (in.uint32() != format_version) return malformed();
  auto content = std::make_shared<Content>();
  Script& script = content->script;
  script.blocks.clear();
  for (std::uint32_t blocks = in.uint32(); blocks > 0 && !in.failed(); --blocks) {
    Block block;
    for (std::uint32_t lines = in.uint32(); lines > 0 && !in.failed(); --lines) {
      std::vector<std::string> words;
      for (std::uint32_t count = in.uint32(); count > 0 && !in.failed(); --count) {
        words.emplace_back(in.text());
        if (const std::string_view list = in.text(); !list.empty()) words.emplace_back(list);
      }
      auto criteria = parse_criteria(words);
      if (!criteria) return malformed();
      block.push_back(std::move(*criteria));
    }
    script.blocks.push_back(std::move(block));
  }
  Draft scratch;
  for (std::uint32_t count = in.uint32(); count > 0 && !in.failed(); --count) {
    Statement statement;
    statement.keyword = find_keyword(in.text());
    statement.place = std::string(in.text());
    statement.block = in.uint32();
    for (std::uint32_t arguments = in.uint32(); arguments > 0 && !in.failed(); --arguments) statement.arguments.emplace_back(in.text());
    if (in.failed() || statement.keyword == nullptr || statement.block >= script.blocks.size()) return malformed();
    Draft draft;
    if (!apply(*statement.keyword, statement.arguments, draft)) return malformed();
    script.statements.push_back(std::move(statement));
  }
  if (!in.finish() || script.blocks.empty() || !script.blocks.front().empty()) return malformed();
  content->global = evaluate(script, nullptr);
  return Configuration(std::move(content));
}

Result<std::string> read_config_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return problem("cannot open " + escaped(path) + ": " + std::strerror(errno), {}, "create it, or change the path");
  struct stat facts {};
  if (::fstat(file.fd(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return problem(escaped(path) + " is no file", {}, "give the path of a file");
  std::string out;
  std::string chunk(64 * 1024, '\0');
  while (true) {
    const ssize_t count = ::read(file.fd(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem("cannot read " + escaped(path) + ": " + std::strerror(errno));
    if (count == 0) return out;
    if (out.size() + static_cast<std::size_t>(count) > limit) {
      return problem(escaped(path) + " is larger than " + std::to_string(limit) + " octets", {}, "make it smaller");
    }
    out.append(chunk, 0, static_cast<std::size_t>(count));
  }
}

}  // namespace gatehouse::sshd
