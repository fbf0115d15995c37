#include "protocol/connection/channel_types.h"

#include "protocol/core/wire.h"

namespace gatehouse::connection {

namespace {

constexpr std::string_view session = "session";
constexpr std::string_view direct_tcpip = "direct-tcpip";
constexpr std::string_view forwarded_tcpip = "forwarded-tcpip";
constexpr std::string_view direct_streamlocal = "direct-streamlocal@openssh.com";
constexpr std::string_view agent = "auth-agent@openssh.com";
constexpr std::string_view x11 = "x11";
constexpr std::string_view tcpip_forward = "tcpip-forward";
constexpr std::string_view cancel_tcpip_forward = "cancel-tcpip-forward";
constexpr std::string_view keepalive = "keepalive@openssh.com";
constexpr std::string_view no_more_sessions = "no-more-sessions@openssh.com";

template <class... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

/// The four fields of direct-tcpip and forwarded-tcpip.
template <class Type>
Type read_tcpip(WireReader& reader) {
  Type type;
  type.host = reader.text();
  type.port = reader.uint32();
  type.originator = reader.text();
  type.originator_port = reader.uint32();
  return type;
}

template <class Request>
Request read_forward(WireReader& reader) {
  Request request;
  request.address = reader.text();
  request.port = reader.uint32();
  return request;
}

template <class Variant>
ProtocolResult<Variant> whole(const WireReader& reader, Variant value, std::string_view name) {
  if (!reader.finish()) return violation(Violation::bad_encoding, std::string(name));
  return value;
}

}  // namespace

std::string_view channel_type_name(const ChannelType& type) {
  return std::visit(
      Overload{[](const SessionChannel&) { return session; }, [](const DirectTcpip&) { return direct_tcpip; },
               [](const ForwardedTcpip&) { return forwarded_tcpip; }, [](const DirectStreamlocal&) { return direct_streamlocal; },
               [](const AgentChannel&) { return agent; }, [](const X11Channel&) { return x11; },
               [](const UnknownChannelType& unknown) { return std::string_view(unknown.name); }},
      type);
}

ProtocolResult<ChannelType> parse_channel_type(std::string_view name, Bytes data) {
  WireReader reader(data);
  if (name == session) return whole<ChannelType>(reader, SessionChannel{}, name);
  if (name == direct_tcpip) {
    DirectTcpip type = read_tcpip<DirectTcpip>(reader);
    return whole<ChannelType>(reader, std::move(type), name);
  }
  if (name == forwarded_tcpip) {
    ForwardedTcpip type = read_tcpip<ForwardedTcpip>(reader);
    return whole<ChannelType>(reader, std::move(type), name);
  }
  if (name == direct_streamlocal) {  // OpenSSH PROTOCOL section 2.4: socket path, a reserved string, a reserved uint32
    DirectStreamlocal type{std::string(reader.text())};
    reader.string();
    reader.uint32();
    return whole<ChannelType>(reader, std::move(type), name);
  }
  if (name == agent) return whole<ChannelType>(reader, AgentChannel{}, name);
  if (name == x11) {
    X11Channel type;
    type.originator = reader.text();
    type.originator_port = reader.uint32();
    return whole<ChannelType>(reader, std::move(type), name);
  }
  return UnknownChannelType{std::string(name), to_vector(data)};
}

ByteVector write_channel_type(const ChannelType& type) {
  WireWriter writer;
  const auto tcpip = [&](const auto& fields) {
    writer.string(fields.host).uint32(fields.port).string(fields.originator).uint32(fields.originator_port);
  };
  std::visit(Overload{[](const SessionChannel&) {}, [&](const DirectTcpip& fields) { tcpip(fields); },
                      [&](const ForwardedTcpip& fields) { tcpip(fields); },
                      [&](const DirectStreamlocal& fields) { writer.string(fields.path).string("").uint32(0); }, [](const AgentChannel&) {},
                      [&](const X11Channel& fields) { writer.string(fields.originator).uint32(fields.originator_port); },
                      [&](const UnknownChannelType& unknown) { writer.raw(unknown.data); }},
             type);
  return writer.take();
}

std::string_view global_request_name(const GlobalRequest& request) {
  return std::visit(
      Overload{[](const TcpipForward&) { return tcpip_forward; }, [](const CancelTcpipForward&) { return cancel_tcpip_forward; },
               [](const Keepalive&) { return keepalive; }, [](const NoMoreSessions&) { return no_more_sessions; },
               [](const UnknownGlobalRequest& unknown) { return std::string_view(unknown.name); }},
      request);
}

ProtocolResult<GlobalRequest> parse_global_request(std::string_view name, Bytes data) {
  WireReader reader(data);
  if (name == tcpip_forward) {
    TcpipForward request = read_forward<TcpipForward>(reader);
    return whole<GlobalRequest>(reader, std::move(request), name);
  }
  if (name == cancel_tcpip_forward) {
    CancelTcpipForward request = read_forward<CancelTcpipForward>(reader);
    return whole<GlobalRequest>(reader, std::move(request), name);
  }
  if (name == keepalive) return Keepalive{};
  if (name == no_more_sessions) return NoMoreSessions{};
  return UnknownGlobalRequest{std::string(name), to_vector(data)};
}

ByteVector write_global_request(const GlobalRequest& request) {
  WireWriter writer;
  std::visit(Overload{[&](const TcpipForward& fields) { writer.string(fields.address).uint32(fields.port); },
                      [&](const CancelTcpipForward& fields) { writer.string(fields.address).uint32(fields.port); }, [](const Keepalive&) {},
                      [](const NoMoreSessions&) {}, [&](const UnknownGlobalRequest& unknown) { writer.raw(unknown.data); }},
             request);
  return writer.take();
}

}  // namespace gatehouse::connection
