/// MaxStartups and PerSourceMaxStartups: how many connections may be between their first byte and their login.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "sshd/listener/network_address.h"

namespace gatehouse::sshd {

struct StartupLimits {
  unsigned begin = 10;                 ///< from this many on some are refused,
  unsigned rate_percent = 30;          ///< this share of them,
  unsigned full = 100;                 ///< growing to all of them here
  std::optional<unsigned> per_source;  ///< none: no limit by source
};

/// Counts; the caller draws the dice and tells when a connection has logged in or ended.
class Startups {
 public:
  enum class Verdict : std::uint8_t { admitted, over_limit, over_source_limit };

  explicit Startups(StartupLimits limits) : limits_(limits) {}
  void set_limits(StartupLimits limits) { limits_ = limits; }

  /// Counts the connection when it is admitted. @param dice  0 to 99, evenly drawn
  Verdict admit(const NetworkBlock& source, unsigned dice);
  /// Counts one that was admitted before the listener's own exec.
  void restore(const NetworkBlock& source);
  /// An admitted connection of `source` has logged in or is gone.
  void release(const NetworkBlock& source);

  unsigned count() const { return count_; }
  /// Share of new connections that would be refused now, in per cent.
  unsigned refusal_percent() const;

 private:
  StartupLimits limits_;
  unsigned count_ = 0;
  std::map<NetworkBlock, unsigned> by_source_;
};

}  // namespace gatehouse::sshd
