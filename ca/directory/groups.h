/// Which groups hold an entry.
#pragma once

#include <set>
#include <string>

#include "ca/directory/connection.h"
#include "ca/directory/entry.h"
#include "ca/directory/settings.h"

namespace gatehouse::ca {

/// The normalised DNs of all groups below group_base that hold the entry, directly or through groups in groups. Nesting is walked here,
/// level by level with a set of what was seen, since most directories cannot; cycles end by themselves. Whole or nothing: more groups or
/// levels than the settings allow, a limit of the server, a referral, or values cut off (AD's ranges) are failures.
/// @param name  as memberUid has it
ServerResult<std::set<std::string>> groups_of(Connection& connection, const DirectorySettings& settings, const Entry& entry,
                                              const std::string& name);

}  // namespace gatehouse::ca
