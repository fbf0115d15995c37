/// Session channels with real programs, between two transports in one process.
#include "sshd/session/session_channel.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>

#include "tests/support/ssh_pair.h"

namespace gatehouse::sshd {
namespace {

/// A client's connection layer and a server's, with one session channel that is open on both sides.
class SessionChannels : public testing::Test {
 protected:
  void SetUp() override {
    auto sockets = FrameSocket::pair();
    ASSERT_TRUE(sockets);
    monitor_end_ = std::move(sockets->second);
    monitor_.emplace(std::move(sockets->first));
    auto account = own_account();
    ASSERT_TRUE(account);
    account_ = *account;
    account_.shell = "/bin/sh";
    account_.home = "/";
    pair_.connect();
    server_.emplace(pair_.server.transport);
    client_.emplace(pair_.client.transport);
    context_.emplace(SessionContext{settings_, grant_, account_, ends_, time_zone_, *server_, *monitor_});
    pair_.server.on_payload = [this](const transport::PayloadReceived& payload) {
      auto event = server_->receive(payload);
      ASSERT_TRUE(event) << event.error().detail;
      if (!*event) return;
      if (const auto* open = std::get_if<connection::ChannelOpenRequested>(&**event)) {
        channel_.emplace(*context_, open->channel);
        ASSERT_TRUE(server_->confirm_open(open->channel));
      }
      if (const auto* data = std::get_if<connection::DataReceived>(&**event)) channel_->data(data->data);
      if (std::holds_alternative<connection::EofReceived>(**event)) channel_->eof();
    };
    pair_.client.on_payload = [this](const transport::PayloadReceived& payload) { ASSERT_TRUE(client_->receive(payload)); };
    const auto id = client_->open(connection::SessionChannel{});
    ASSERT_TRUE(id);
    id_ = *id;
    pair_.run();
    ASSERT_TRUE(channel_);
  }

  /// Waits for what the channel waits for, and handles it.
  void turn() {
    std::vector<pollfd> entries;
    channel_->add_to(entries);
    ASSERT_GE(poll(entries.data(), entries.size(), 5000), 0);
    channel_->look(entries.data());
    channel_->pump(1 << 20);
    pair_.run();
  }

  Settings settings_;
  Grant grant_;
  Account account_;
  Endpoints ends_;
  std::optional<std::string> time_zone_;
  FrameSocket monitor_end_;
  std::optional<MonitorRequests> monitor_;
  test::Pair pair_;
  std::optional<connection::Connection> server_;
  std::optional<connection::Connection> client_;
  std::optional<SessionContext> context_;
  std::optional<SessionChannel> channel_;
  connection::ChannelId id_{};
};

TEST_F(SessionChannels, AFastPeerAndASlowProgramCostNoMoreThanTheWindow) {
#ifdef GATEHOUSE_SANITIZER_BUILD
  GTEST_SKIP() << "a sanitizer's allocator keeps no such account";
#endif
  constexpr std::size_t piece = 32 * 1024;
  constexpr std::size_t pieces = 512;
  ASSERT_TRUE(channel_->request(connection::ExecRequest{"for i in $(seq 512); do head -c 32768 >/dev/null; done"}));
  const ByteVector octets(piece, 'x');
  const auto allocated = [] {
    const auto about = mallinfo2();
    return about.uordblks + about.hblkhd;
  };
  const std::size_t before = allocated();
  std::size_t most = 0;
  for (std::size_t sent = 0; sent < piece * pieces;) {
    const std::size_t now = client_->write(id_, Bytes(octets).first(std::min(piece, piece * pieces - sent)));
    sent += now;
    pair_.run();
    if (now == 0) turn();  // the window is used up: what the program has read opens it again
    most = std::max(most, allocated());
  }
  EXPECT_LT(most - before, 8U * 1024 * 1024) << "16 MiB went through a window of 2 MiB";
  client_->send_eof(id_);
  pair_.run();
  while (client_->is_open(id_) && !testing::Test::HasFailure()) turn();
  EXPECT_FALSE(client_->is_open(id_)) << "the program has read it all, and ended";
}

}  // namespace
}  // namespace gatehouse::sshd
