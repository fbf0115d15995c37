#include "sshd/preauth/monitor_link.h"

#include <algorithm>

namespace gatehouse::sshd {
namespace {

/// Longer than the monitor may take with token and authorizer.
constexpr std::chrono::seconds patience{60};

Result<Frame> unfit(const ProtocolError& error) { return problem("the monitor's answer: " + error.detail); }

template <class T>
Result<T> read(const Result<Frame>& frame, ProtocolResult<T> (*parse)(Bytes)) {
  if (!frame) return tl::unexpected(frame.error());
  auto parsed = parse(frame->payload);
  if (!parsed) return tl::unexpected(unfit(parsed.error()).error());
  return std::move(*parsed);
}

}  // namespace

void MonitorLink::tell_frame(Bytes frame) { (void)socket_.send(frame, patience); }

Result<Frame> MonitorLink::ask(Bytes frame) {
  if (auto sent = socket_.send(frame, patience); !sent) return tl::unexpected(std::move(sent.error()));
  return socket_.receive(patience);
}

Result<transport::Cookie> MonitorLink::next_cookie() {
  const auto answer = read(ask(message::write(message::NextCookie{})), message::parse_cookie);
  if (!answer) return tl::unexpected(answer.error());
  transport::Cookie cookie{};
  std::copy(answer->octets.begin(), answer->octets.end(), cookie.begin());
  return cookie;
}

Result<message::SignedExchange> MonitorLink::sign_exchange(const message::SignExchange& request) {
  return read(ask(message::write(request).reveal()), message::parse_signed_exchange);
}

Result<message::UserSettings> MonitorLink::select_user(const std::string& user) {
  return read(ask(message::write(message::SelectUser{user})), message::parse_user_settings);
}

Result<message::Answer> MonitorLink::authenticate(const message::Authenticate& request) {
  return read(ask(message::write(request)), message::parse_answer);
}

}  // namespace gatehouse::sshd
