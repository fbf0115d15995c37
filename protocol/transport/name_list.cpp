#include "protocol/transport/name_list.h"

#include <algorithm>

namespace gatehouse::transport {

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= max_name &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != ','; });
}

ProtocolResult<NameList> parse_name_list(std::string_view value) {
  NameList names;
  if (value.empty()) return names;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view name = value.substr(0, comma);
    if (!valid_name(name)) return violation(Violation::bad_encoding, "name-list with a bad name: " + escaped(name, max_name));
    if (names.size() == max_names_per_list) return violation(Violation::bad_encoding, "name-list with too many names");
    names.emplace_back(name);
    if (comma == std::string_view::npos) return names;
    value.remove_prefix(comma + 1);
  }
}

std::string join_names(const NameList& names) {
  std::string value;
  for (const std::string& name : names) {
    if (!value.empty()) value += ',';
    value += name;
  }
  return value;
}

}  // namespace gatehouse::transport
