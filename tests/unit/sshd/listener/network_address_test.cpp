#include "sshd/listener/network_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace gatehouse::sshd {
namespace {

sockaddr_storage v4(const char* text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.sin_addr);
  sockaddr_storage result{};
  std::memcpy(&result, &address, sizeof address);
  return result;
}

sockaddr_storage v6(const char* text, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  inet_pton(AF_INET6, text, &address.sin6_addr);
  sockaddr_storage result{};
  std::memcpy(&result, &address, sizeof address);
  return result;
}

TEST(NetworkAddress, KeepsAddressAndPort) {
  const auto address = NetworkAddress::from(v4("192.0.2.17", 2222));
  ASSERT_TRUE(address);
  EXPECT_EQ(address->text(), "192.0.2.17");
  EXPECT_EQ(address->port, 2222);
}

TEST(NetworkAddress, AMappedAddressIsTheAddressItMaps) {
  const auto mapped = NetworkAddress::from(v6("::ffff:192.0.2.17", 9));
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->text(), "192.0.2.17");
  EXPECT_EQ(mapped->block(32, 128), NetworkAddress::from(v4("192.0.2.17", 1))->block(32, 128));
}

TEST(NetworkAddress, BlocksShareAPrefixOfAnyLength) {
  const auto a = *NetworkAddress::from(v4("10.1.2.3", 1));
  const auto b = *NetworkAddress::from(v4("10.1.3.200", 1));
  EXPECT_EQ(a.block(23, 128), b.block(23, 128));
  EXPECT_NE(a.block(24, 128), b.block(24, 128));
  EXPECT_EQ(a.block(23, 128).text(), "10.1.2.0/23");
  EXPECT_EQ(a.block(32, 128).text(), "10.1.2.3");
  EXPECT_EQ(a.block(0, 0).text(), "0.0.0.0/0");
  const auto c = *NetworkAddress::from(v6("2001:db8:1:2:3::4", 1));
  EXPECT_EQ(c.block(32, 64).text(), "2001:db8:1:2::/64");
  EXPECT_EQ(c.block(32, 128).text(), "2001:db8:1:2:3::4");
}

TEST(NetworkAddress, OtherFamiliesHaveNone) {
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;
  EXPECT_FALSE(NetworkAddress::from(address));
}

}  // namespace
}  // namespace gatehouse::sshd
