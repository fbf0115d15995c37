/// Channel requests as typed values (RFC 4254 section 6), read and written.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"

namespace gatehouse::connection {

/// RFC 4254 section 8: opcodes 1 to 159 carry a uint32; 0 ends the list, and so does any above 159.
struct TerminalMode {
  std::uint8_t opcode = 0;
  std::uint32_t value = 0;
  bool operator==(const TerminalMode&) const = default;
};
inline constexpr std::size_t max_terminal_modes = 256;
/// TERM, an environment name, a signal name, a subsystem name: longer ones make the request fail.
inline constexpr std::size_t max_short_text = 256;

/// @error bad_encoding: a mode without its value, too many
ProtocolResult<std::vector<TerminalMode>> parse_terminal_modes(Bytes encoded);
ByteVector write_terminal_modes(const std::vector<TerminalMode>& modes);

struct TerminalSize {
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;
  std::uint32_t width_pixels = 0;
  std::uint32_t height_pixels = 0;
  bool operator==(const TerminalSize&) const = default;
};

struct PtyRequest {
  std::string term;
  TerminalSize size;
  std::vector<TerminalMode> modes;
  bool operator==(const PtyRequest&) const = default;
};
struct ShellRequest {
  bool operator==(const ShellRequest&) const = default;
};
struct ExecRequest {
  std::string command;  ///< no NUL octet
  bool operator==(const ExecRequest&) const = default;
};
struct SubsystemRequest {
  std::string name;
  bool operator==(const SubsystemRequest&) const = default;
};
struct EnvRequest {
  std::string name;   ///< not empty, no "=" and no NUL octet
  std::string value;  ///< no NUL octet
  bool operator==(const EnvRequest&) const = default;
};
struct WindowChange {
  TerminalSize size;
  bool operator==(const WindowChange&) const = default;
};
struct SignalRequest {
  std::string name;  ///< without "SIG"
  bool operator==(const SignalRequest&) const = default;
};
struct ExitStatus {
  std::uint32_t status = 0;
  bool operator==(const ExitStatus&) const = default;
};
struct ExitSignal {
  std::string name;  ///< without "SIG"
  bool core_dumped = false;
  std::string message;
  std::string language;
  bool operator==(const ExitSignal&) const = default;
};
/// RFC 4335
struct BreakRequest {
  std::uint32_t milliseconds = 0;
  bool operator==(const BreakRequest&) const = default;
};
/// eow@openssh.com: the peer will read no more
struct EndOfWrite {
  bool operator==(const EndOfWrite&) const = default;
};
/// auth-agent-req@openssh.com
struct AgentForwardingRequest {
  bool operator==(const AgentForwardingRequest&) const = default;
};
struct X11Request {
  bool single_connection = false;
  std::string protocol;
  std::string cookie;
  std::uint32_t screen = 0;
  bool operator==(const X11Request&) const = default;
};
/// keepalive@openssh.com on a channel; any answer will do
struct ChannelKeepalive {
  bool operator==(const ChannelKeepalive&) const = default;
};
struct UnknownChannelRequest {
  std::string name;
  ByteVector data;
  bool operator==(const UnknownChannelRequest&) const = default;
};
using ChannelRequest =
    std::variant<PtyRequest, ShellRequest, ExecRequest, SubsystemRequest, EnvRequest, WindowChange, SignalRequest, ExitStatus, ExitSignal,
                 BreakRequest, EndOfWrite, AgentForwardingRequest, X11Request, ChannelKeepalive, UnknownChannelRequest>;

/// "pty-req", "shell", "exec", …
std::string_view channel_request_name(const ChannelRequest& request);
/// @param data  the type-specific rest of CHANNEL_REQUEST
/// @error bad_encoding: malformed, a text too long or with a NUL octet. The channel layer answers it with CHANNEL_FAILURE
ProtocolResult<ChannelRequest> parse_channel_request(std::string_view name, Bytes data);
ByteVector write_channel_request(const ChannelRequest& request);

}  // namespace gatehouse::connection
