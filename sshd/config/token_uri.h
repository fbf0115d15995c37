/// RFC 7512 URIs as HostKey takes them: syntax only, so that a slip is reported with its line before any token is asked.
#pragma once

#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::sshd {

/// @error what a key's URI must not be: another scheme, a malformed or unknown or repeated attribute, no object and no id, a PIN or a
/// module inside
Result<void> check_key_uri(std::string_view uri);

}  // namespace gatehouse::sshd
