#include "sshd/config/setters.h"

#include <algorithm>

namespace gatehouse::sshd::setter {

Result<void> check_path(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return problem("\"" + escaped(path, 128) + "\" is not an absolute path", {}, "write the path from / on");
  }
  if (path.size() > 4095) return problem("the path is longer than 4095 octets", {}, "choose a shorter one");
  return {};
}

Result<std::vector<std::string>> paths_or_none(const Arguments& arguments) {
  const bool none =
      std::any_of(arguments.begin(), arguments.end(), [](const std::string& each) { return equal_ignoring_case(each, "none"); });
  if (none) {
    if (arguments.size() > 1) return problem("\"none\" beside files", {}, "give either none or the files");
    return std::vector<std::string>();
  }
  for (const std::string& path : arguments) {
    if (const auto sound = check_path(path); !sound) return tl::unexpected(sound.error());
  }
  return arguments;
}

}  // namespace gatehouse::sshd::setter
