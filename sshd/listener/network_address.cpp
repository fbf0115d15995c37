#include "sshd/listener/network_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace gatehouse::sshd {
namespace {

std::string text_of(bool v6, const std::array<std::uint8_t, 16>& octets) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, octets.data(), text, sizeof text);
  return text;
}

template <class Ask>
std::optional<NetworkAddress> ask(int socket, Ask query) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (query(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return NetworkAddress::from(address);
}

}  // namespace

std::string NetworkBlock::text() const {
  const std::string address = text_of(v6, octets);
  return prefix == (v6 ? 128 : 32) ? address : address + "/" + std::to_string(prefix);
}

std::optional<NetworkAddress> NetworkAddress::from(const sockaddr_storage& address) {
  NetworkAddress result;
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(result.octets.data(), &v4.sin_addr, 4);
    result.port = ntohs(v4.sin_port);
    return result;
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  result.port = ntohs(v6.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    std::memcpy(result.octets.data(), v6.sin6_addr.s6_addr + 12, 4);
  } else {
    result.v6 = true;
    std::memcpy(result.octets.data(), v6.sin6_addr.s6_addr, 16);
  }
  return result;
}

std::string NetworkAddress::text() const { return text_of(v6, octets); }

NetworkBlock NetworkAddress::block(unsigned prefix_v4, unsigned prefix_v6) const {
  NetworkBlock result{v6, static_cast<std::uint8_t>(v6 ? std::min(prefix_v6, 128U) : std::min(prefix_v4, 32U)), octets};
  for (std::size_t bit = result.prefix; bit < 128; ++bit) {
    result.octets[bit / 8] = static_cast<std::uint8_t>(result.octets[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return result;
}

std::optional<NetworkAddress> peer_of(int socket) { return ask(socket, getpeername); }
std::optional<NetworkAddress> local_end_of(int socket) { return ask(socket, getsockname); }

}  // namespace gatehouse::sshd
