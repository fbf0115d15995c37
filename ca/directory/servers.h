/// The servers of one directory: which one to ask first, and connections that wait for the next question.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "ca/directory/connection.h"
#include "ca/directory/person.h"
#include "ca/directory/settings.h"

namespace gatehouse::ca {

/// For any number of threads. Only connections bound as the service account are kept; a user's bind gets one that is thrown away.
class Servers {
 public:
  Servers(const DirectorySettings& settings, std::vector<ServerUrl> urls);

  /// Runs `ask` on a connection bound as the service account. Servers that failed lately are tried last; where a kept connection turns out
  /// to be dead, a new one to the same server gets its chance. `ask` may therefore run more than once: searches only.
  /// @return the URL of the server that answered
  DirectoryResult<std::string> ask(Clock::time_point deadline, const std::function<ServerResult<void>(Connection&)>& ask);

  /// A connection of its own without a bind, if possible to the server at `preferred` (which has just answered).
  DirectoryResult<Connection> connect_for_user(Clock::time_point deadline, const std::string& preferred);

 private:
  struct Idle {
    Connection connection;
    Clock::time_point since;
  };
  struct Server {
    ServerUrl url;
    unsigned failures = 0;
    Clock::time_point avoid_until{};
    std::vector<Idle> idle;
  };

  std::vector<std::size_t> order(Clock::time_point now, const std::string& preferred);
  void succeeded(std::size_t index);
  void failed(std::size_t index, const ServerFailure& failure);
  std::optional<Connection> take_idle(std::size_t index, Clock::time_point deadline);
  void give_back(std::size_t index, Connection connection);
  ServerResult<Connection> open_bound(const ServerUrl& url, Clock::time_point deadline) const;

  const DirectorySettings& settings_;
  std::mutex mutex_;  // servers_' health and idle lists; never held while a server is asked
  std::vector<Server> servers_;
};

}  // namespace gatehouse::ca
