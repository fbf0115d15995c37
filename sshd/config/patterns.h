/// PATTERNS of ssh_config(5), and lists of addresses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

/// `*` any octets, `?` one octet; the whole text, with case.
bool pattern_matches(std::string_view pattern, std::string_view text);

enum class ListMatch : std::uint8_t { no, yes, negated };
/// A comma list of patterns, each with ! in front to negate. negated: a negated pattern matches, whatever else does.
ListMatch pattern_list_matches(std::string_view list, std::string_view text);

/// A comma list of addresses, CIDR blocks (IPv4 or IPv6, host bits zero) and patterns, each with ! in front to negate.
/// An IPv4-mapped IPv6 address counts as IPv4.
ListMatch address_list_matches(std::string_view list, std::string_view address);
/// @error names the entry whose mask is wrong
Result<void> check_address_list(std::string_view list);

/// AllowUsers, DenyUsers, AllowGroups, DenyGroups: in this order DenyUsers, AllowUsers, DenyGroups, AllowGroups.
/// Entries USER@HOST match the user and the address. @return nothing when allowed, else the keyword that refuses ("DenyUsers", …)
std::string_view refused_by_lists(const Settings& settings, std::string_view user, const std::vector<std::string>& groups,
                                  std::string_view host, std::string_view address);

}  // namespace gatehouse::sshd
