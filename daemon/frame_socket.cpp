#include "daemon/frame_socket.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/core/wire.h"

namespace gatehouse {

namespace {

using Clock = std::chrono::steady_clock;

std::string errno_text(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

/// Waits until `fd` is ready for `events`. @return false when the deadline came first
Result<bool> wait_until(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return problem(errno_text("poll"));
  }
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return problem("socket path is empty or longer than 107 octets", path, "choose a shorter folder");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * FrameSocket::max_descriptors)> space{};
};

}  // namespace

Frame::~Frame() {
  if (!payload.empty()) OPENSSL_cleanse(payload.data(), payload.size());
}

Result<std::pair<FrameSocket, FrameSocket>> FrameSocket::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return problem(errno_text("socketpair"));
  return std::pair{FrameSocket(UniqueFd(ends[0])), FrameSocket(UniqueFd(ends[1]))};
}

Result<FrameSocket> FrameSocket::connect(const std::string& path, Milliseconds timeout) {
  const auto address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return problem(errno_text("socket"), path);
  const auto deadline = Clock::now() + timeout;
  // A full backlog answers EAGAIN at once on Unix sockets, and there is nothing to poll for: ask again until the deadline.
  while (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN || Clock::now() >= deadline) return problem(errno_text("connect"), path);
    ::poll(nullptr, 0, 2);
  }
  return FrameSocket(std::move(socket));
}

Result<void> FrameSocket::send(Bytes payload, Milliseconds timeout, std::span<const int> descriptors) {
  if (!socket_) return problem("connection is closed");
  if (payload.size() > max_frame || descriptors.size() > max_descriptors) return problem("frame too large to send");
  const auto deadline = Clock::now() + timeout;
  WireWriter header;
  header.uint32(static_cast<std::uint32_t>(payload.size())).byte(static_cast<std::uint8_t>(descriptors.size()));
  const Bytes head = header.view();
  std::size_t sent = 0;
  const std::size_t total = head.size() + payload.size();
  while (sent < total) {
    const Bytes head_left = sent < head.size() ? head.subspan(sent) : Bytes{};
    const Bytes body_left = sent < head.size() ? payload : payload.subspan(sent - head.size());
    std::array<iovec, 2> parts{iovec{const_cast<std::uint8_t*>(head_left.data()), head_left.size()},
                               iovec{const_cast<std::uint8_t*>(body_left.data()), body_left.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    Control control;
    if (sent == 0 && !descriptors.empty()) {
      message.msg_control = control.space.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
      std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
    }
    const ssize_t count = ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      const std::string text = errno_text("send");
      close();
      return problem(text);
    }
    const auto ready = wait_until(socket_.fd(), POLLOUT, deadline);
    if (!ready || !*ready) {
      close();  // half a frame is out: nothing after it would be understood
      return problem("the other process did not take the message in time");
    }
  }
  return {};
}

Result<Frame> FrameSocket::receive(Milliseconds timeout) {
  if (!socket_) return problem("connection is closed");
  const auto deadline = Clock::now() + timeout;
  constexpr std::size_t header_size = 5;
  std::array<std::uint8_t, header_size> header{};
  Frame frame;
  std::size_t have = 0;
  std::size_t total = header_size;
  const auto fail = [this](std::string what) {
    close();
    return problem(std::move(what));
  };
  while (have < total) {
    const bool in_header = have < header_size;
    iovec part =
        in_header ? iovec{header.data() + have, header_size - have} : iovec{frame.payload.data() + (have - header_size), total - have};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    Control control;
    message.msg_control = control.space.data();
    message.msg_controllen = control.space.size();
    const ssize_t count = ::recvmsg(socket_.fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(errno_text("receive"));
      const auto ready = wait_until(socket_.fd(), POLLIN, deadline);
      if (!ready) return fail(ready.error().what);
      if (!*ready) {
        if (have > 0) close();  // half a frame: what follows would not be understood
        return problem("no message in time");
      }
      continue;
    }
    for (cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
      if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t descriptors = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < descriptors; ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(entry) + i * sizeof(int), sizeof fd);
        frame.descriptors.emplace_back(fd);
      }
    }
    if (count == 0) return fail("the other process closed the connection");
    if ((message.msg_flags & MSG_CTRUNC) != 0 || frame.descriptors.size() > max_descriptors) return fail("too many descriptors");
    have += static_cast<std::size_t>(count);
    if (in_header && have == header_size) {
      WireReader reader{Bytes(header)};
      const std::uint32_t size = reader.uint32();
      if (size > max_frame) return fail("message too long");
      frame.payload.resize(size);
      total = header_size + size;
    }
  }
  if (frame.descriptors.size() != header[4]) return fail("descriptors do not match the message");
  return frame;
}

std::optional<FrameSocket::Peer> FrameSocket::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (!socket_ || ::getsockopt(socket_.fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  const auto address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  struct stat old {};
  if (::lstat(path.c_str(), &old) == 0) {
    if (!S_ISSOCK(old.st_mode)) return problem("exists and is no socket", path, "remove it");
    ::unlink(path.c_str());
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return problem(errno_text("socket"), path);
  // The mode is set before the socket can be connected to: bind creates it under this umask, listen comes after.
  const mode_t old_mask = ::umask(0777 & ~mode);
  const int bound = ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int bind_error = errno;
  ::umask(old_mask);
  if (bound != 0) return problem(std::string("bind: ") + std::strerror(bind_error), path);
  if (::listen(socket.fd(), 1024) != 0) return problem(errno_text("listen"), path);
  return socket;
}

}  // namespace gatehouse
