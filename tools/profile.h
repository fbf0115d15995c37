/// Which CA and as whom: from the command line, else from the person's profile file, else from the environment.
#pragma once

#include <string>

#include <boost/program_options/variables_map.hpp>

#include "ca/client/ca_client.h"
#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::tools {

struct Profile {
  std::string ca_url;
  std::string ca_file;  ///< absolute, or empty
  std::string user;
  std::string role;
};

/// Options win over `[profile.NAME]` (members ca, ca_file, user, role) in $XDG_CONFIG_HOME/gatehouse/config.toml, that over $GATEHOUSE_CA,
/// $GATEHOUSE_CA_FILE and $GATEHOUSE_USER. @error Problem: no CA is named anywhere; a file with a mistake, by line
Result<Profile> resolve_profile(const boost::program_options::variables_map& given);

/// From --password-fd (one line, or all up to its end) or, without it, asked on the controlling terminal without echo.
/// @error Problem: no terminal, empty, too long
Result<SecretBytes> read_password(const boost::program_options::variables_map& given, const std::string& prompt);

Result<ca::CaClient> open_client(const Profile& profile);

}  // namespace gatehouse::tools
