/// An entry of a search result.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::ca {

struct Entry {
  std::string dn;
  std::map<std::string, std::vector<std::string>>
      attributes;  ///< by lower-case name, options such as ";binary" included; values are octets

  /// The values; an empty list when there is no such attribute.
  const std::vector<std::string>& values(std::string_view name) const;
  /// The one value; empty when there is none. More than one is the caller's question to ask.
  const std::string& first(std::string_view name) const;
  bool has(std::string_view name) const { return !values(name).empty(); }
};

}  // namespace gatehouse::ca
