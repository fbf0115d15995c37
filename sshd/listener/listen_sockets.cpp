#include "sshd/listener/listen_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "sshd/listener/network_address.h"

namespace gatehouse::sshd {
namespace {

constexpr int backlog = 1024;
constexpr int first_inherited = 3;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

int family_of(AddressFamily family) {
  switch (family) {
    case AddressFamily::inet:
      return AF_INET;
    case AddressFamily::inet6:
      return AF_INET6;
    case AddressFamily::any:
      break;
  }
  return AF_UNSPEC;
}

Result<Addresses> resolve(const ListenAddress& address, AddressFamily family) {
  addrinfo hints{};
  hints.ai_family = family_of(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (code != 0) return problem(fmt::format("ListenAddress {}: {}", address.host, gai_strerror(code)));
  return Addresses(found);
}

std::string text_of(const addrinfo& address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, address.ai_addr, address.ai_addrlen);
  const auto parsed = NetworkAddress::from(storage);
  return parsed ? fmt::format("{} port {}", parsed->text(), parsed->port) : std::string("?");
}

/// @param reason  errno of what failed
Result<ListenSocket> open_one(const addrinfo& address, int& reason) {
  const std::string where = text_of(address);
  const auto failed = [&](const char* call) -> tl::unexpected<Problem> {
    reason = errno;
    return problem(fmt::format("{}: {}", call, std::strerror(reason)), where,
                   reason == EADDRINUSE ? "another server listens there: stop it, or choose another Port or ListenAddress" : "");
  };
  ListenSocket result{UniqueFd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), where};
  if (!result.socket) return failed("socket");
  const int on = 1;
  setsockopt(result.socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) setsockopt(result.socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(result.socket.fd(), address.ai_addr, address.ai_addrlen) != 0) return failed("bind");
  if (listen(result.socket.fd(), backlog) != 0) return failed("listen");
  return result;
}

}  // namespace

Result<std::vector<ListenSocket>> open_listen_sockets(const Settings& settings) {
  std::vector<ListenSocket> sockets;
  std::optional<Problem> missing;
  for (const ListenAddress& address : settings.listen) {
    auto found = resolve(address, settings.address_family);
    if (!found) return tl::unexpected(std::move(found.error()));
    for (const addrinfo* one = found->get(); one != nullptr; one = one->ai_next) {
      int reason = 0;
      auto opened = open_one(*one, reason);
      if (opened) {
        sockets.push_back(std::move(*opened));
      } else if (reason == EAFNOSUPPORT) {
        missing = std::move(opened.error());
      } else {
        return tl::unexpected(std::move(opened.error()));
      }
    }
  }
  if (sockets.empty()) return tl::unexpected(missing.value_or(Problem{"no address to listen on", "", "set ListenAddress"}));
  return sockets;
}

int inherited_socket_count() {
  const char* count_text = std::getenv("LISTEN_FDS");
  const char* pid_text = std::getenv("LISTEN_PID");
  int count = 0;
  if (count_text != nullptr && pid_text != nullptr && std::to_string(getpid()) == pid_text) {
    std::from_chars(count_text, count_text + std::strlen(count_text), count);
  }
  return count >= 0 && count <= 16 ? count : 0;
}

std::vector<ListenSocket> inherited_listen_sockets() {
  std::vector<ListenSocket> sockets;
  const int count = inherited_socket_count();
  for (int fd = first_inherited; fd < first_inherited + count; ++fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    const auto local = local_end_of(fd);
    sockets.push_back({UniqueFd(fd), local ? fmt::format("{} port {} (inherited)", local->text(), local->port) : "inherited"});
  }
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) unsetenv(name);
  return sockets;
}

}  // namespace gatehouse::sshd
