#include "protocol/connection/channel_request.h"

#include <optional>

#include "protocol/core/wire.h"

namespace gatehouse::connection {

namespace {

constexpr std::string_view pty_req = "pty-req";
constexpr std::string_view shell = "shell";
constexpr std::string_view exec = "exec";
constexpr std::string_view subsystem = "subsystem";
constexpr std::string_view env = "env";
constexpr std::string_view window_change = "window-change";
constexpr std::string_view signal_name = "signal";
constexpr std::string_view exit_status = "exit-status";
constexpr std::string_view exit_signal = "exit-signal";
constexpr std::string_view break_name = "break";
constexpr std::string_view end_of_write = "eow@openssh.com";
constexpr std::string_view agent_forwarding = "auth-agent-req@openssh.com";
constexpr std::string_view x11_req = "x11-req";
constexpr std::string_view keepalive = "keepalive@openssh.com";

constexpr std::uint8_t end_of_modes = 0;
constexpr std::uint8_t last_uint32_mode = 159;

template <class... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }
bool short_text(std::string_view text) { return text.size() <= max_short_text && !has_nul(text); }

TerminalSize read_size(WireReader& reader) {
  TerminalSize size;
  size.columns = reader.uint32();
  size.rows = reader.uint32();
  size.width_pixels = reader.uint32();
  size.height_pixels = reader.uint32();
  return size;
}

void write_size(WireWriter& writer, const TerminalSize& size) {
  writer.uint32(size.columns).uint32(size.rows).uint32(size.width_pixels).uint32(size.height_pixels);
}

using Parsed = std::optional<ChannelRequest>;

Parsed parse_pty(WireReader& reader) {
  PtyRequest request;
  request.term = reader.text();
  request.size = read_size(reader);
  const Bytes modes = reader.string();
  if (!short_text(request.term)) return std::nullopt;
  auto parsed = parse_terminal_modes(modes);
  if (!parsed) return std::nullopt;
  request.modes = std::move(*parsed);
  return request;
}

Parsed parse_exec(WireReader& reader) {
  ExecRequest request{std::string(reader.text())};
  if (has_nul(request.command)) return std::nullopt;
  return request;
}

Parsed parse_subsystem(WireReader& reader) {
  SubsystemRequest request{std::string(reader.text())};
  if (!short_text(request.name)) return std::nullopt;
  return request;
}

Parsed parse_env(WireReader& reader) {
  EnvRequest request;
  request.name = reader.text();
  request.value = reader.text();
  const bool bad_name = request.name.empty() || !short_text(request.name) || request.name.find('=') != std::string::npos;
  if (bad_name || has_nul(request.value)) return std::nullopt;
  return request;
}

Parsed parse_signal(WireReader& reader) {
  SignalRequest request{std::string(reader.text())};
  if (!short_text(request.name)) return std::nullopt;
  return request;
}

Parsed parse_exit_signal(WireReader& reader) {
  ExitSignal request;
  request.name = reader.text();
  request.core_dumped = reader.boolean();
  request.message = reader.text();
  request.language = reader.text();
  if (!short_text(request.name)) return std::nullopt;
  return request;
}

Parsed parse_x11(WireReader& reader) {
  X11Request request;
  request.single_connection = reader.boolean();
  request.protocol = reader.text();
  request.cookie = reader.text();
  request.screen = reader.uint32();
  if (!short_text(request.protocol) || !short_text(request.cookie)) return std::nullopt;
  return request;
}

/// @return nothing when a value is out of its bounds; whether the fields were all there is the reader's to say
Parsed parse_known(std::string_view name, WireReader& reader, Bytes data) {
  if (name == pty_req) return parse_pty(reader);
  if (name == shell) return ShellRequest{};
  if (name == exec) return parse_exec(reader);
  if (name == subsystem) return parse_subsystem(reader);
  if (name == env) return parse_env(reader);
  if (name == window_change) return WindowChange{read_size(reader)};
  if (name == signal_name) return parse_signal(reader);
  if (name == exit_status) return ExitStatus{reader.uint32()};
  if (name == exit_signal) return parse_exit_signal(reader);
  if (name == break_name) return BreakRequest{reader.uint32()};
  if (name == end_of_write) return EndOfWrite{};
  if (name == agent_forwarding) return AgentForwardingRequest{};
  if (name == x11_req) return parse_x11(reader);
  if (name == keepalive) return ChannelKeepalive{};
  reader.rest();
  return UnknownChannelRequest{std::string(name), to_vector(data)};
}

}  // namespace

