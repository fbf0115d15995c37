/// The agent on its socket: connections, renewals, and the calls to the CA that go on beside them.
#pragma once

#include <memory>

#include "daemon/unique_fd.h"

namespace gatehouse::agent {

class Server {
 public:
  /// @param listener  a listening Unix socket whose file only the user can reach; each peer's uid is checked all the same
  explicit Server(UniqueFd listener);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves until SIGTERM, SIGINT or stop(). SIGUSR1 forgets all keys and log-ins, as OpenSSH's agent does.
  void run();
  /// Ends run(); for another thread or the end of a child command.
  void stop();

 private:
  class Impl;
  struct Loop;
  std::unique_ptr<Loop> loop_;  // outlives impl_: what waits in the loop holds references to it
  std::shared_ptr<Impl> impl_;
};

}  // namespace gatehouse::agent
