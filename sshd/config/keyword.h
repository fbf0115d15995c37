/// The table of keywords: how each is written, where it may stand, and what it sets.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

/// Settings while lines are applied to them.
struct Draft {
  Settings settings;
  struct Listen {
    std::string host;
    std::optional<std::uint16_t> port;
  };
  std::vector<std::uint16_t> ports;
  std::vector<Listen> listen;
  std::set<std::string> given;  ///< parts of a keyword that are set ("crash" of PerSourcePenalties): the first value wins for each

  /// Ports and addresses joined, as sshd does.
  Settings finished() &&;
};

using Arguments = std::vector<std::string>;

enum class Form : std::uint8_t {
  one,   ///< exactly one argument
  list,  ///< one or more
  raw,   ///< the rest of the line as it stands, quotes too
};
enum class Repeat : std::uint8_t {
  first,   ///< the first line wins
  every,   ///< each line adds; lines in Match blocks that apply replace those outside
  merged,  ///< each line adds what the ones before left open, those outside Match blocks too
};
enum class Scope : std::uint8_t { global, match };
enum class Names : std::uint8_t { nothing, files };

struct Keyword {
  std::string_view name;  ///< as sshd_config(5) spells it
  Form form;
  Repeat repeat;
  Scope scope;
  Names names;  ///< whether the arguments are files that must be there when the server starts
  Result<void> (*apply)(Draft& draft, const Arguments& arguments);
};

/// The parts of the table, a file each.
std::span<const Keyword> network_keywords();
std::span<const Keyword> token_keywords();
std::span<const Keyword> algorithm_keywords();
std::span<const Keyword> login_keywords();
std::span<const Keyword> session_keywords();
std::span<const Keyword> process_keywords();

/// A keyword of which only harmless values are accepted, and set nothing.
struct FixedKeyword {
  std::string_view name;
  Scope scope;
  std::span<const std::string_view> accepted;  ///< the first is what -T prints
  std::string_view refusal;                    ///< why any other value is refused
  std::string_view mend;
};
std::span<const FixedKeyword> fixed_keywords();

/// A keyword of OpenSSH that we do not have.
struct UnsupportedKeyword {
  std::string_view name;
  std::string_view why;
  std::string_view mend;
};
std::span<const UnsupportedKeyword> unsupported_keywords();

/// By name in any case, older names included; null when there is none.
const Keyword* find_keyword(std::string_view name);
const FixedKeyword* find_fixed_keyword(std::string_view name);
const UnsupportedKeyword* find_unsupported_keyword(std::string_view name);
/// The name of a keyword that a person may have meant.
std::optional<std::string_view> nearest_keyword(std::string_view name);

}  // namespace gatehouse::sshd
