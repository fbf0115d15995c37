/// What a peer may try on channels. Each test names the rule or the failure of another server that it repeats.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "protocol/connection/connection.h"
#include "protocol/core/wire.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::connection {
namespace {

WireWriter starting(Message message) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(message));
  return writer;
}

/// A server with channels, and a client that sends what it likes.
class ChannelStrictness : public testing::Test {
 protected:
  void SetUp() override {
    pair.connect();
    pair.server.on_payload = [this](const transport::PayloadReceived& payload) {
      if (error) return;
      auto event = connection.receive(payload);
      if (!event) {
        error = event.error();
        return;
      }
      if (!*event) return;
      if (const auto* request = std::get_if<ChannelOpenRequested>(&**event)) {
        if (confirms) connection.confirm_open(request->channel);
      } else if (const auto* received = std::get_if<DataReceived>(&**event)) {
        data.insert(data.end(), received->data.begin(), received->data.end());
        if (consumes) connection.consumed(received->channel, received->data.size());
      } else {
        ++other_events;
      }
    };
  }
  void send(const WireWriter& message) {
    pair.client.transport.send(message.view());
    pair.run();
  }
  void open(std::uint32_t window = 1 << 20, std::uint32_t maximum = 32768) {
    send(starting(Message::channel_open).string("session").uint32(0).uint32(window).uint32(maximum));
    pair.client.payloads.clear();
  }
  void expect_refused(Violation violation) {
    ASSERT_TRUE(error) << "still alive";
    EXPECT_EQ(error->violation, violation) << error->detail;
    EXPECT_TRUE(pair.server.transport.closed());
    EXPECT_TRUE(pair.client.disconnected);
  }
  void expect_alive() { ASSERT_FALSE(error) << error->detail; }
  /// Numbers of the messages that the server sent.
  std::vector<int> answers() {
    std::vector<int> numbers;
    for (const ByteVector& payload : pair.client.payloads) numbers.push_back(payload[0]);
    pair.client.payloads.clear();
    return numbers;
  }

  test::Pair pair;
  Connection connection{pair.server.transport};
  bool confirms = true;
  bool consumes = true;
  ByteVector data;
  int other_events = 0;
  std::optional<ProtocolError> error;
};

// ---- channels that are not open
// --------------------------------------------------------------------------------------------------------------

class OnNoChannel : public ChannelStrictness, public testing::WithParamInterface<int> {
 protected:
  WireWriter on_channel(std::uint32_t id) const {
    WireWriter writer = starting(static_cast<Message>(GetParam()));
    writer.uint32(id);
    switch (static_cast<Message>(GetParam())) {
      case Message::channel_data:
        writer.string("x");
        break;
      case Message::channel_extended_data:
        writer.uint32(1).string("x");
        break;
      case Message::channel_window_adjust:
        writer.uint32(1);
        break;
      case Message::channel_request:
        writer.string("shell").boolean(true);
        break;
      case Message::channel_open_confirmation:
        writer.uint32(0).uint32(1).uint32(1);
        break;
      case Message::channel_open_failure:
        writer.uint32(1).string("").string("");
        break;
      default:
        break;
    }
    return writer;
  }
};

TEST_P(OnNoChannel, EndsTheConnection) {
  send(on_channel(0));
  expect_refused(Violation::unknown_channel);
}

TEST_P(OnNoChannel, EndsTheConnectionAfterClose) {  // CVE-2026-59848, CVE-2026-59850
  open();
  send(starting(Message::channel_close).uint32(0));
  expect_alive();
  EXPECT_EQ(answers(), std::vector<int>{97});
  send(on_channel(0));
  expect_refused(Violation::unknown_channel);
}

TEST_P(OnNoChannel, EndsTheConnectionBeforeItIsConfirmed) {
  confirms = false;
  send(starting(Message::channel_open).string("session").uint32(0).uint32(1000).uint32(1000));
  send(on_channel(0));
  expect_refused(Violation::unknown_channel);
}

TEST_P(OnNoChannel, EndsTheConnectionForAHugeId) {
  open();
  send(on_channel(0xffffffff));
  expect_refused(Violation::unknown_channel);
}

INSTANTIATE_TEST_SUITE_P(Each, OnNoChannel, testing::Values(91, 92, 93, 94, 95, 96, 97, 98, 99, 100));

TEST_F(ChannelStrictness, AConfirmationOfAnOpenChannelEndsTheConnection) {  // CVE-2026-39830
  open();
  send(starting(Message::channel_open_confirmation).uint32(0).uint32(9).uint32(1).uint32(1));
  expect_refused(Violation::unknown_channel);
}

