/// Channels between two transports in one process.
#include "protocol/connection/connection.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/core/wire.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::connection {
namespace {

/// A connection layer on an end, which keeps what it tells and consumes data at once unless told otherwise.
struct Side {
  explicit Side(test::End& at, Settings settings = {}) : end(at), connection(at.transport, settings) {
    end.on_payload = [this](const transport::PayloadReceived& payload) {
      auto event = connection.receive(payload);
      if (!event) {
        error = event.error();
      } else if (*event) {
        std::visit([this](auto& happened) { on(happened); }, **event);
      }
    };
  }

  void on(DataReceived& received) {
    data.insert(data.end(), received.data.begin(), received.data.end());
    if (consumes) connection.consumed(received.channel, received.data.size());
  }
  void on(ExtendedDataReceived& received) {
    errors.insert(errors.end(), received.data.begin(), received.data.end());
    if (consumes) connection.consumed(received.channel, received.data.size());
  }
  void on(ChannelOpenRequested& request) {
    opens.push_back(request);
    if (!confirms) return;
    EXPECT_TRUE(connection.confirm_open(request.channel));
  }
  void on(ChannelOpened& opened) { channel = opened.channel; }
  void on(ChannelOpenRefused& refused) { refusals.push_back(refused); }
  void on(WindowOpened&) { ++windows_opened; }
  void on(EofReceived&) { ++eofs; }
  void on(ChannelClosed&) { ++closes; }
  void on(ChannelRequested& request) { requests.push_back(std::move(request)); }
  void on(ChannelRequestAnswered& answer) { answers.push_back(answer.success); }
  void on(GlobalRequested& request) { global_requests.push_back(std::move(request)); }
  void on(GlobalRequestAnswered& answer) { global_answers.push_back(std::move(answer)); }

