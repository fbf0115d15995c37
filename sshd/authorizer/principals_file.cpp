#include "sshd/authorizer/principals_file.h"

#include <array>
#include <ctime>
#include <set>

#include "sshd/config/patterns.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

constexpr std::size_t most_notes = 20;

struct Option {
  std::string name;  ///< lower case
  std::optional<std::string> value;
};

/// name, name="value", … apart by commas; inside quotes \" is a quote. @return nothing when that is not what it is
std::optional<std::vector<Option>> split_options(std::string_view text) {
  std::vector<Option> out;
  std::size_t i = 0;
  while (true) {
    Option option;
    while (i < text.size() && text[i] != ',' && text[i] != '=' && text[i] != '"') option.name += text[i++];
    option.name = lower_case(option.name);
    if (option.name.empty() || option.name.find_first_of(" \t") != std::string::npos) return std::nullopt;
    if (i < text.size() && text[i] == '=') {
      ++i;
      if (i >= text.size() || text[i] != '"') return std::nullopt;
      std::string value;
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
        value += text[i];
      }
      if (i >= text.size()) return std::nullopt;
      ++i;
      option.value = std::move(value);
    }
    out.push_back(std::move(option));
    if (i >= text.size()) return out;
    if (text[i] != ',') return std::nullopt;
    ++i;
  }
}

/// YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ. Local times are not taken: what they mean is another machine's matter.
std::optional<std::uint64_t> parse_expiry(std::string_view text) {
  if (text.empty() || text.back() != 'Z') return std::nullopt;
  text.remove_suffix(1);
  if (text.size() != 8 && text.size() != 12 && text.size() != 14) return std::nullopt;
  const auto field = [text](std::size_t at, std::size_t size, std::uint64_t least, std::uint64_t most) -> std::optional<int> {
    if (at >= text.size()) return 0;
    const auto value = parse_number(text.substr(at, size), least, most);
    if (!value) return std::nullopt;
    return static_cast<int>(*value);
  };
  const auto year = field(0, 4, 1970, 9999);
  const auto month = field(4, 2, 1, 12);
  const auto day = field(6, 2, 1, 31);
  const auto hour = field(8, 2, 0, 23);
  const auto minute = field(10, 2, 0, 59);
  const auto second = field(12, 2, 0, 59);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  std::tm time{};
  time.tm_year = *year - 1900;
  time.tm_mon = *month - 1;
  time.tm_mday = *day;
  time.tm_hour = *hour;
  time.tm_min = *minute;
  time.tm_sec = *second;
  const std::time_t seconds_since = ::timegm(&time);
  if (seconds_since < 0 || time.tm_mday != *day) return std::nullopt;  // the 31st of a month that has 30 days
  return static_cast<std::uint64_t>(seconds_since);
}

struct Switch {
  std::string_view name;
  bool Permits::*permit;
};
constexpr std::array switches{Switch{"pty", &Permits::pty}, Switch{"port-forwarding", &Permits::port_forwarding},
                              Switch{"agent-forwarding", &Permits::agent_forwarding}, Switch{"x11-forwarding", &Permits::x11_forwarding},
                              Switch{"user-rc", &Permits::user_rc}};

/// @return why the option makes the line unusable; empty: it does not
std::string apply_option(const Option& option, PrincipalLine& line) {
  for (const Switch& each : switches) {
    const bool off = option.name.size() > 3 && option.name.substr(0, 3) == "no-" && option.name.substr(3) == each.name;
    if (!off && option.name != each.name) continue;
    if (option.value) return "takes no value";
    line.permits.*each.permit = !off;
    return {};
  }
  if (option.name == "restrict") {
    if (option.value) return "takes no value";
    line.permits = Permits{};
    return {};
  }
  // Without effect here: nothing reads the environment of this file (PermitUserEnvironment no), tunnels do not exist.
  if (option.name == "environment" || option.name == "tunnel") return option.value ? "" : "needs a value";
  if (option.name == "no-touch-required") return option.value ? "takes no value" : "";
  // A limit on forwarding that is not kept here must not become freedom to forward.
  if (option.name == "permitopen" || option.name == "permitlisten") {
    line.permits.port_forwarding = false;
    return option.value ? "" : "needs a value";
  }
  if (option.name == "command" || option.name == "from" || option.name == "expiry-time") {
    if (!option.value) return "needs a value";
    if (option.name == "command") {
      if (line.force_command) return "stands twice";
      line.force_command = option.value;
    } else if (option.name == "from") {
      if (line.from) return "stands twice";
      if (option.value->empty()) return "is empty";
      line.from = option.value;
    } else {
      const auto time = parse_expiry(*option.value);
      if (!time) return "is no time of the form YYYYMMDDHHMMZ";
      if (!line.expiry_time || *time < *line.expiry_time) line.expiry_time = time;
    }
    return {};
  }
  return "is not supported";
}

/// @return why the line cannot be used; empty: it can
std::string parse_line(std::string_view text, PrincipalLine& line) {
  // As sshd: the principal is the last word, and what stands before it are options.
  const auto last = text.find_last_of(" \t");
  if (last == std::string_view::npos) {
    line.principal = std::string(text);
    return {};
  }
  line.principal = std::string(text.substr(last + 1));
  std::string_view options = text.substr(0, last);
  options = options.substr(0, options.find_last_not_of(" \t") + 1);
  const auto split = split_options(options);
  if (!split) return "options are malformed";
  for (const Option& each : *split) {
    if (const std::string why = apply_option(each, line); !why.empty()) return "option " + escaped(each.name, 64) + " " + why;
  }
  return {};
}

}  // namespace

PrincipalsFile parse_principals_file(Bytes content) {
  PrincipalsFile out;
  std::size_t number = 0;
  for (const std::string& raw : split(as_text(content), '\n')) {
    ++number;
    const auto first = raw.find_first_not_of(" \t\r");
    if (first == std::string::npos || raw[first] == '#') continue;
    std::string text = raw.substr(first, raw.find_last_not_of(" \t\r") - first + 1);
    // A comment behind the principal, as people write it.
    if (const auto comment = text.rfind(" #"); comment != std::string::npos && text.find('"', comment) == std::string::npos) {
      text.resize(comment);
      text.resize(text.find_last_not_of(" \t") + 1);
    }
    PrincipalLine line;
    if (const std::string why = parse_line(text, line); !why.empty()) {
      if (out.notes.size() < most_notes) out.notes.push_back("line " + std::to_string(number) + ": " + why);
      continue;
    }
    out.lines.push_back(std::move(line));
  }
  return out;
}

}  // namespace gatehouse::sshd
