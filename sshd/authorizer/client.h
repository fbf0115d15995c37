/// The monitor's side of the authorizer's socket.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/frame_socket.h"
#include "sshd/authorizer/messages.h"

namespace gatehouse::sshd {

/// Blocking calls with a deadline, one connection of one monitor. When the authorizer goes away it connects again (for up to two
/// seconds), says again what was known (cookie, session id, granted certificate) and asks again.
class AuthorizerClient {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Connects to the socket at `path` and introduces the connection. @error Problem: no authorizer, or another version
  static Result<AuthorizerClient> open(std::string path, authorizer::Open facts, Milliseconds timeout = Milliseconds(10000));

  /// Another cookie for a rekey.
  Result<void> next_cookie(ByteVector cookie);
  /// H of this key exchange, computed by the authorizer; the first is the session id. `request` is wiped of K.
  Result<authorizer::Hash> exchange_hash(authorizer::ExchangeHash request);
  /// After a grant no further request is answered. The granted certificate is watched from then on.
  Result<Verdict> authenticate(const authorizer::Authenticate& request);
  /// The grant is not made use of: it is forgotten on both sides, and another request may follow.
  void decline();

  /// To poll for reading: when readable, or after any call above, ask revocation(). -1 while the authorizer is away.
  int fd() const { return socket_.fd(); }
  /// Takes what was pushed. When the authorizer went away it tries once to connect again, and gives an authorizer that does not answer a
  /// fraction of a second: whoever calls has other things to look after. Call it at least every few seconds while a session lives.
  /// @return the revocation of this connection's certificate, where there is one
  std::optional<authorizer::Revoked> revocation();

  const ByteVector& session_id() const { return known_.session_id; }

 private:
  AuthorizerClient(std::string path, authorizer::Resume known, Milliseconds timeout);
  Result<void> introduce(bool first, Milliseconds timeout);
  Result<Frame> ask_once(Bytes request, Milliseconds timeout);
  Result<Frame> ask(Bytes request);

  std::string path_;
  authorizer::Resume known_;
  Milliseconds timeout_;
  FrameSocket socket_;
  std::optional<authorizer::Revoked> revoked_;
};

/// The listener's end of the control socket of an authorizer that it started.
class AuthorizerControl {
 public:
  explicit AuthorizerControl(FrameSocket socket) : socket_(std::move(socket)) {}
  /// Hands over the configuration (in a memfd) and the host keys, at start and whenever they change.
  /// @return the problems of the trust files, which refuse logins until they are mended but do not stop the authorizer
  /// @error the authorizer is gone or does not answer
  Result<authorizer::Ready> setup(Bytes configuration, const authorizer::Setup& setup, std::chrono::milliseconds timeout);
  int fd() const { return socket_.fd(); }

 private:
  FrameSocket socket_;
};

}  // namespace gatehouse::sshd