  test::End& end;
  Connection connection;
  bool consumes = true;
  bool confirms = true;
  ByteVector data, errors;
  std::vector<ChannelOpenRequested> opens;
  std::vector<ChannelOpenRefused> refusals;
  std::optional<ChannelId> channel;
  int windows_opened = 0, eofs = 0, closes = 0;
  std::vector<ChannelRequested> requests;
  std::vector<bool> answers;
  std::vector<GlobalRequested> global_requests;
  std::vector<GlobalRequestAnswered> global_answers;
  std::optional<ProtocolError> error;
};

class Channels : public testing::Test {
 protected:
  void SetUp() override { pair.connect(); }
  /// A session channel, open on both sides.
  void open() {
    ASSERT_TRUE(client.connection.open(SessionChannel{}));
    pair.run();
    ASSERT_TRUE(client.channel);
    ASSERT_EQ(server.opens.size(), 1U);
    at_client = *client.channel;
    at_server = server.opens[0].channel;
  }
  test::Pair pair;
  Side server{pair.server};
  Side client{pair.client};
  ChannelId at_client{}, at_server{};
};

ByteVector some_octets(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  ByteVector octets(size);
  for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
  return octets;
}

TEST_F(Channels, OpenSpeakAndClose) {
  open();
  EXPECT_TRUE(client.connection.request(at_client, ExecRequest{"true"}, true));
  pair.run();
  ASSERT_EQ(server.requests.size(), 1U);
  EXPECT_EQ(std::get<ExecRequest>(server.requests[0].request).command, "true");
  EXPECT_TRUE(server.connection.reply(at_server, true));
  EXPECT_EQ(server.connection.write(at_server, as_bytes("out")), 3U);
  EXPECT_EQ(server.connection.write_stderr(at_server, as_bytes("error")), 5U);
  EXPECT_TRUE(server.connection.request(at_server, ExitStatus{7}, false));
  EXPECT_TRUE(server.connection.send_eof(at_server));
  EXPECT_TRUE(server.connection.close(at_server));
  pair.run();
  EXPECT_EQ(client.answers, std::vector<bool>{true});
  EXPECT_EQ(as_text(client.data), "out");
  EXPECT_EQ(as_text(client.errors), "error");
  ASSERT_EQ(client.requests.size(), 1U);
  EXPECT_EQ(std::get<ExitStatus>(client.requests[0].request).status, 7U);
  EXPECT_EQ(client.eofs, 1);
  EXPECT_EQ(client.closes, 1);
  EXPECT_EQ(server.closes, 1);
  EXPECT_EQ(server.connection.channel_count(), 0U);
  EXPECT_EQ(client.connection.channel_count(), 0U);
}

TEST_F(Channels, CarryMuchInBothDirectionsAcrossRekeys) {
  open();
  const ByteVector up = some_octets(5'000'001);
  const ByteVector down = some_octets(7'000'003);
  std::size_t sent_up = 0, sent_down = 0;
  int rounds = 0;
  while (sent_up < up.size() || sent_down < down.size()) {
    ASSERT_LT(++rounds, 10000);
    sent_up += client.connection.write(at_client, Bytes(up).subspan(sent_up));
    sent_down += server.connection.write(at_server, Bytes(down).subspan(sent_down));
    if (rounds % 10 == 0) pair.client.transport.request_rekey();
    if (rounds % 13 == 0) pair.server.transport.request_rekey();
    pair.carry(pair.client, pair.server);
    pair.carry(pair.server, pair.client);
  }
  pair.run();
  EXPECT_EQ(server.data, up);
  EXPECT_EQ(client.data, down);
  EXPECT_GT(pair.client.keys_installed, 2);
  EXPECT_FALSE(server.error);
  EXPECT_FALSE(client.error);
}

TEST_F(Channels, CarryDataOneOctetAtATime) {
  pair.chunk = 1;
  open();
  const ByteVector octets = some_octets(40000);
  EXPECT_EQ(client.connection.write(at_client, octets), octets.size());
  pair.run();
  EXPECT_EQ(server.data, octets);
}

TEST_F(Channels, TakeDataThatIsFilledInPlace) {
  open();
  std::span<std::uint8_t> space = server.connection.start_data(at_server, 100000);
  ASSERT_GE(space.size(), 32000U);
  ASSERT_LE(space.size(), 32768U);
  std::fill_n(space.begin(), 10, std::uint8_t{7});
  server.connection.finish_data(at_server, 10);
  space = server.connection.start_data(at_server, 5);
  EXPECT_EQ(space.size(), 5U);
  server.connection.finish_data(at_server, 0);
  pair.run();
  EXPECT_EQ(client.data, ByteVector(10, 7));
  EXPECT_EQ(server.connection.window(at_server), initial_window - 10);
}

// ---- windows (RFC 4254 section 5.2) -----------------------------------------------------------------------------------------------------

using Rfc4254Section5Point2Window = Channels;

TEST_F(Rfc4254Section5Point2Window, StopsASenderThatNobodyReads) {
  client.consumes = false;
  open();
  const ByteVector block(100000);
  std::uint64_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    sent += server.connection.write(at_server, block);
    pair.run();
  }
  EXPECT_EQ(sent, initial_window);
  EXPECT_EQ(client.data.size(), initial_window);
  EXPECT_EQ(server.connection.room(at_server), 0U);
  EXPECT_EQ(server.windows_opened, 0);
  client.connection.consumed(at_client, initial_window);
  pair.run();
  EXPECT_EQ(server.windows_opened, 1);
  EXPECT_EQ(server.connection.window(at_server), initial_window);
}

TEST_F(Rfc4254Section5Point2Window, GoesBackInLargeSteps) {
  client.consumes = false;
  open();
  server.connection.write(at_server, ByteVector(1000));
  pair.run();
  client.connection.consumed(at_client, 1000);
  EXPECT_TRUE(pair.client.transport.output().empty()) << "one message per keystroke would be a waste";
  server.connection.write(at_server, ByteVector(200000));
  pair.run();
  client.connection.consumed(at_client, 200000);
  EXPECT_FALSE(pair.client.transport.output().empty());
  pair.run();
  EXPECT_EQ(server.connection.window(at_server), initial_window);
}

