/// Where a PIN comes from: a file or a systemd credential. The parent opens and checks it and passes the descriptor on; only the signer
/// reads it. Passwords of services come the same way.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse {

/// Opens `path` (absolute; "file:/path"; "credential:NAME" below $CREDENTIALS_DIRECTORY). The file must be a regular file of root or of
/// `reader`, without any permission for group and others. @error Problem that names file, owner and mode, and the chmod to give
/// @param secret  what messages call it: "PIN", "bind password"
Result<UniqueFd> open_pin_source(const std::string& path, uid_t reader, std::string_view secret = "PIN");
/// Reads it whole from offset 0 (it may be read again later); one trailing newline is dropped. @error empty, or longer than 256 octets
Result<SecretBytes> read_pin(int fd, std::string_view secret = "PIN");

}  // namespace gatehouse
