/// The parent of the CA's processes: reads ca.toml, opens what needs its rights, starts signer, issuer and front under their accounts and
/// keeps them running. It parses nothing that a stranger sends.
#pragma once

#include <string>
#include <vector>

#include "ca/issuer/config.h"
#include "pkcs11/client/signer_process.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// The file's content, parsed, and everything looked at that a start needs: accounts, folders, policy, TLS files, module, URIs, PIN
/// source, limits. Changes nothing. For `-t` and for every start. @error one line with file, line and mend
struct CheckedConfig {
  CaConfig config;
  std::string text;
};
Result<CheckedConfig> check_config(const std::string& file);

/// Runs in the foreground until SIGTERM or SIGINT; SIGHUP reads the configuration again. @return exit status
/// @param child_options  for all processes that it starts ("-d")
int run_parent(const std::string& config_file, const std::vector<std::string>& child_options);

}  // namespace gatehouse::ca
