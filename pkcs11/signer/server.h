/// Serves the clients of a signer with purpose host or ca.
#pragma once

#include <memory>
#include <set>

#include "daemon/unique_fd.h"
#include "pkcs11/signer/judge.h"
#include "pkcs11/token/token_service.h"

namespace gatehouse::pkcs11 {

struct ServerSettings {
  Purpose purpose;
  std::vector<uid_t> peer_uids;  ///< who may connect besides root; empty: the own uid
  std::size_t threads = 8;
  std::size_t max_connections = 8192;
  std::chrono::milliseconds request_limit{10000};  ///< for one request, from when it was read
};

/// Threads take ready connections from one epoll set, which is the queue: read a request, judge it, sign, answer. A client that went away
/// while it was queued is dropped, not served.
class SignerServer {
 public:
  /// @param listener  a listening Unix socket
  /// @param ca_judge  for purpose ca; null for host
  SignerServer(ServerSettings settings, UniqueFd listener, TokenService& service, std::unique_ptr<CaJudge> ca_judge);
  ~SignerServer();

  /// Serves until `signals` (a signalfd) brings SIGTERM and the last client has gone, or SIGINT or SIGHUP. @error epoll, threads
  Result<void> run(int signals);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::pkcs11
