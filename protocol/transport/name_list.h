/// Name-lists (RFC 4251 section 5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"

namespace gatehouse::transport {

using NameList = std::vector<std::string>;

/// Bounds on what a peer may list; RFC 4251 section 6: names "MUST be printable US-ASCII" and "no longer than 64 characters".
inline constexpr std::size_t max_names_per_list = 256;
inline constexpr std::size_t max_name = 64;

/// One algorithm or method name: 1 to 64 octets of printable US-ASCII without a comma.
bool valid_name(std::string_view name);
/// @param value  comma separated; empty: no names @error bad_encoding: an empty or bad name, too many
ProtocolResult<NameList> parse_name_list(std::string_view value);
std::string join_names(const NameList& names);

}  // namespace gatehouse::transport
