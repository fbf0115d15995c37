/// The pseudo-terminals of a connection. The monitor allocates them, so that the user owns each and can take no other.
#pragma once

#include <map>
#include <string>

#include "daemon/account.h"
#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "sshd/messages/session.h"
#include "sshd/monitor/login_records.h"

namespace gatehouse::sshd {

class Terminals {
 public:
  struct Opened {
    UniqueFd master;
    UniqueFd slave;
    message::Terminal facts;
  };

  /// @param privileged  we are root: chown to the user, write login records
  Terminals(Account account, std::string peer_address, pid_t session, bool privileged)
      : account_(std::move(account)), peer_address_(std::move(peer_address)), session_(session), privileged_(privileged) {}
  Terminals(Terminals&&) = delete;
  ~Terminals() { close_all(); }

  /// @error no pty left, or the channel has one
  Result<Opened> open(std::uint32_t channel);
  void close(std::uint32_t channel);
  /// Hangs up what is left: our copies of the masters go, and with the session process dead they are the last.
  void close_all();
  std::size_t size() const { return terminals_.size(); }

 private:
  struct Terminal {
    UniqueFd master;  ///< kept, so that the name cannot become somebody else's while we still have records of it
    LoginLine line;
  };
  Account account_;
  std::string peer_address_;
  pid_t session_;
  bool privileged_;
  std::map<std::uint32_t, Terminal> terminals_;
};

}  // namespace gatehouse::sshd
