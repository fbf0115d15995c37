/// The process that talks to a peer who has not logged in: identification, key exchange, authentication, and nothing else. It can sign
/// nothing, open nothing and become nobody; whatever it wants it asks its monitor.
#pragma once

#include "daemon/frame_socket.h"
#include "daemon/unique_fd.h"
#include "protocol/transport/transport.h"
#include "sshd/messages/preauth.h"

namespace gatehouse::sshd {

struct PreauthOptions {
  UniqueFd connection;             ///< to the peer; our identification line is out
  FrameSocket monitor;             ///< to the monitor
  UniqueFd snapshot;               ///< pipe that the session will read; wide enough for a snapshot
  transport::Settings transport;   ///< identification_sent is set
  transport::Cookie cookie;        ///< for our first KEXINIT, drawn by the monitor
  message::UserSettings settings;  ///< until the user is known
};

/// Exit status of the process.
enum class PreauthExit : int {
  handed_over = 0,   ///< authenticated, and the snapshot is in the pipe whole
  ended = 1,         ///< the connection is over
  not_confined = 2,  ///< never ran: account, empty root, limits or system call filter did not work
};

/// Runs to the end of authentication or of the connection. The process is already confined.
PreauthExit run_preauth(PreauthOptions options);

/// Names of signature algorithms for the server-sig-algs extension (RFC 8308): what stands behind the accepted algorithms, each once.
std::string server_sig_algs(const std::vector<std::string>& accepted_algorithms);

}  // namespace gatehouse::sshd
