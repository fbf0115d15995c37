/// The running agent, asked over $SSH_AUTH_SOCK.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/unique_fd.h"
#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::tools {

class AgentConnection {
 public:
  /// @error Problem: $SSH_AUTH_SOCK is not set, or nobody answers there
  static Result<AgentConnection> open();

  /// Our extension `name`. @error Problem: the agent is not a gatehouse-agent, is locked, or did not answer in time
  Result<ByteVector> extension(std::string_view name, Bytes body, std::chrono::seconds timeout);

 private:
  explicit AgentConnection(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace gatehouse::tools
