/// A line of sshd_config cut into keyword and arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse::sshd {

/// The keyword of a line and what follows it. The keyword ends at white space or one "=".
struct Line {
  std::string_view keyword;
  std::string_view rest;  ///< without white space at both ends; quotes, comments and escapes untouched
};
/// @return nothing for an empty line or a comment. @error an octet that no line holds (NUL), a keyword in quotes that do not end
Result<std::optional<Line>> split_keyword(std::string_view line);

/// The arguments: apart by white space, "…" or '…' around white space, \ before a quote, a backslash or a space takes it literally, an
/// unquoted # starts a comment. @error a quote that does not end
Result<std::vector<std::string>> split_arguments(std::string_view rest);

/// The same, text that split_arguments would read back as `argument`.
std::string quoted_argument(std::string_view argument);

}  // namespace gatehouse::sshd