TEST_F(ChannelStrictness, AnswersToNothingChangeNothing) {  // CVE-2026-39830
  open();
  for (int i = 0; i < 1000; ++i) {
    send(starting(Message::request_success).raw(ByteVector(10)));
    send(starting(Message::request_failure));
    send(starting(Message::channel_success).uint32(0));
    send(starting(Message::channel_failure).uint32(0));
  }
  expect_alive();
  EXPECT_EQ(other_events, 0);
  EXPECT_TRUE(answers().empty());
}

// ---- windows
// ------------------------------------------------------------------------------------------------------------------------------------

TEST_F(ChannelStrictness, AWindowMayNotExceed32Bits) {  // russh GHSA-h5rc-j5f5-3gcm
  open(1000);
  send(starting(Message::channel_window_adjust).uint32(0).uint32(0xffffffff - 1000));
  expect_alive();
  EXPECT_EQ(connection.window(static_cast<ChannelId>(0)), 0xffffffffU);
  send(starting(Message::channel_window_adjust).uint32(0).uint32(1));
  expect_refused(Violation::window_violation);
}

TEST_F(ChannelStrictness, DataPastTheWindowEndsTheConnection) {
  consumes = false;
  open();
  for (std::uint32_t sent = 0; sent < initial_window; sent += 32768)
    send(starting(Message::channel_data).uint32(0).string(ByteVector(32768)));
  expect_alive();
  send(starting(Message::channel_data).uint32(0).string("x"));
  expect_refused(Violation::window_violation);
  EXPECT_EQ(data.size(), initial_window);
}

TEST_F(ChannelStrictness, DataPastTheMaximumPacketEndsTheConnection) {
  open();
  send(starting(Message::channel_data).uint32(0).string(ByteVector(32768)));
  expect_alive();
  send(starting(Message::channel_data).uint32(0).string(ByteVector(32769)));
  expect_refused(Violation::window_violation);
}

TEST_F(ChannelStrictness, AWindowOrMaximumPacketOfZeroMeansWaiting) {  // CVE-2026-59843
  open(0, 32768);
  open(1 << 20, 0);
  const auto shut = static_cast<ChannelId>(0), no_packets = static_cast<ChannelId>(1);
  EXPECT_EQ(connection.write(shut, as_bytes("x")), 0U);
  EXPECT_EQ(connection.room(shut), 0U);
  EXPECT_EQ(connection.write(no_packets, as_bytes("x")), 0U);
  EXPECT_EQ(connection.room(no_packets), 0U);
  EXPECT_TRUE(connection.start_data(no_packets, 10).empty());
  send(starting(Message::channel_window_adjust).uint32(0).uint32(0));
  EXPECT_EQ(other_events, 0) << "a window that grew by nothing is not open";
  send(starting(Message::channel_window_adjust).uint32(0).uint32(1));
  EXPECT_EQ(other_events, 1);
  EXPECT_EQ(connection.write(shut, as_bytes("xy")), 1U);
  expect_alive();
}

TEST_F(ChannelStrictness, PacketsOfOneOctetStayBoundedToo) {
  open(0xffffffff, 1);
  const std::size_t sent = connection.write(static_cast<ChannelId>(0), ByteVector(10'000'000));
  EXPECT_GT(sent, 1000U);
  EXPECT_LT(pair.server.transport.output().size(), std::size_t{300} * 1024);
}

TEST_F(ChannelStrictness, AWriteOfMoreThan4GibIsNotTakenForASmallOne) {  // CVE-2026-39834
  constexpr std::size_t size = (std::size_t{1} << 32) + 10;
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  open(1000);
  EXPECT_EQ(connection.write(static_cast<ChannelId>(0), Bytes(static_cast<const std::uint8_t*>(memory), size)), 1000U);
  munmap(memory, size);
}

TEST_F(ChannelStrictness, ExtendedDataFromAClientIsCreditedAndDropped) {  // CVE-2026-54886, x/crypto b07833c
  open();
  for (int i = 0; i < 300; ++i) send(starting(Message::channel_extended_data).uint32(0).uint32(1 + i % 3).string(ByteVector(32768)));
  expect_alive();
  EXPECT_TRUE(data.empty());
  EXPECT_EQ(other_events, 0);
}

TEST_F(ChannelStrictness, EmptyDataIsNoEvent) {
  open();
  for (int i = 0; i < 100; ++i) send(starting(Message::channel_data).uint32(0).string(""));
  expect_alive();
  EXPECT_EQ(other_events, 0);
}

// ---- states
// ---------------------------------------------------------------------------------------------------------------------------------------

