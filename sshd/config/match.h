/// The criteria of a Match line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/core/result.h"
#include "sshd/config/configuration.h"

namespace gatehouse::sshd {

enum class CriterionKind : std::uint8_t { all, invalid_user, user, group, host, local_address, local_port, address };

struct Criterion {
  CriterionKind kind;
  std::string list;  ///< as written; empty for all and invalid_user
};
/// All must hold.
using Criteria = std::vector<Criterion>;

/// @param arguments  what follows the word Match; "User alice" and "user=alice" are the same
/// @error no criterion, an unknown one (the nearest known one is named), one without value, a malformed list, All beside another
Result<Criteria> parse_criteria(const std::vector<std::string>& arguments);

bool criteria_match(const Criteria& criteria, const ConnectionFacts& facts);

/// "user", "group", …
std::string_view criterion_name(CriterionKind kind);

}  // namespace gatehouse::sshd
