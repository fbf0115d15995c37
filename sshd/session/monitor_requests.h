/// The session process's way to its monitor.
#pragma once

#include <optional>
#include <string>

#include "daemon/frame_socket.h"
#include "protocol/transport/kexinit.h"
#include "sshd/messages/session.h"

namespace gatehouse::sshd {

/// Questions block until the monitor has answered. An error means that the monitor is gone or says no.
class MonitorRequests {
 public:
  explicit MonitorRequests(FrameSocket socket) : socket_(std::move(socket)) {}

  Result<transport::Cookie> next_cookie();
  Result<message::SignedExchange> sign_exchange(const message::SignExchange& request);

  struct Terminal {
    UniqueFd master;
    UniqueFd slave;
    message::Terminal facts;
  };
  Result<Terminal> open_terminal(std::uint32_t channel);

  /// Facts; nobody answers.
  void tell(const message::CloseTerminal& fact) { tell_frame(message::write(fact)); }
  void tell(const message::ProgramStarted& fact) { tell_frame(message::write(fact)); }
  void tell(const message::ProgramEnded& fact) { tell_frame(message::write(fact)); }
  void tell(const message::SftpOperation& fact) { tell_frame(message::write(fact)); }
  void note(std::string text) { tell_frame(message::write(message::Note{message::Note::Level::info, std::move(text)})); }

 private:
  void tell_frame(Bytes frame);
  Result<Frame> ask(Bytes frame);
  FrameSocket socket_;
};

}  // namespace gatehouse::sshd
