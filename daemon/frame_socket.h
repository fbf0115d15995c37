/// Messages between our own processes: length-framed octets over a stream socket pair or a Unix socket, with descriptors where needed.
/// Each first message of a connection carries the version of its protocol; what is in a frame is in the wire types of RFC 4251.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/unique_fd.h"
#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse {

/// A message as it came. Some carry a shared secret K or a password, so the octets are wiped when the frame goes.
struct Frame {
  ByteVector payload;
  std::vector<UniqueFd> descriptors;

  Frame() = default;
  Frame(Frame&&) noexcept = default;
  Frame& operator=(Frame&&) noexcept = default;
  ~Frame();
};

/// Blocking, with a deadline per call. Not for two threads at once. SIGPIPE is never raised.
class FrameSocket {
 public:
  using Milliseconds = std::chrono::milliseconds;
  static constexpr std::size_t max_frame = 1024 * 1024;
  static constexpr std::size_t max_descriptors = 8;

  FrameSocket() = default;
  explicit FrameSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  /// Two connected ends, close-on-exec.
  static Result<std::pair<FrameSocket, FrameSocket>> pair();
  /// Connects to a Unix stream socket. @error Problem with the path
  static Result<FrameSocket> connect(const std::string& path, Milliseconds timeout);

  /// @error Problem: the peer is gone, or did not take the frame before the deadline (the socket is then of no more use: reconnect)
  Result<void> send(Bytes payload, Milliseconds timeout, std::span<const int> descriptors = {});
  /// @error Problem: the peer is gone, sent a frame that is too long, or nothing whole came before the deadline
  Result<Frame> receive(Milliseconds timeout);
  /// The peer's credentials (SO_PEERCRED).
  struct Peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
  };
  std::optional<Peer> peer() const;

  int fd() const { return socket_.fd(); }
  bool open() const { return static_cast<bool>(socket_); }
  void close() { socket_.reset(); }
  UniqueFd take() { return std::move(socket_); }

 private:
  UniqueFd socket_;
};

/// A listening Unix stream socket; an old socket file at `path` is removed. @param mode  of the socket file
Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);

}  // namespace gatehouse
