/// The preauth process's way to its monitor.
#pragma once

#include <chrono>

#include "daemon/frame_socket.h"
#include "protocol/transport/kexinit.h"
#include "sshd/messages/preauth.h"

namespace gatehouse::sshd {

/// Questions block until the monitor has answered: it answers in the order of the questions, and ends this process when it takes too
/// long. An error means that the monitor is gone; there is nothing left to do then.
class MonitorLink {
 public:
  explicit MonitorLink(FrameSocket socket) : socket_(std::move(socket)) {}

  /// To be polled for a hang-up: the monitor never says anything unasked.
  int fd() const { return socket_.fd(); }

  Result<transport::Cookie> next_cookie();
  Result<message::SignedExchange> sign_exchange(const message::SignExchange& request);
  Result<message::UserSettings> select_user(const std::string& user);
  Result<message::Answer> authenticate(const message::Authenticate& request);

  /// Facts; nobody answers, and an error shows at the next question.
  void tell(const message::AttemptFailed& fact) { tell_frame(message::write(fact)); }
  void tell(const message::PeerFacts& facts) { tell_frame(message::write(facts)); }
  void note(message::Note::Level level, std::string text) { tell_frame(message::write(message::Note{level, std::move(text)})); }

 private:
  void tell_frame(Bytes frame);
  Result<Frame> ask(Bytes frame);
  FrameSocket socket_;
};

}  // namespace gatehouse::sshd
