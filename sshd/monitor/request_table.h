/// Which requests a child may make, how often, and when. A request outside the table ends the connection.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>

#include "protocol/core/result.h"
#include "sshd/messages/key_exchange.h"

namespace gatehouse::sshd {

/// A line of the table.
struct RequestRule {
  enum class When : std::uint8_t { before_grant, after_grant, always };
  message::Kind kind;
  unsigned most;  ///< over the life of the child
  When when;
};

/// The requests of a preauth process.
std::span<const RequestRule> preauth_rules();
/// The requests of a session process: the second, shorter table.
std::span<const RequestRule> session_rules();

/// Counts against a table.
class RequestTable {
 public:
  explicit RequestTable(std::span<const RequestRule> rules) : rules_(rules) {}
  /// Counts one request. @error it is not in the table, not now, or one too many
  Result<void> admit(message::Kind kind, bool granted);

 private:
  std::span<const RequestRule> rules_;
  std::map<message::Kind, unsigned> counts_;
};

/// A burst, then a steady rate: rekeys cost token time that others need, too.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  RateLimit(double burst, double per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}
  /// Takes one. @return how long to wait before it may be used; zero within the burst
  std::chrono::nanoseconds reserve(Time now);

 private:
  double burst_;
  double per_second_;
  double tokens_;
  Time last_{};
};

/// Slows down first. Who fills every gap that is left for him all the same, `patience` times in a row, is to be ended.
class Throttle {
 public:
  Throttle(RateLimit limit, unsigned patience) : limit_(limit), patience_(patience) {}
  /// Takes one. @return how long to wait before it may be used; nothing when the patience is at its end
  std::optional<std::chrono::nanoseconds> reserve(RateLimit::Time now);

 private:
  RateLimit limit_;
  unsigned patience_;
  unsigned delayed_ = 0;  ///< in a row
};

}  // namespace gatehouse::sshd
