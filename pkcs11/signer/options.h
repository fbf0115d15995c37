/// The command line of gatehouse-signer. Whoever starts it is another program of ours (pkcs11/client/signer_process.h, `gatehouse key`).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "pkcs11/client/messages.h"
#include "pkcs11/client/uri.h"

namespace gatehouse::pkcs11 {

struct SignerOptions {
  Purpose purpose = Purpose::host;
  std::string module;
  int pin_fd = -1;
  int listen_fd = -1;        ///< purposes host and ca
  int connection_fd = -1;    ///< purpose manage: one connected socket
  int ready_fd = -1;         ///< gets one octet when requests are taken
  int memory_fd = -1;        ///< what must outlive a restart
  std::vector<Uri> keys;     ///< purposes host and ca
  std::optional<Uri> token;  ///< purpose manage
  std::string limits_file;   ///< purpose ca
  std::string signed_log_file;
  std::vector<uid_t> peer_uids;
  std::chrono::milliseconds sign_limit{10000};
  bool syslog = false;
  bool help = false;
};

extern const std::string_view signer_usage;

/// @error what is wrong with the arguments (program name not among them)
Result<SignerOptions> parse_signer_options(std::span<const std::string> arguments);

}  // namespace gatehouse::pkcs11
