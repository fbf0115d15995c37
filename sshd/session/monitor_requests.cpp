#include "sshd/session/monitor_requests.h"

#include <algorithm>
#include <chrono>

namespace gatehouse::sshd {
namespace {

/// Longer than the monitor may take with token and authorizer.
constexpr std::chrono::seconds patience{60};

Result<Frame> said_no(const ProtocolError& error) { return problem("the monitor does not allow it (" + error.detail + ")"); }

template <class T>
Result<T> read(const Result<Frame>& frame, ProtocolResult<T> (*parse)(Bytes)) {
  if (!frame) return tl::unexpected(frame.error());
  auto parsed = parse(frame->payload);
  if (!parsed) return tl::unexpected(said_no(parsed.error()).error());
  return std::move(*parsed);
}

}  // namespace

void MonitorRequests::tell_frame(Bytes frame) { (void)socket_.send(frame, patience); }

Result<Frame> MonitorRequests::ask(Bytes frame) {
  if (auto sent = socket_.send(frame, patience); !sent) return tl::unexpected(std::move(sent.error()));
  return socket_.receive(patience);
}

Result<transport::Cookie> MonitorRequests::next_cookie() {
  const auto answer = read(ask(message::write(message::NextCookie{})), message::parse_cookie);
  if (!answer) return tl::unexpected(answer.error());
  transport::Cookie cookie{};
  std::copy(answer->octets.begin(), answer->octets.end(), cookie.begin());
  return cookie;
}

Result<message::SignedExchange> MonitorRequests::sign_exchange(const message::SignExchange& request) {
  return read(ask(message::write(request).reveal()), message::parse_signed_exchange);
}

Result<MonitorRequests::Terminal> MonitorRequests::open_terminal(std::uint32_t channel) {
  auto frame = ask(message::write(message::OpenTerminal{channel}));
  auto facts = read(frame, message::parse_terminal);
  if (!facts) return tl::unexpected(std::move(facts.error()));
  if (frame->descriptors.size() != 2) return problem("a terminal without its descriptors");
  return Terminal{std::move(frame->descriptors[0]), std::move(frame->descriptors[1]), std::move(*facts)};
}

}  // namespace gatehouse::sshd
