/// The arguments of internal-sftp, as sftp-server(8) has them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::sshd {

struct SftpOptions {
  bool read_only = false;       ///< -R
  std::optional<mode_t> umask;  ///< -u
  std::string start_directory;  ///< -d, with %d (home), %u (name) and %% filled in; empty: where the session starts
  std::optional<std::set<std::string, std::less<>>> allowed;  ///< -p: only these requests
  std::set<std::string, std::less<>> denied;                  ///< -P: not these; wins over -p
};

/// @param arguments  what follows "internal-sftp", split at blanks, with "" and '' around what holds blanks
/// @error Problem: unknown option, unknown request name, bad umask
Result<SftpOptions> parse_sftp_options(std::string_view arguments, std::string_view user, std::string_view home);

}  // namespace gatehouse::sshd
