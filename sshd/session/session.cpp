#include "sshd/session/session.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>

#include "sshd/session/session_channel.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;
using connection::ChannelId;
using std::chrono::milliseconds;

constexpr std::size_t bulk_budget = 512 * 1024;  ///< of one channel's output before the next one's turn and a look at the socket
constexpr int unsent_in_kernel = 256 * 1024;     ///< few packets wait where nothing can overtake them

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

/// All of the pipe. Its writer is gone, so what is in it is all there will be.
std::optional<SecretBytes> read_snapshot(const UniqueFd& pipe) {
  int waiting = 0;
  if (ioctl(pipe.fd(), FIONREAD, &waiting) != 0 || waiting <= 0) return std::nullopt;
  SecretBytes content(static_cast<std::size_t>(waiting));
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = read(pipe.fd(), content.fill().data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    size += static_cast<std::size_t>(count);
  }
  return content;
}

class Session {
 public:
  Session(SessionOptions& options, transport::Transport transport)
      : socket_(options.connection),
        settings_(options.settings),
        monitor_(std::move(options.requests)),
        notices_(std::move(options.notices)),
        transport_(std::move(transport)),
        connection_(transport_),
        context_{options.settings, options.grant, options.account, options.ends, options.time_zone, connection_, monitor_} {}

  int run() {
    const int lowat = unsent_in_kernel;
    setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    while (true) {
      handle_events();
      pump();
      // What was held back by a key exchange, or by a full socket, may go on now.
      write_output();
      if (over_ && (transport_.output().empty() || Clock::now() >= give_up_)) break;
      wait();
    }
    return failed_ ? 1 : 0;
  }

 private:
  // ---- the loop

  void handle_events() {
    while (true) {
      auto event = transport_.next();
      if (!event) return violated(event.error());
      if (!*event) return;
      std::visit(Overloaded{
                     [this](const transport::PayloadReceived& payload) { receive(payload); },
                     [this](const transport::CookieNeeded&) { give_cookie(); },
                     [this](transport::ExchangeHashNeeded& needed) { give_hash(needed); },
                     [this](const transport::KeysInstalled&) { last_rekey_ = Clock::now(); },
                     [this](const transport::PeerDisconnected& peer) {
                       end(fmt::format("disconnected by the peer: {} ({})", peer.text, peer.reason));
                     },
                     [](const transport::PeerIdentified&) {},
                     [](const transport::HostKeyOffered&) {},
                 },
                 **event);
    }
  }

  void pump() {
    if (over_) return;
    for (const bool interactive : {true, false}) {
      for (auto& entry : channels_) {
        if (entry.second->interactive() == interactive) entry.second->pump(bulk_budget);
      }
    }
    for (auto entry = channels_.begin(); entry != channels_.end();) {
      entry = entry->second->done() ? channels_.erase(entry) : std::next(entry);
    }
    for (auto entry = leaving_.begin(); entry != leaving_.end();) {
      entry = (*entry)->done() ? leaving_.erase(entry) : std::next(entry);
    }
  }

  void write_output() {
    while (!transport_.output().empty()) {
      const Bytes output = transport_.output();
      const ssize_t count = send(socket_.fd(), output.data(), output.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) return lost(fmt::format("writing: {}", std::strerror(errno)));
      transport_.output_sent(static_cast<std::size_t>(count));
    }
  }

