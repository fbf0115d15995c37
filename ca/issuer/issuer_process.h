/// The issuer as a process: accepts the front's connections and serves each in a thread of its own.
#pragma once

#include <string>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

struct IssuerProcess {
  UniqueFd listener;  ///< Unix stream socket
  UniqueFd config;    ///< the text of ca.toml
  UniqueFd ready;     ///< gets one octet when questions can be asked; may be closed
  std::string config_file;
  uid_t front_uid = 0;  ///< the only account, besides root, whose connections are served
};

/// Until SIGTERM; questions that are being answered are finished. @return exit status
int run_issuer(IssuerProcess process);

}  // namespace gatehouse::ca
