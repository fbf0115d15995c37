#include <gtest/gtest.h>

#include "protocol/connection/channel_request.h"
#include "protocol/connection/channel_types.h"
#include "protocol/core/wire.h"

namespace gatehouse::connection {
namespace {

std::vector<ChannelRequest> all_requests() {
  return {PtyRequest{"xterm-256color", {80, 24, 640, 480}, {{1, 3}, {129, 115200}}},
          ShellRequest{},
          ExecRequest{"ls -l; echo $?"},
          SubsystemRequest{"sftp"},
          EnvRequest{"LANG", "de_DE.UTF-8"},
          WindowChange{{0, 0, 0xffffffff, 1}},
          SignalRequest{"INT"},
          ExitStatus{255},
          ExitSignal{"SEGV", true, "oops", "en"},
          BreakRequest{500},
          EndOfWrite{},
          AgentForwardingRequest{},
          X11Request{true, "MIT-MAGIC-COOKIE-1", "00ff", 0},
          ChannelKeepalive{},
          UnknownChannelRequest{"x@example.org", {1, 2, 3}}};
}

// RFC 4254 section 6.2, field by field.
TEST(Rfc4254Section6Point2PtyReq, IsLaidOutAsInTheRfc) {
  const PtyRequest request{"vt100", {80, 24, 640, 480}, {{53, 1}, {128, 38400}}};
  EXPECT_EQ(channel_request_name(request), "pty-req");
  EXPECT_EQ(write_channel_request(request), WireWriter()
                                                .string("vt100")
                                                .uint32(80)
                                                .uint32(24)
                                                .uint32(640)
                                                .uint32(480)
                                                .string(ByteVector{53, 0, 0, 0, 1, 128, 0, 0, 0x96, 0, 0})
                                                .take());
}

TEST(Rfc4254Section6Requests, SurviveAWriteAndARead) {
  for (const ChannelRequest& request : all_requests()) {
    const std::string_view name = channel_request_name(request);
    const auto parsed = parse_channel_request(name, write_channel_request(request));
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(*parsed, request) << name;
  }
}

TEST(Rfc4254Section6Requests, AreRefusedWhereverTheyAreCutOrLonger) {
  for (const ChannelRequest& request : all_requests()) {
    if (std::holds_alternative<UnknownChannelRequest>(request)) continue;
    const std::string_view name = channel_request_name(request);
    ByteVector data = write_channel_request(request);
    for (std::size_t size = 0; size < data.size(); ++size) EXPECT_FALSE(parse_channel_request(name, Bytes(data).first(size))) << name;
    data.push_back(0);
    EXPECT_FALSE(parse_channel_request(name, data)) << name;
  }
}

TEST(Rfc4254Section8Modes, EndAtZeroAndAtWhatIsNotDefined) {
  EXPECT_EQ(*parse_terminal_modes(ByteVector{1, 0, 0, 0, 3, 0, 99}), (std::vector<TerminalMode>{{1, 3}}));
  EXPECT_EQ(*parse_terminal_modes(ByteVector{1, 0, 0, 0, 3, 160, 1}), (std::vector<TerminalMode>{{1, 3}}));
  EXPECT_EQ(*parse_terminal_modes(ByteVector{159, 0, 0, 0, 3}), (std::vector<TerminalMode>{{159, 3}})) << "without an end, as some send it";
  EXPECT_TRUE(parse_terminal_modes({})->empty());
}

TEST(Rfc4254Section8Modes, AreRefusedWithHalfAValueOrTooMany) {  // CVE-2026-0930
  for (std::size_t size = 1; size < 5; ++size) EXPECT_FALSE(parse_terminal_modes(Bytes(ByteVector{1, 0, 0, 0, 3}).first(size))) << size;
  ByteVector many;
  for (std::size_t i = 0; i < max_terminal_modes; ++i) many.insert(many.end(), {1, 0, 0, 0, 0});
  EXPECT_TRUE(parse_terminal_modes(many));
  many.insert(many.end(), {1, 0, 0, 0, 0});
  EXPECT_FALSE(parse_terminal_modes(many));
}

TEST(ChannelRequestBounds, ATermOf64KibIsRefused) {
  PtyRequest request{std::string(max_short_text, 'x'), {80, 24, 0, 0}, {}};
  EXPECT_TRUE(parse_channel_request("pty-req", write_channel_request(request)));
  request.term = std::string(64 * 1024, 'x');
  EXPECT_FALSE(parse_channel_request("pty-req", write_channel_request(request)));
}

TEST(ChannelRequestBounds, ANulOctetIsRefusedWhereATextGoesToTheSystem) {
  const std::string nul("a\0b", 3);
  EXPECT_FALSE(parse_channel_request("exec", write_channel_request(ExecRequest{nul})));
  EXPECT_FALSE(parse_channel_request("env", write_channel_request(EnvRequest{"A", nul})));
  EXPECT_FALSE(parse_channel_request("env", write_channel_request(EnvRequest{nul, "x"})));
  EXPECT_FALSE(parse_channel_request("subsystem", write_channel_request(SubsystemRequest{nul})));
  EXPECT_FALSE(parse_channel_request("pty-req", write_channel_request(PtyRequest{nul, {}, {}})));
  EXPECT_FALSE(parse_channel_request("signal", write_channel_request(SignalRequest{nul})));
}

TEST(ChannelRequestBounds, AnEnvironmentNameHasNoEqualsSignAndIsNotEmpty) {
  EXPECT_FALSE(parse_channel_request("env", write_channel_request(EnvRequest{"A=B", "x"})));
  EXPECT_FALSE(parse_channel_request("env", write_channel_request(EnvRequest{"", "x"})));
  EXPECT_TRUE(parse_channel_request("env", write_channel_request(EnvRequest{"A", "B=C"})));
}

TEST(Rfc4254ChannelTypes, SurviveAWriteAndARead) {
  const std::vector<ChannelType> types = {SessionChannel{},
                                          DirectTcpip{"localhost", 80, "127.0.0.1", 4711},
                                          ForwardedTcpip{"", 8080, "::1", 65535},
                                          DirectStreamlocal{"/run/x.sock"},
                                          AgentChannel{},
                                          X11Channel{"10.0.0.1", 6000},
                                          UnknownChannelType{"tun@openssh.com", {0, 0, 0, 1}}};
  for (const ChannelType& type : types) {
    const std::string_view name = channel_type_name(type);
    ByteVector data = write_channel_type(type);
    const auto parsed = parse_channel_type(name, data);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(*parsed, type) << name;
    if (std::holds_alternative<UnknownChannelType>(type)) continue;
    for (std::size_t size = 0; size < data.size(); ++size) EXPECT_FALSE(parse_channel_type(name, Bytes(data).first(size))) << name;
    data.push_back(0);
    EXPECT_FALSE(parse_channel_type(name, data)) << name;
  }
}

TEST(Rfc4254GlobalRequests, SurviveAWriteAndARead) {
  const std::vector<GlobalRequest> requests = {TcpipForward{"", 0}, CancelTcpipForward{"127.0.0.1", 8080}, Keepalive{}, NoMoreSessions{},
                                               UnknownGlobalRequest{"hostkeys-prove-00@openssh.com", {1, 2}}};
  for (const GlobalRequest& request : requests) {
    const std::string_view name = global_request_name(request);
    const ByteVector data = write_global_request(request);
    const auto parsed = parse_global_request(name, data);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(*parsed, request) << name;
  }
  EXPECT_FALSE(parse_global_request("tcpip-forward", ByteVector{0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace gatehouse::connection
