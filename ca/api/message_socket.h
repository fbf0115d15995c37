/// The two ends of a connection between front and issuer.
#pragma once

#include <chrono>
#include <optional>

#include "ca/api/message.h"
#include "daemon/frame_socket.h"

namespace gatehouse::ca {

/// The front's end.
class IssuerConnection {
 public:
  using Milliseconds = std::chrono::milliseconds;
  /// Connects and agrees on the version. @error Problem: the issuer is not there, or speaks another version
  static Result<IssuerConnection> connect(const std::string& path, Milliseconds timeout);
  /// After an error the connection is of no more use.
  Result<Answer> ask(const Ask& ask, const std::optional<Password>& password, Milliseconds timeout);
  /// False when the issuer has closed it since.
  bool alive() const;

 private:
  explicit IssuerConnection(FrameSocket socket) : socket_(std::move(socket)) {}
  FrameSocket socket_;
};

/// The issuer's end.
struct Question {
  Ask ask;
  std::optional<Password> password;
};
class FrontConnection {
 public:
  using Milliseconds = std::chrono::milliseconds;
  explicit FrontConnection(FrameSocket socket) : socket_(std::move(socket)) {}
  /// Agrees on the version; the first call. @error Problem
  Result<void> greet(Milliseconds timeout);
  /// @error Problem: the front is gone, silent for `timeout`, or broke the protocol: close
  Result<Question> next(Milliseconds timeout);
  Result<void> answer(const Answer& answer, Milliseconds timeout);
  int fd() const { return socket_.fd(); }

 private:
  FrameSocket socket_;
};

}  // namespace gatehouse::ca
