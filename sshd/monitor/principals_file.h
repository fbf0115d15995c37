/// AuthorizedPrincipalsFile: opened with the user's rights by a child that lives for it, read as octets. The authorizer parses them.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/account.h"
#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::sshd {

/// %u user, %h home, %U uid, %% percent; a relative path is below the home.
std::string expand_principals_path(const std::string& pattern, const Account& account);

/// The file's content, at most authorizer::max_principals_file octets.
/// @param reader  whose rights the child takes: the user's
/// @param strict_modes  refuse a file, or a folder above it up to the home or the root, that others may write, or that neither the user nor
/// root owns
/// @param latest  when to give up, whatever has been read by then
/// @return nothing when there is no such file, or it may not be used; the reason goes to the log
std::optional<ByteVector> read_principals_file(const std::string& path, const Account& reader, bool strict_modes,
                                               std::chrono::steady_clock::time_point latest);

}  // namespace gatehouse::sshd