TEST_F(Rfc4254Section5Point2Window, CannotGrowByAWrongCountOfOurs) {
  open();
  client.consumes = false;
  server.connection.write(at_server, ByteVector(200000));
  pair.run();
  client.connection.consumed(at_client, 4'000'000'000);
  pair.run();
  EXPECT_EQ(server.connection.window(at_server), initial_window);
}

TEST_F(Rfc4254Section5Point2Window, GrowsWhenAsked) {
  open();
  client.connection.grow_window(at_client, 16 * 1024 * 1024);
  client.connection.grow_window(at_client, 1024);
  pair.run();
  EXPECT_EQ(server.connection.window(at_server), std::uint64_t{16} * 1024 * 1024);
}

TEST_F(Rfc4254Section5Point2Window, LimitsOutputForAPeerThatDoesNotRead) {
  open();
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) sent += server.connection.write(at_server, ByteVector(1'000'000));
  EXPECT_LE(pair.server.transport.output().size(), std::size_t{400} * 1024);
  EXPECT_LT(sent, std::size_t{400} * 1024);
  EXPECT_EQ(server.connection.room(at_server), 0U);
}

TEST_F(Rfc4254Section5Point2Window, IsShutDuringAKeyExchangeAndOpenAfterIt) {
  open();
  pair.server.transport.request_rekey();
  pair.server.turn();
  EXPECT_EQ(server.connection.room(at_server), 0U);
  EXPECT_EQ(server.connection.write(at_server, as_bytes("x")), 0U);
  EXPECT_TRUE(server.connection.start_data(at_server, 10).empty());
  server.connection.finish_data(at_server, 0);
  EXPECT_TRUE(server.connection.request(at_server, ExitStatus{0}, false)) << "small messages wait in the transport";
  pair.run();
  EXPECT_GT(server.connection.room(at_server), 0U);
  EXPECT_EQ(client.requests.size(), 1U);
}

// ---- replies
// ------------------------------------------------------------------------------------------------------------------------------

TEST_F(Channels, AnswerRequestsInOrder) {
  open();
  client.connection.request(at_client, EnvRequest{"A", "1"}, true);
  client.connection.request(at_client, PtyRequest{std::string(100000, 'x'), {}, {}}, true);  // refused by the layer itself
  client.connection.request(at_client, ShellRequest{}, true);
  client.connection.request(at_client, WindowChange{}, false);
  pair.run();
  ASSERT_EQ(server.requests.size(), 3U);
  EXPECT_TRUE(client.answers.empty()) << "no answer overtakes an older one";
  EXPECT_TRUE(server.connection.reply(at_server, true));
  EXPECT_TRUE(server.connection.reply(at_server, true));
  EXPECT_FALSE(server.connection.reply(at_server, true)) << "nobody waits for one";
  pair.run();
  EXPECT_EQ(client.answers, (std::vector<bool>{true, false, true}));
}

TEST_F(Channels, AnswerGlobalRequestsInOrder) {
  client.connection.request_global(Keepalive{}, true);
  client.connection.request_global(NoMoreSessions{}, false);
  client.connection.request_global(TcpipForward{"", 0}, true);
  pair.run();
  ASSERT_EQ(server.global_requests.size(), 3U);
  EXPECT_EQ(client.connection.unanswered_global(), 2U);
  EXPECT_TRUE(server.connection.reply_global(false));
  EXPECT_TRUE(server.connection.reply_global(true, WireWriter().uint32(4711).view()));
  EXPECT_FALSE(server.connection.reply_global(true));
  pair.run();
  ASSERT_EQ(client.global_answers.size(), 2U);
  EXPECT_FALSE(client.global_answers[0].success);
  EXPECT_EQ(hex(client.global_answers[1].data), "00001267");
  EXPECT_EQ(client.connection.unanswered_global(), 0U);
}

// ---- opening and closing
// ------------------------------------------------------------------------------------------------------------------