TEST_F(ChannelStrictness, DataAfterEofEndsTheConnection) {
  open();
  send(starting(Message::channel_eof).uint32(0));
  EXPECT_EQ(other_events, 1);
  send(starting(Message::channel_data).uint32(0).string("x"));
  expect_refused(Violation::channel_state);
}

TEST_F(ChannelStrictness, ASecondEofEndsTheConnection) {
  open();
  send(starting(Message::channel_eof).uint32(0));
  send(starting(Message::channel_eof).uint32(0));
  expect_refused(Violation::channel_state);
}

TEST_F(ChannelStrictness, ACloseIsAnsweredOnce) {
  open();
  connection.close(static_cast<ChannelId>(0));
  send(starting(Message::channel_close).uint32(0));
  EXPECT_EQ(answers(), std::vector<int>{97});
  EXPECT_EQ(connection.channel_count(), 0U);
}

TEST_F(ChannelStrictness, UnansweredRequestsComeToAnEnd) {
  open();
  for (int i = 0; i < 64; ++i) send(starting(Message::channel_request).uint32(0).string("x@y").boolean(true));
  expect_alive();
  send(starting(Message::channel_request).uint32(0).string("x@y").boolean(false));
  expect_alive();
  send(starting(Message::channel_request).uint32(0).string("x@y").boolean(true));
  expect_refused(Violation::channel_state);
}

TEST_F(ChannelStrictness, UnansweredGlobalRequestsComeToAnEnd) {
  for (int i = 0; i < 64; ++i) send(starting(Message::global_request).string("x@y").boolean(true));
  expect_alive();
  send(starting(Message::global_request).string("x@y").boolean(true));
  expect_refused(Violation::channel_state);
}

// ---- encodings
// --------------------------------------------------------------------------------------------------------------------------------------

TEST_F(ChannelStrictness, AMalformedRequestFailsAndTheChannelLives) {  // CVE-2026-0930
  open();
  send(starting(Message::channel_request).uint32(0).string("pty-req").boolean(true).string("xterm").uint32(80));
  send(starting(Message::channel_request).uint32(0).string("env").boolean(true).string("A=B").string("x"));
  send(starting(Message::channel_request).uint32(0).string("pty-req").boolean(false).string("xterm").uint32(80));
  expect_alive();
  EXPECT_EQ(answers(), (std::vector<int>{100, 100}));
  EXPECT_EQ(other_events, 0);
}

TEST_F(ChannelStrictness, MessagesThatAreCutEndTheConnection) {
  for (const int number : {80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100}) {
    test::Pair fresh;
    fresh.connect();
    Connection its(fresh.server.transport);
    std::optional<ProtocolError> broken;
    fresh.server.on_payload = [&](const transport::PayloadReceived& received) {
      const auto event = its.receive(received);
      if (!event) broken = event.error();
    };
    fresh.client.transport.send(ByteVector{static_cast<std::uint8_t>(number), 0});
    fresh.run();
    ASSERT_TRUE(broken) << number;
    EXPECT_EQ(broken->violation, Violation::bad_encoding) << number;
  }
}

TEST_F(ChannelStrictness, LeftOverOctetsEndTheConnection) {
  open();
  send(starting(Message::channel_eof).uint32(0).byte(0));
  expect_refused(Violation::bad_encoding);
}

TEST_F(ChannelStrictness, ALengthPastThePacketEndsTheConnection) {
  open();
  send(starting(Message::channel_data).uint32(0).uint32(0xffffffff).raw(ByteVector(10)));
  expect_refused(Violation::bad_encoding);
}

TEST_F(ChannelStrictness, NumbersWithoutAMeaningAreUnimplemented) {
  pair.client.transport.send(ByteVector{101});
  pair.client.transport.send(ByteVector{127, 1, 2});
  pair.run();
  expect_alive();
  open();
  EXPECT_EQ(connection.channel_count(), 1U);
}

TEST_F(ChannelStrictness, AChannelTypeWithBadFieldsEndsTheConnection) {
  send(starting(Message::channel_open).string("direct-tcpip").uint32(0).uint32(1).uint32(1).string("host"));
  expect_refused(Violation::bad_encoding);
}

TEST_F(ChannelStrictness, AFloodOfWindowsAndRequestsLeavesNoMemoryBehind) {
  open();
  for (int i = 0; i < 20000; ++i) {
    pair.client.transport.send(starting(Message::channel_window_adjust).uint32(0).uint32(1).view());
    pair.client.transport.send(starting(Message::channel_request).uint32(0).string("nonsense@x").boolean(false).view());
    if (i % 100 == 0) pair.run();
  }
  pair.run();
  expect_alive();
  EXPECT_TRUE(pair.server.transport.output().empty());
}

}  // namespace
}  // namespace gatehouse::connection
