// room: protocol_connection
// What a peer that has authenticated sends on the connection layer. The first octet says who we are (bit 0), and whether we have opened a
// channel ourselves (bit 1) and give back windows (bit 2).
#include <array>

#include "protocol/connection/connection.h"
#include "tests/support/fuzz_connection.h"

using namespace gatehouse;
using namespace gatehouse::connection;

namespace {

/// Does with each event what an owner would, and checks that no view leaves its bounds.
struct Owner {
  Connection& connection;
  bool consumes;
  std::uint64_t read = 0;

  void look_at(ChannelId channel, Bytes data) {
    for (const std::uint8_t octet : data) read += octet;
    if (consumes) connection.consumed(channel, data.size());
  }
  void operator()(const DataReceived& received) { look_at(received.channel, received.data); }
  void operator()(const ExtendedDataReceived& received) { look_at(received.channel, received.data); }
  void operator()(const ChannelOpenRequested& request) {
    if (request.type.index() % 2 == 0) {
      if (!connection.confirm_open(request.channel)) std::abort();
      connection.write(request.channel, std::array<std::uint8_t, 100>{});
    } else if (!connection.refuse_open(request.channel, OpenFailure::administratively_prohibited, "no")) {
      std::abort();
    }
  }
  void operator()(const ChannelRequested& request) {
    if (channel_request_name(request.request).size() > 64) std::abort();
    if (request.want_reply && request.request.index() % 3 != 0 && !connection.reply(request.channel, true)) std::abort();
    if (std::holds_alternative<ShellRequest>(request.request)) connection.close(request.channel);
  }
  void operator()(const GlobalRequested& request) {
    if (request.want_reply && !connection.reply_global(request.request.index() % 2 == 0)) std::abort();
  }
  void operator()(const EofReceived& eof) { connection.send_eof(eof.channel); }
  void operator()(const WindowOpened& opened) { connection.write_stderr(opened.channel, std::array<std::uint8_t, 10>{}); }
  void operator()(const ChannelClosed& closed) {
    if (connection.is_open(closed.channel)) std::abort();
  }
  void operator()(const ChannelOpened&) {}
  void operator()(const ChannelOpenRefused&) {}
  void operator()(const ChannelRequestAnswered&) {}
  void operator()(const GlobalRequestAnswered&) {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static test::ReadyEnds ends;
  if (size == 0) return 0;
  transport::Transport server = ends.server();
  transport::Transport client = ends.client();
  server.authentication_succeeded();
  client.authentication_succeeded();
  const bool we_are_client = (data[0] & 1) != 0;
  transport::Transport& ours = we_are_client ? client : server;
  transport::Transport& peer = we_are_client ? server : client;
  Settings settings;
  settings.max_channels = 8;
  Connection connection(ours, settings);
  if ((data[0] & 2) != 0) connection.open(SessionChannel{});
  Owner owner{connection, (data[0] & 4) != 0};

  test::PayloadSource source(Bytes(data + 1, size - 1));
  for (Bytes payload = source.next(); !payload.empty() && !ours.closed(); payload = source.next()) {
    peer.send(payload);
    ours.feed(peer.take_output());
    while (const auto received = ends.turn(ours)) {
      const auto event = connection.receive(*received);
      if (!event) {
        if (!ours.closed()) std::abort();
        break;
      }
      if (*event) std::visit(owner, **event);
      if (connection.channel_count() > settings.max_channels) std::abort();
    }
    if (ours.output().size() > 4 * 1024 * 1024) std::abort();
    ours.take_output();
  }
  return 0;
}
