/// Addresses of peers, and the network blocks that limits and penalties count by.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace gatehouse::sshd {

/// All addresses that share a prefix; PerSourceNetBlockSize says how long the prefix is.
struct NetworkBlock {
  bool v6 = false;
  std::uint8_t prefix = 0;
  std::array<std::uint8_t, 16> octets{};  ///< IPv4 in the first four; what is behind the prefix is zero
  auto operator<=>(const NetworkBlock&) const = default;
  /// "192.0.2.0/24", or the bare address when the prefix is the whole of it.
  std::string text() const;
};

/// An IP address and a port. An IPv4-mapped IPv6 address is the IPv4 address it maps: limits must not be doubled by a dual-stack socket.
struct NetworkAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> octets{};
  std::uint16_t port = 0;

  /// @return nothing for other address families
  static std::optional<NetworkAddress> from(const sockaddr_storage& address);
  /// The address without the port, as inet_ntop writes it.
  std::string text() const;
  NetworkBlock block(unsigned prefix_v4, unsigned prefix_v6) const;
};

/// The peer's and our own end of a connected socket; nothing when it has no such end any more or is no IP socket.
std::optional<NetworkAddress> peer_of(int socket);
std::optional<NetworkAddress> local_end_of(int socket);

}  // namespace gatehouse::sshd
