/// PerSourcePenalties: sources that crashed a process of ours, guessed, or held connections for nothing are refused for a while.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "sshd/listener/network_address.h"

namespace gatehouse::sshd {

using SteadyTime = std::chrono::steady_clock::time_point;

/// What a connection did to earn a penalty.
enum class Offence : std::uint8_t {
  crash,
  failed_authentication,
  unknown_user,
  no_authentication,
  grace_exceeded,
  refused_by_configuration
};
/// The word for it in PerSourcePenalties and in audit lines: "crash", "authfail", "invaliduser", "noauth", "grace-exceeded",
/// "refuseconnection".
std::string_view offence_name(Offence offence);

struct PenaltyRules {
  using Seconds = std::chrono::seconds;
  bool enabled = true;
  Seconds crash{90};
  Seconds failed_authentication{5};
  Seconds unknown_user{5};
  Seconds no_authentication{1};
  Seconds grace_exceeded{10};
  Seconds refused_by_configuration{10};
  Seconds minimum{15};   ///< a source is refused once its penalties add up to this
  Seconds maximum{600};  ///< and never for longer than this
  std::size_t max_sources_v4 = 65536;
  std::size_t max_sources_v6 = 65536;
  /// What a full table means for sources that are not in it: permissive lets them in (the oldest entry goes), else they are refused.
  bool overflow_permissive_v4 = true;
  bool overflow_permissive_v6 = true;

  Seconds of(Offence offence) const;
};

/// Penalties add up; time pays them off. Sources that are exempt are the caller's to know.
class Penalties {
 public:
  explicit Penalties(PenaltyRules rules) : rules_(rules) {}
  void set_rules(PenaltyRules rules) { rules_ = rules; }

  /// @return how long the source is refused from now on, when this offence is what made it so or prolonged it; else nothing
  std::optional<std::chrono::seconds> punish(const NetworkBlock& source, Offence offence, SteadyTime now);
  /// Whether connections of the source are refused now. Forgets what has been paid off.
  bool refused(const NetworkBlock& source, SteadyTime now);

  /// For the listener's own exec.
  struct Record {
    NetworkBlock source;
    std::int64_t expiry = 0;  ///< nanoseconds of the steady clock
    bool active = false;
    bool operator==(const Record&) const = default;
  };
  std::vector<Record> records() const;
  void restore(const std::vector<Record>& records);
  std::size_t size() const { return tables_[0].entries.size() + tables_[1].entries.size(); }

 private:
  struct Entry {
    SteadyTime expiry;
    bool active = false;  ///< reached the minimum; stays so until paid off
  };
  struct Table {
    std::map<NetworkBlock, Entry> entries;
    std::multimap<SteadyTime, NetworkBlock> by_expiry;
  };
  Table& table_of(const NetworkBlock& source) { return tables_[source.v6 ? 1 : 0]; }
  std::size_t room_for(const NetworkBlock& source) const { return source.v6 ? rules_.max_sources_v6 : rules_.max_sources_v4; }
  static void forget_expired(Table& table, SteadyTime now);
  static void unlist(Table& table, const NetworkBlock& source, SteadyTime expiry);

  PenaltyRules rules_;
  Table tables_[2];
};

}  // namespace gatehouse::sshd
