#include "ca/directory/entry.h"

namespace gatehouse::ca {

const std::vector<std::string>& Entry::values(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto found = attributes.find(std::string(name));
  return found == attributes.end() ? none : found->second;
}

const std::string& Entry::first(std::string_view name) const {
  static const std::string none;
  const auto& all = values(name);
  return all.empty() ? none : all.front();
}

}  // namespace gatehouse::ca
