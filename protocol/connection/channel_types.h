/// Channel types and global requests as typed values (RFC 4254 sections 4, 6.1, 7.2; OpenSSH PROTOCOL sections 2.2 to 2.5), read and
/// written.
#pragma once

#include <string>
#include <variant>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"

namespace gatehouse::connection {

struct SessionChannel {
  bool operator==(const SessionChannel&) const = default;
};
/// RFC 4254 section 7.2: the client wants a connection to host and port.
struct DirectTcpip {
  std::string host;
  std::uint32_t port = 0;
  std::string originator;
  std::uint32_t originator_port = 0;
  bool operator==(const DirectTcpip&) const = default;
};
/// The server brings a connection to a forwarded port.
struct ForwardedTcpip {
  std::string host;
  std::uint32_t port = 0;
  std::string originator;
  std::uint32_t originator_port = 0;
  bool operator==(const ForwardedTcpip&) const = default;
};
/// direct-streamlocal@openssh.com
struct DirectStreamlocal {
  std::string path;
  bool operator==(const DirectStreamlocal&) const = default;
};
/// auth-agent@openssh.com
struct AgentChannel {
  bool operator==(const AgentChannel&) const = default;
};
struct X11Channel {
  std::string originator;
  std::uint32_t originator_port = 0;
  bool operator==(const X11Channel&) const = default;
};
struct UnknownChannelType {
  std::string name;
  ByteVector data;
  bool operator==(const UnknownChannelType&) const = default;
};
using ChannelType =
    std::variant<SessionChannel, DirectTcpip, ForwardedTcpip, DirectStreamlocal, AgentChannel, X11Channel, UnknownChannelType>;

/// "session", "direct-tcpip", …
std::string_view channel_type_name(const ChannelType& type);
/// @param data  the type-specific rest of CHANNEL_OPEN @error bad_encoding
ProtocolResult<ChannelType> parse_channel_type(std::string_view name, Bytes data);
ByteVector write_channel_type(const ChannelType& type);

struct TcpipForward {
  std::string address;
  std::uint32_t port = 0;
  bool operator==(const TcpipForward&) const = default;
};
struct CancelTcpipForward {
  std::string address;
  std::uint32_t port = 0;
  bool operator==(const CancelTcpipForward&) const = default;
};
/// keepalive@openssh.com; any answer will do
struct Keepalive {
  bool operator==(const Keepalive&) const = default;
};
/// no-more-sessions@openssh.com
struct NoMoreSessions {
  bool operator==(const NoMoreSessions&) const = default;
};
struct UnknownGlobalRequest {
  std::string name;
  ByteVector data;
  bool operator==(const UnknownGlobalRequest&) const = default;
};
using GlobalRequest = std::variant<TcpipForward, CancelTcpipForward, Keepalive, NoMoreSessions, UnknownGlobalRequest>;

std::string_view global_request_name(const GlobalRequest& request);
ProtocolResult<GlobalRequest> parse_global_request(std::string_view name, Bytes data);
ByteVector write_global_request(const GlobalRequest& request);

}  // namespace gatehouse::connection
