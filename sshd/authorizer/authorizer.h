/// The authorizer process: who may log in. Serves the monitors of one server over a Unix socket, one thread, one poll loop, no network,
/// no writable file. It outlives the listener until its last client has gone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "daemon/unique_fd.h"

namespace gatehouse::sshd {

struct AuthorizerOptions {
  UniqueFd control;    ///< socket to the listener, which first sends Setup; its end closes the listening socket
  UniqueFd listen;     ///< listening Unix stream socket, made by the listener in a folder that only the right peers can enter
  uid_t peer_uid = 0;  ///< whose connections are served: root, or our own uid when the server runs without root
  /// Called once, before anything is read from anybody: the process gives up its rights there (account, no-new-privileges, system call
  /// filter). Afterwards it must be able to read the files of CA keys and KRLs. @return false ends the process
  std::function<bool()> confine;
};

/// Runs until the listener and all clients have gone. @return the exit status of the process
int run_authorizer(AuthorizerOptions options);

}  // namespace gatehouse::sshd