  void wait() {
    entries_.clear();
    short events = 0;
    if (!over_ && transport_.wants_input()) events |= POLLIN;
    if (!transport_.output().empty()) events |= POLLOUT;
    entries_.push_back({events == 0 ? -1 : socket_.fd(), events, 0});  // a hang-up alone would be reported again and again
    entries_.push_back({notices_.fd(), POLLIN, 0});
    if (!over_) {
      for (auto& entry : channels_) entry.second->add_to(entries_);
      for (auto& channel : leaving_) channel->add_to(entries_);
    }
    const int ready = poll(entries_.data(), entries_.size(), timeout());
    if (ready < 0) return;
    // Only what was asked for now may be looked at: the number of entries of a channel is its own to know.
    std::size_t at = 2;
    if (!over_) {
      for (auto& entry : channels_) at += entry.second->look(entries_.data() + at);
      for (auto& channel : leaving_) at += channel->look(entries_.data() + at);
    }
    if (entries_[1].revents != 0) look_at_notices();
    if ((entries_[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !over_) read_input();
    look_at_timers();
  }

  void read_input() {
    const auto space = transport_.input_space();
    const ssize_t count = recv(socket_.fd(), space.data(), space.size(), MSG_DONTWAIT);
    if (count > 0) {
      transport_.input_received(static_cast<std::size_t>(count));
      last_input_ = Clock::now();
      alive_questions_ = 0;
      return;
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    lost(count == 0 ? "closed by the peer" : fmt::format("reading: {}", std::strerror(errno)));
  }

  // ---- timers

  int timeout() const {
    auto next = Clock::time_point::max();
    if (over_) next = give_up_;
    if (settings_.client_alive_interval.count() > 0) next = std::min(next, alive_from() + settings_.client_alive_interval);
    if (settings_.rekey_limit.interval.count() > 0) next = std::min(next, last_rekey_ + settings_.rekey_limit.interval);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
  }

  Clock::time_point alive_from() const { return std::max(last_input_, last_question_); }

  void look_at_timers() {
    if (over_) return;
    const auto now = Clock::now();
    if (settings_.client_alive_interval.count() > 0 && now >= alive_from() + settings_.client_alive_interval) {
      if (alive_questions_ >= settings_.client_alive_count_max) {
        transport_.disconnect(DisconnectReason::connection_lost, "no answer");
        return end("the peer does not answer");
      }
      ++alive_questions_;
      last_question_ = now;
      connection_.request_global(connection::Keepalive{}, true);
    }
    if (settings_.rekey_limit.interval.count() > 0 && now >= last_rekey_ + settings_.rekey_limit.interval) {
      last_rekey_ = now;
      transport_.request_rekey();
    }
  }

  // ---- key exchange

  void give_cookie() {
    const auto cookie = monitor_.next_cookie();
    if (cookie) return transport_.provide_cookie(*cookie);
    transport_.disconnect(DisconnectReason::key_exchange_failed, "key exchange is not possible now");
    failure(cookie.error().what);
  }

  void give_hash(transport::ExchangeHashNeeded& needed) {
    const auto answer = monitor_.sign_exchange(message::sign_exchange_for(std::move(needed)));
    if (!answer) {
      transport_.disconnect(DisconnectReason::key_exchange_failed, "no host key signature");
      return failure(answer.error().what);
    }
    if (auto given = transport_.provide_exchange_hash_and_signature(answer->hash, answer->signature); !given) violated(given.error());
  }

  // ---- the connection layer

  void receive(const transport::PayloadReceived& payload) {
    auto event = connection_.receive(payload);
    if (!event) return violated(event.error());
    if (!*event) return;
    std::visit(Overloaded{
                   [this](const connection::DataReceived& data) {
                     if (auto* channel = find(data.channel)) channel->data(data.data);
                   },
                   [this](const connection::EofReceived& eof) {
                     if (auto* channel = find(eof.channel)) channel->eof();
                   },
                   [this](const connection::ChannelClosed& closed) { channel_closed(closed.channel); },
                   [this](const connection::ChannelOpenRequested& open) { open_channel(open); },
                   [this](const connection::ChannelRequested& asked) { channel_request(asked); },
                   [this](const connection::GlobalRequested& asked) { global_request(asked); },
                   [](const auto&) {},  // windows that opened show in room(); we open no channels
               },
               **event);
  }

  SessionChannel* find(ChannelId id) {
    const auto known = channels_.find(id);
    return known == channels_.end() ? nullptr : known->second.get();
  }

  void open_channel(const connection::ChannelOpenRequested& open) {
    using connection::OpenFailure;
    const auto refuse = [&](OpenFailure reason, std::string_view text) { (void)connection_.refuse_open(open.channel, reason, text); };
    if (std::holds_alternative<connection::UnknownChannelType>(open.type)) {
      return refuse(OpenFailure::unknown_channel_type, "unknown channel type");
    }
    if (!std::holds_alternative<connection::SessionChannel>(open.type)) {
      return refuse(OpenFailure::administratively_prohibited, "forwarding is not permitted");
    }
    if (no_more_sessions_) {
      transport_.disconnect(DisconnectReason::protocol_error, "no more sessions were to be opened");
      return failure("a session after no-more-sessions@openssh.com");
    }
    if (channels_.size() >= settings_.max_sessions) return refuse(OpenFailure::resource_shortage, "too many sessions");
    channels_.emplace(open.channel, std::make_unique<SessionChannel>(context_, open.channel));
    (void)connection_.confirm_open(open.channel);
  }

  void channel_request(const connection::ChannelRequested& asked) {
    auto* channel = find(asked.channel);
    const bool success = channel != nullptr && channel->request(asked.request);
    if (asked.want_reply) (void)connection_.reply(asked.channel, success);
  }

  void global_request(const connection::GlobalRequested& asked) {
    if (std::holds_alternative<connection::NoMoreSessions>(asked.request)) no_more_sessions_ = true;
    if (asked.want_reply) (void)connection_.reply_global(false);  // to a keepalive any answer will do; forwarding is refused
  }

  void channel_closed(ChannelId id) {
    const auto known = channels_.find(id);
    if (known == channels_.end()) return;
    known->second->channel_closed();
    // Its number may be used again at once, while its program still runs.
    leaving_.push_back(std::move(known->second));
    channels_.erase(known);
  }

  // ---- the end

  void look_at_notices() {
    const auto frame = notices_.receive(milliseconds{1000});
    const auto notice = frame ? message::parse_notice(frame->payload) : violation(Violation::bad_encoding, "monitor");
    if (!notice) {  // without a monitor nobody would end this session in time
      transport_.disconnect(DisconnectReason::by_application, "the server ends this session");
      notices_.close();
      return failure("the monitor is gone");
    }
    std::visit(Overloaded{[this](const message::Warn& warn) { show(warn.text); },
                          [this](const message::Close& close) {
                            show(close.text);
                            transport_.disconnect(DisconnectReason::by_application, close.text);
                            end(close.text);
                          }},
               *notice);
  }

  void show(const std::string& text) {
    for (auto& entry : channels_) entry.second->show(text);
  }

  void violated(const ProtocolError& error) {
    transport_.fail(error);
    failure(fmt::format("{} ({})", rule(error.violation).text, error.detail));
  }

  void failure(const std::string& why) {
    failed_ = true;
    end(why);
  }

  /// The socket is of no more use.
  void lost(const std::string& why) {
    end(why);
    give_up_ = Clock::now();
  }

  /// What is left of the output is still written, for a short while.
  void end(const std::string& why) {
    if (over_) return;
    over_ = true;
    give_up_ = Clock::now() + milliseconds{2000};
    monitor_.note(why);
  }

  UniqueFd& socket_;
  const Settings& settings_;
  MonitorRequests monitor_;
  FrameSocket notices_;
  transport::Transport transport_;
  connection::Connection connection_;
  SessionContext context_;
  std::map<ChannelId, std::unique_ptr<SessionChannel>> channels_;
  std::vector<std::unique_ptr<SessionChannel>> leaving_;  ///< closed; their programs still run
  std::vector<pollfd> entries_;
  bool no_more_sessions_ = false;
  bool over_ = false;
  bool failed_ = false;
  unsigned alive_questions_ = 0;
  Clock::time_point began_ = Clock::now();
  Clock::time_point last_input_ = began_;
  Clock::time_point last_question_ = began_;
  Clock::time_point last_rekey_ = began_;
  Clock::time_point give_up_ = Clock::time_point::max();
};

}  // namespace

int run_session(SessionOptions options) {
  signal(SIGPIPE, SIG_IGN);
  const auto snapshot = read_snapshot(options.snapshot);
  options.snapshot.reset();
  if (!snapshot) return 2;
  auto transport = transport::Transport::restore(std::move(options.transport), snapshot->reveal());
  if (!transport) {
    MonitorRequests(std::move(options.requests)).note(fmt::format("the hand-over failed: {}", transport.error().detail));
    return 2;
  }
  return Session(options, std::move(*transport)).run();
}

}  // namespace gatehouse::sshd
