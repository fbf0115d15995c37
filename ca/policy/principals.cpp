#include "ca/policy/principals.h"

#include <algorithm>

#include "ca/directory/dn.h"
#include "ca/policy/policy.h"

namespace gatehouse::ca {

namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_attribute_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}
bool is_host_text(std::string_view name, bool with_star) {
  if (name.empty() || name.size() > 253) return false;
  const auto good = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || (with_star && c == '*');
  };
  if (!std::all_of(name.begin(), name.end(), good)) return false;
  if (name.find(':') != std::string_view::npos) return true;  // an IPv6 address may begin and end with colons
  return name.front() != '.' && name.front() != '-' && name.back() != '.' && name.find("..") == std::string_view::npos;
}

}  // namespace

Result<PrincipalTemplate> PrincipalTemplate::parse(const std::string& text) {
  PrincipalTemplate result;
  const auto open = text.find('{');
  if (open == std::string::npos) {
    if (!is_acceptable_principal(text)) {
      return problem("\"" + escaped(text) + "\" is no principal", {}, "a-z A-Z 0-9 . _ - @ : + with a letter, digit or _ first");
    }
    result.before_ = text;
    return result;
  }
  const auto close = text.find('}', open);
  if (close == std::string::npos || text.find_first_of("{}", close + 1) != std::string::npos || text.find('}') < open) {
    return problem("\"" + escaped(text) + "\" has braces that do not pair, or more than one place", {}, "write \"{uid}\" or \"db-{uid}\"");
  }
  const std::string_view name = std::string_view(text).substr(open + 1, close - open - 1);
  if (!is_attribute_name(name)) return problem("\"" + escaped(text) + "\" names no attribute", {}, "write \"{uid}\"");
  result.has_place_ = true;
  result.before_ = text.substr(0, open);
  result.after_ = text.substr(close + 1);
  if (!equal_but_for_case(name, "uid")) result.attribute_ = lower_case(name);
  if (!is_acceptable_principal(result.before_ + "x" + result.after_)) {
    return problem("\"" + escaped(text) + "\" can yield no principal", {}, "a-z A-Z 0-9 . _ - @ : + around the braces");
  }
  return result;
}

std::vector<std::string> PrincipalTemplate::filled_in(const Person& person) const {
  if (!has_place_) return {before_};
  if (attribute_.empty()) return {before_ + person.name + after_};
  std::vector<std::string> out;
  if (const auto found = person.attributes.find(attribute_); found != person.attributes.end()) {
    for (const auto& value : found->second) out.push_back(before_ + value + after_);
  }
  return out;
}

bool is_acceptable_principal(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  if (!is_letter_or_digit(name.front()) && name.front() != '_') return false;
  if (name.back() == '$') name.remove_suffix(1);
  constexpr std::string_view marks = "._-@:+";
  return std::all_of(name.begin(), name.end(), [&](char c) { return is_letter_or_digit(c) || marks.find(c) != std::string_view::npos; });
}

bool is_forbidden_principal(std::string_view name) { return equal_but_for_case(name, "root"); }

bool is_acceptable_host_name(std::string_view name) { return is_host_text(name, false); }
bool is_acceptable_host_pattern(std::string_view pattern) { return is_host_text(pattern, true); }

bool host_name_matches(std::string_view pattern, std::string_view name) {
  // One star at a time, the last one first to grow: linear in the number of stars times the name.
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos && name[resume] != '.') {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace gatehouse::ca
