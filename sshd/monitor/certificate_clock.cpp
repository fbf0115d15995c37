#include "sshd/monitor/certificate_clock.h"

#include <fmt/format.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace gatehouse::sshd {
namespace {

/// What lies behind this needs no timer (year 9999), and fits in a time_t.
constexpr std::uint64_t end_of_calendar = 253402300799;

/// Not time(): that follows the last tick, and would still say "not yet" when the timer has just fired.
std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<std::uint64_t>(time.tv_sec);
}

}  // namespace

std::optional<std::uint64_t> end_of_session(const Settings& settings, const Grant& grant, std::uint64_t login) {
  std::optional<std::uint64_t> end;
  switch (settings.expired_certificate_action) {
    case ExpiredCertificateAction::keep:
      break;
    case ExpiredCertificateAction::disconnect:
      end = grant.valid_before;
      break;
    case ExpiredCertificateAction::session:
      end = grant.session_end.value_or(grant.valid_before);
      if (settings.max_session_length.count() > 0) {
        end = std::min(*end, login + static_cast<std::uint64_t>(settings.max_session_length.count()));
      }
      break;
  }
  if (end && *end > end_of_calendar) return std::nullopt;
  return end;
}

Result<CertificateClock> CertificateClock::start(std::optional<std::uint64_t> end) {
  CertificateClock clock;
  clock.end_ = end;
  if (!end) return clock;
  clock.timer_.reset(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!clock.timer_) return problem(fmt::format("timerfd_create: {}", std::strerror(errno)));
  clock.warned_ = *end < warning_seconds || now() >= *end - warning_seconds;
  if (auto armed = clock.arm(); !armed) return tl::unexpected(std::move(armed.error()));
  return clock;
}

Result<void> CertificateClock::arm() {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(warned_ ? *end_ : *end_ - warning_seconds);
  when.it_value.tv_sec = std::max<time_t>(when.it_value.tv_sec, 1);  // 0 would disarm it
  // A step of the clock wakes us with ECANCELED: only then is an absolute time kept across a step in either direction.
  if (timerfd_settime(timer_.fd(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr) != 0) {
    return problem(fmt::format("timerfd_settime: {}", std::strerror(errno)));
  }
  return {};
}

CertificateClock::Due CertificateClock::due() {
  if (!end_) return Due::nothing;
  std::uint64_t expirations = 0;
  (void)!read(timer_.fd(), &expirations, sizeof expirations);  // also fetches the ECANCELED of a clock step
  const std::uint64_t time = now();
  if (time >= *end_) return Due::end;
  const bool warns = !warned_ && time + warning_seconds >= *end_;
  if (warns) warned_ = true;
  if (!arm()) return Due::end;  // without a timer the end would never come
  return warns ? Due::warning : Due::nothing;
}

}  // namespace gatehouse::sshd
