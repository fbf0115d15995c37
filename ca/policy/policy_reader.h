/// policy.toml as text, with the place of each mistake.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ca/policy/policy.h"

namespace gatehouse::ca {

/// What the file may be at most.
inline constexpr std::size_t max_policy_file = 1024 * 1024;

struct PolicyText {
  std::vector<Role> roles;           ///< in the order of the file
  std::vector<HostRole> host_roles;  ///< in the order of the file
  std::set<std::string> admin_groups;
};

/// @error Problem with "FILE line N" and the mend; nothing is ignored: an unknown table or key is a mistake
Result<PolicyText> read_policy(std::string_view text, const std::string& file);

/// "90s", "15m", "1h", "30d", "1h30m". @return nothing for anything else, for 0 and for more than 366 days
std::optional<Seconds> parse_lifetime(std::string_view text);

}  // namespace gatehouse::ca