ProtocolResult<std::vector<TerminalMode>> parse_terminal_modes(Bytes encoded) {
  WireReader reader(encoded);
  std::vector<TerminalMode> modes;
  while (reader.more()) {
    const std::uint8_t opcode = reader.byte();
    // "Opcodes 160 to 255 are not yet defined, and cause parsing to stop (they should only be used after any other data)."
    if (opcode == end_of_modes || opcode > last_uint32_mode) return modes;
    const std::uint32_t value = reader.uint32();
    if (reader.failed()) return violation(Violation::bad_encoding, "terminal mode without a value");
    if (modes.size() == max_terminal_modes) return violation(Violation::bad_encoding, "too many terminal modes");
    modes.push_back({opcode, value});
  }
  return modes;
}

ByteVector write_terminal_modes(const std::vector<TerminalMode>& modes) {
  WireWriter writer;
  for (const TerminalMode& mode : modes) writer.byte(mode.opcode).uint32(mode.value);
  return writer.byte(end_of_modes).take();
}

std::string_view channel_request_name(const ChannelRequest& request) {
  return std::visit(Overload{[](const PtyRequest&) { return pty_req; }, [](const ShellRequest&) { return shell; },
                             [](const ExecRequest&) { return exec; }, [](const SubsystemRequest&) { return subsystem; },
                             [](const EnvRequest&) { return env; }, [](const WindowChange&) { return window_change; },
                             [](const SignalRequest&) { return signal_name; }, [](const ExitStatus&) { return exit_status; },
                             [](const ExitSignal&) { return exit_signal; }, [](const BreakRequest&) { return break_name; },
                             [](const EndOfWrite&) { return end_of_write; }, [](const AgentForwardingRequest&) { return agent_forwarding; },
                             [](const X11Request&) { return x11_req; }, [](const ChannelKeepalive&) { return keepalive; },
                             [](const UnknownChannelRequest& unknown) { return std::string_view(unknown.name); }},
                    request);
}

ProtocolResult<ChannelRequest> parse_channel_request(std::string_view name, Bytes data) {
  WireReader reader(data);
  Parsed parsed = parse_known(name, reader, data);
  if (!parsed) return violation(Violation::bad_encoding, escaped(name, 64) + " with a value out of bounds");
  if (!reader.finish()) return violation(Violation::bad_encoding, escaped(name, 64));
  return std::move(*parsed);
}

ByteVector write_channel_request(const ChannelRequest& request) {
  WireWriter writer;
  std::visit(Overload{[&](const PtyRequest& pty) {
                        writer.string(pty.term);
                        write_size(writer, pty.size);
                        writer.string(write_terminal_modes(pty.modes));
                      },
                      [](const ShellRequest&) {}, [&](const ExecRequest& fields) { writer.string(fields.command); },
                      [&](const SubsystemRequest& fields) { writer.string(fields.name); },
                      [&](const EnvRequest& fields) { writer.string(fields.name).string(fields.value); },
                      [&](const WindowChange& fields) { write_size(writer, fields.size); },
                      [&](const SignalRequest& fields) { writer.string(fields.name); },
                      [&](const ExitStatus& fields) { writer.uint32(fields.status); },
                      [&](const ExitSignal& fields) {
                        writer.string(fields.name).boolean(fields.core_dumped).string(fields.message).string(fields.language);
                      },
                      [&](const BreakRequest& fields) { writer.uint32(fields.milliseconds); }, [](const EndOfWrite&) {},
                      [](const AgentForwardingRequest&) {},
                      [&](const X11Request& fields) {
                        writer.boolean(fields.single_connection).string(fields.protocol).string(fields.cookie).uint32(fields.screen);
                      },
                      [](const ChannelKeepalive&) {}, [&](const UnknownChannelRequest& unknown) { writer.raw(unknown.data); }},
             request);
  return writer.take();
}

}  // namespace gatehouse::connection