TEST_F(Channels, ThatAreRefusedLeaveNothingBehind) {
  server.confirms = false;
  for (int i = 0; i < 10000; ++i) {  // CVE-2026-39827
    ASSERT_TRUE(client.connection.open(DirectTcpip{"localhost", 80, "", 0}));
    pair.run();
    ASSERT_TRUE(server.connection.refuse_open(server.opens.back().channel, OpenFailure::administratively_prohibited, "no\x1b[0m"));
    pair.run();
    ASSERT_EQ(server.connection.channel_count(), 0U);
    ASSERT_EQ(client.connection.channel_count(), 0U);
  }
  EXPECT_EQ(client.refusals.back().reason, 1U);
  EXPECT_EQ(client.refusals.back().text, "no\\x1b[0m");
}

TEST_F(Channels, AreOpenedUpToALimitAndAgainAfterACloseRace) {
  Settings few;
  few.max_channels = 10;
  test::Pair fresh;
  fresh.connect();
  Side at(fresh.server, few);
  Side peer(fresh.client);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(peer.connection.open(SessionChannel{}));
  fresh.run();
  EXPECT_EQ(at.connection.channel_count(), 10U);
  EXPECT_EQ(peer.refusals.size(), 20U);
  EXPECT_EQ(peer.refusals[0].reason, static_cast<std::uint32_t>(OpenFailure::resource_shortage));
  EXPECT_EQ(peer.connection.channel_count(), 10U);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(at.connection.close(static_cast<ChannelId>(i)));
    EXPECT_TRUE(peer.connection.close(static_cast<ChannelId>(i)));  // both at once
  }
  fresh.run();
  EXPECT_EQ(at.connection.channel_count(), 0U);
  EXPECT_EQ(peer.connection.channel_count(), 0U);
  EXPECT_EQ(at.closes, 10);
  ASSERT_TRUE(peer.connection.open(SessionChannel{}));
  fresh.run();
  EXPECT_EQ(at.connection.channel_count(), 1U);
  EXPECT_FALSE(at.error);
}

TEST_F(Channels, DropWhatCrossesTheirClose) {
  open();
  EXPECT_TRUE(server.connection.close(at_server));
  client.connection.write(at_client, as_bytes("late"));
  client.connection.request(at_client, ShellRequest{}, true);
  client.connection.send_eof(at_client);
  pair.run();
  EXPECT_FALSE(server.error);
  EXPECT_TRUE(server.data.empty());
  EXPECT_TRUE(server.requests.empty());
  EXPECT_EQ(server.eofs, 0);
  EXPECT_EQ(server.closes, 1);
}

TEST_F(Channels, DoNothingForAnIdThatIsNotOpen) {
  open();
  server.connection.close(at_server);
  pair.run();
  for (const ChannelId id : {at_server, static_cast<ChannelId>(77), static_cast<ChannelId>(0xffffffff)}) {
    EXPECT_EQ(server.connection.write(id, as_bytes("x")), 0U);
    EXPECT_EQ(server.connection.room(id), 0U);
    EXPECT_FALSE(server.connection.send_eof(id));
    EXPECT_FALSE(server.connection.close(id));
    EXPECT_FALSE(server.connection.confirm_open(id));
    EXPECT_FALSE(server.connection.refuse_open(id, OpenFailure::connect_failed, ""));
    EXPECT_FALSE(server.connection.request(id, ExitStatus{0}, false));
    EXPECT_FALSE(server.connection.reply(id, true));
    EXPECT_FALSE(server.connection.is_open(id));
    server.connection.consumed(id, 10);
    server.connection.grow_window(id, 100'000'000);
  }
  EXPECT_TRUE(pair.server.transport.output().empty());
}

TEST_F(Channels, SendNothingAfterTheirEof) {
  open();
  EXPECT_TRUE(server.connection.send_eof(at_server));
  EXPECT_FALSE(server.connection.send_eof(at_server));
  EXPECT_EQ(server.connection.room(at_server), 0U);
  EXPECT_EQ(server.connection.write(at_server, as_bytes("x")), 0U);
  EXPECT_TRUE(server.connection.request(at_server, ExitStatus{0}, false)) << "EOF ends data, not requests";
  pair.run();
  EXPECT_EQ(client.requests.size(), 1U);
}

}  // namespace
}  // namespace gatehouse::connection
