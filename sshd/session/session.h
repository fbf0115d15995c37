/// The process of a logged-in user: the rest of the connection's life, with the user's uid.
#pragma once

#include <optional>
#include <string>

#include "daemon/account.h"
#include "daemon/frame_socket.h"
#include "daemon/unique_fd.h"
#include "protocol/transport/transport.h"
#include "sshd/authorizer/grant.h"
#include "sshd/config/settings.h"
#include "sshd/session/environment.h"

namespace gatehouse::sshd {

struct SessionOptions {
  UniqueFd connection;            ///< to the peer
  UniqueFd snapshot;              ///< pipe with the transport's snapshot, written whole by a process that is gone
  FrameSocket requests;           ///< to the monitor: questions and facts
  FrameSocket notices;            ///< from the monitor, unasked
  transport::Settings transport;  ///< as for preauth: host keys for rekeys, limits
  Settings settings;              ///< what holds for this user
  Grant grant;
  Account account;
  Endpoints ends;
  std::optional<std::string> time_zone;
};

/// Runs to the end of the connection. The process has the user's rights already and leads a session of its own.
/// @return the exit status of the process
int run_session(SessionOptions options);

}  // namespace gatehouse::sshd
