/// fork and exec of gatehouse-signer.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"

namespace gatehouse::pkcs11 {

/// The number that the first of SignerLaunch::descriptors has in the signer; the others follow.
inline constexpr int first_signer_descriptor = 3;

struct SignerLaunch {
  std::string program;
  std::vector<std::string> arguments;  ///< without the program's name
  std::vector<int> descriptors;        ///< all that the signer gets besides stderr
  std::optional<Account> account;      ///< becomes it, with its groups, before exec
  /// A daemon's signer: a session of its own, lines to where the log goes; SIGTERM when the parent dies.
  bool daemon = true;
};

/// From a process with one thread. The environment is passed on for the module (SOFTHSM2_CONF and its like), without service notification
/// and credentials. What fails after the fork is logged by the child, which then exits with 127.
Result<pid_t> launch(const SignerLaunch& plan);

/// `named`, or gatehouse-signer beside the running executable.
Result<std::string> signer_program(const std::string& named = {});

}  // namespace gatehouse::pkcs11
