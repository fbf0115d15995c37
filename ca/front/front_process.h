/// The front as a process: it knows TLS, HTTP and JSON, and holds neither ledger, signer nor directory password.
#pragma once

#include <string>

#include "daemon/unique_fd.h"

namespace gatehouse::ca {

struct FrontProcess {
  UniqueFd listener;         ///< TCP
  UniqueFd tls_certificate;  ///< open file, PEM
  UniqueFd tls_key;          ///< open file, PEM
  UniqueFd ready;            ///< gets one octet when connections are served; may be closed
  std::string issuer_socket;
  unsigned max_connections = 512;
  unsigned max_connections_per_address = 64;
};

/// Until SIGTERM; requests at hand are finished. @return exit status
int run_front(FrontProcess process);

}  // namespace gatehouse::ca
