#include "tools/agent_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "protocol/agent/messages.h"

namespace gatehouse::tools {

namespace {

constexpr std::string_view mend = "start one: eval $(gatehouse-agent)";

Result<ByteVector> receive(int fd, std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  ByteVector buffer;
  std::uint8_t chunk[4096];
  while (true) {
    auto message = agent::take_message(buffer);
    if (!message) return problem("the agent's answer is malformed");
    if (*message) return to_vector((*message)->reveal());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&entry, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return problem("the agent did not answer in time");
    const ssize_t count = ::read(fd, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return problem("the agent closed the connection");
    buffer.insert(buffer.end(), chunk, chunk + count);
  }
}

}  // namespace

Result<AgentConnection> AgentConnection::open() {
  const char* path = std::getenv("SSH_AUTH_SOCK");
  if (path == nullptr || *path == '\0') return problem("SSH_AUTH_SOCK is not set: no agent is running here", {}, std::string(mend));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) return problem("the path in SSH_AUTH_SOCK is too long", path);
  std::strcpy(address.sun_path, path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return problem(std::string("no agent answers: ") + std::strerror(errno), path, std::string(mend));
  }
  return AgentConnection(std::move(socket));
}

Result<ByteVector> AgentConnection::extension(std::string_view name, Bytes body, std::chrono::seconds timeout) {
  const SecretBytes request = agent::write_extension(name, body);
  Bytes left = request.reveal();
  while (!left.empty()) {
    const ssize_t count = ::send(socket_.fd(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return problem(std::string("cannot talk to the agent: ") + std::strerror(errno));
    left = left.subspan(static_cast<std::size_t>(count));
  }
  const auto answer = receive(socket_.fd(), timeout);
  if (!answer) return tl::unexpected(answer.error());
  auto content = agent::parse_extension_response(*answer, name);
  if (!content) return problem("the agent's answer is malformed");
  if (!*content) {
    return problem("the agent refused: it is no gatehouse-agent, it is locked, or this is a forwarded connection", {}, std::string(mend));
  }
  return std::move(**content);
}

}  // namespace gatehouse::tools
