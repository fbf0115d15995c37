/// The address lists of the critical option source-address (declared in certificate.h).
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/keys/certificate.h"

namespace gatehouse::keys {

namespace {

/// An address, IPv4 as IPv4: one that is mapped into IPv6 (RFC 4291 section 2.5.5.2) is the same peer.
struct Address {
  std::array<std::uint8_t, 16> octets{};
  std::size_t size = 0;  // 4 or 16
};

struct Network {
  Address base;
  std::size_t prefix = 0;  // bits
};

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t mapped_bits = mapped.size() * 8;

bool is_mapped(const Address& address) { return address.size == 16 && std::equal(mapped.begin(), mapped.end(), address.octets.begin()); }

void unmap(Address& address) {
  std::copy(address.octets.begin() + mapped.size(), address.octets.end(), address.octets.begin());
  std::fill(address.octets.begin() + 4, address.octets.end(), std::uint8_t{0});
  address.size = 4;
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.octets.data()) == 1) {
    address.size = 4;
  } else if (inet_pton(AF_INET6, terminated.c_str(), address.octets.data()) == 1) {
    address.size = 16;
  } else {
    return std::nullopt;
  }
  return address;
}

std::optional<std::size_t> parse_prefix(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  std::size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::size_t>(c - '0');
  }
  if (value > most) return std::nullopt;
  return value;
}

/// The first `bits` of both are the same.
bool same_prefix(const Address& a, const Address& b, std::size_t bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.octets.begin(), a.octets.begin() + static_cast<std::ptrdiff_t>(whole), b.octets.begin())) return false;
  return bits % 8 == 0 || ((a.octets[whole] ^ b.octets[whole]) >> (8 - bits % 8)) == 0;
}

bool host_bits_are_zero(const Network& network) {
  for (std::size_t bit = network.prefix; bit < network.base.size * 8; ++bit) {
    if ((network.base.octets[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

/// @return nothing, and in `why` the reason
std::optional<Network> parse_network(std::string_view entry, const char*& why) {
  const std::size_t slash = entry.find('/');
  const std::optional<Address> base = parse_address(entry.substr(0, slash));
  if (!base) {
    why = entry.empty() ? "an empty entry" : "not an address";
    return std::nullopt;
  }
  Network network{*base, base->size * 8};
  if (slash != entry.npos) {
    const std::optional<std::size_t> prefix = parse_prefix(entry.substr(slash + 1), network.prefix);
    if (!prefix) {
      why = "not a prefix length";
      return std::nullopt;
    }
    network.prefix = *prefix;
  }
  if (!host_bits_are_zero(network)) {
    why = "bits set beyond the prefix length";
    return std::nullopt;
  }
  if (is_mapped(network.base) && network.prefix >= mapped_bits) {
    unmap(network.base);
    network.prefix -= mapped_bits;
  }
  return network;
}

template <class OnNetwork>
bool for_each_entry(std::string_view list, OnNetwork on_network) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (!on_network(list.substr(0, comma))) return false;
    if (comma == list.npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::vector<std::string>> parse_source_address(std::string_view list) {
  std::vector<std::string> entries;
  const char* why = nullptr;
  std::string bad;
  const bool good = for_each_entry(list, [&](std::string_view entry) {
    if (!parse_network(entry, why)) {
      bad = escaped(entry, 64);
      return false;
    }
    entries.emplace_back(entry);
    return true;
  });
  if (!good) return problem("source-address: \"" + bad + "\": " + why, {}, "a comma separated list of ADDRESS or ADDRESS/BITS");
  return entries;
}

bool source_address_matches(std::string_view list, std::string_view address) {
  // A zone (fe80::1%eth0) says on which of our links the peer is; lists cannot name one.
  std::optional<Address> peer = parse_address(address.substr(0, address.find('%')));
  if (!peer) return false;
  if (is_mapped(*peer)) unmap(*peer);
  bool matched = false;
  const char* why = nullptr;
  const bool good = for_each_entry(list, [&](std::string_view entry) {
    const std::optional<Network> network = parse_network(entry, why);
    if (!network) return false;
    matched = matched || (network->base.size == peer->size && same_prefix(network->base, *peer, network->prefix));
    return true;
  });
  return good && matched;
}

}  // namespace gatehouse::keys
