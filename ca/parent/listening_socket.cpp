#include "ca/parent/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace gatehouse::ca {

Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) {
    return problem("'" + address + "' is no IP address", "[listen] address", "write an IPv4 or IPv6 address, not a name");
  }
  UniqueFd socket(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const sockaddr* name = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t size = is_v4 ? sizeof v4 : sizeof v6;
  const bool listens = socket && ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       ::bind(socket.fd(), name, size) == 0 && ::listen(socket.fd(), 512) == 0;
  if (!listens) {
    return problem("cannot listen on " + address + " port " + std::to_string(port) + ": " + std::strerror(errno), "[listen]",
                   errno == EADDRINUSE ? "stop what listens there, or choose another port" : "");
  }
  return socket;
}

}  // namespace gatehouse::ca
