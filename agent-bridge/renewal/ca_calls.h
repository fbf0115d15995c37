/// The agent's two questions to the CA. Both block for up to the client's time limit: call them off the agent's own thread.
#pragma once

#include <memory>
#include <string>

#include "agent-bridge/renewal/log_in.h"

namespace gatehouse::agent {

/// Why there is no certificate; `final`: asking again will not help without a new log-in.
struct CaRefusal {
  std::string problem;
  bool final = false;
};

/// A first certificate for a new key. @param key  made for this log-in
Result<Issued, CaRefusal> log_in(const LoginRequest& request, keys::PrivateKey& key);
/// The next certificate for the same key.
Result<Issued, CaRefusal> renew(const std::string& ca_url, const std::string& ca_file, const keys::Certificate& current,
                                keys::PrivateKey& key);

}  // namespace gatehouse::agent
