/// The file that AuthorizedPrincipalsFile names: one principal a line, options in front of it where wanted, # for comments
/// (sshd_config(5), AUTHORIZED_KEYS FILE FORMAT of sshd(8) for the options).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/core/bytes.h"
#include "sshd/authorizer/grant.h"

namespace gatehouse::sshd {

/// What a line with a principal says about those who come in by it.
struct PrincipalLine {
  std::string principal;
  Permits permits{true, true, true, true, true};
  std::optional<std::string> force_command;
  std::optional<std::string> from;           ///< list of address patterns
  std::optional<std::uint64_t> expiry_time;  ///< Unix seconds
};

/// The lines in order. A line that is not understood counts for nobody.
struct PrincipalsFile {
  std::vector<PrincipalLine> lines;
  std::vector<std::string> notes;  ///< "line 3: …", text of the file escaped
};
PrincipalsFile parse_principals_file(Bytes content);

}  // namespace gatehouse::sshd
