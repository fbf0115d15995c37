#include "sshd/monitor/request_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "protocol/auth/server_auth.h"

namespace gatehouse::sshd {
namespace {

using message::Kind;
using When = RequestRule::When;
constexpr unsigned once = 1;
constexpr unsigned many = std::numeric_limits<unsigned>::max();  // other limits bound these

constexpr RequestRule of_preauth[] = {
    // The first key exchange; and one that the peer may have begun when its login was granted.
    {Kind::sign_exchange, 2, When::always},
    {Kind::next_cookie, once, When::always},
    {Kind::select_user, once, When::before_grant},
    // MaxAuthTries counts what failed; queries that were answered well are bounded here.
    {Kind::authenticate, auth::max_requests, When::before_grant},
    {Kind::attempt_failed, auth::max_requests, When::before_grant},
    {Kind::note, 64, When::always},
    {Kind::peer_facts, 2, When::always},
};

constexpr RequestRule of_session[] = {
    {Kind::sign_exchange, many, When::after_grant},  // RateLimit
    {Kind::next_cookie, many, When::after_grant},    // one outstanding, so as often as sign_exchange
    {Kind::open_terminal, many, When::after_grant},  // MaxSessions at a time, and Throttle
    {Kind::close_terminal, many, When::after_grant}, {Kind::program_started, many, When::after_grant},
    {Kind::open_terminal, many, When::after_grant},  // MaxSessions at a time, and Throttle
    {Kind::close_terminal, many, When::after_grant}, {Kind::program_started, many, When::after_grant},
    {Kind::program_ended, many, When::after_grant},   // Throttle, all three
    {Kind::sftp_operation, many, When::after_grant},  // RateLimit
    {Kind::note, 1000, When::after_grant},
};

}  // namespace

std::span<const RequestRule> preauth_rules() { return of_preauth; }
std::span<const RequestRule> session_rules() { return of_session; }

Result<void> RequestTable::admit(message::Kind kind, bool granted) {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const RequestRule& known) { return known.kind == kind; });
  const int number = static_cast<int>(kind);
  if (rule == rules_.end()) return problem(fmt::format("request {} is not in the table", number));
  const When now = granted ? When::after_grant : When::before_grant;
  if (rule->when != When::always && rule->when != now) return problem(fmt::format("request {} is not allowed now", number));
  unsigned& count = counts_[kind];
  if (count >= rule->most) return problem(fmt::format("request {} more than {} times", number, rule->most));
  if (count < many) ++count;
  return {};
}

std::chrono::nanoseconds RateLimit::reserve(Time now) {
  if (last_ != Time{}) tokens_ = std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - last_).count());
  last_ = now;
  tokens_ -= 1;
  if (tokens_ >= 0) return std::chrono::nanoseconds{0};
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(-tokens_ / per_second_));
}

std::optional<std::chrono::nanoseconds> Throttle::reserve(RateLimit::Time now) {
  const auto wait = limit_.reserve(now);
  delayed_ = wait.count() == 0 ? 0 : delayed_ + 1;
  if (delayed_ > patience_) return std::nullopt;
  return wait;
}

}  // namespace gatehouse::sshd
