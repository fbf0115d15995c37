#include "sshd/listener/penalties.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::sshd {

std::string_view offence_name(Offence offence) {
  switch (offence) {
    case Offence::crash:
      return "crash";
    case Offence::failed_authentication:
      return "authfail";
    case Offence::unknown_user:
      return "invaliduser";
    case Offence::no_authentication:
      return "noauth";
    case Offence::grace_exceeded:
      return "grace-exceeded";
    case Offence::refused_by_configuration:
      return "refuseconnection";
  }
  std::abort();
}

std::chrono::seconds PenaltyRules::of(Offence offence) const {
  switch (offence) {
    case Offence::crash:
      return crash;
    case Offence::failed_authentication:
      return failed_authentication;
    case Offence::unknown_user:
      return unknown_user;
    case Offence::no_authentication:
      return no_authentication;
    case Offence::grace_exceeded:
      return grace_exceeded;
    case Offence::refused_by_configuration:
      return refused_by_configuration;
  }
  std::abort();
}

void Penalties::unlist(Table& table, const NetworkBlock& source, SteadyTime expiry) {
  const auto [first, last] = table.by_expiry.equal_range(expiry);
  const auto found = std::find_if(first, last, [&](const auto& row) { return row.second == source; });
  if (found != last) table.by_expiry.erase(found);
}

void Penalties::forget_expired(Table& table, SteadyTime now) {
  while (!table.by_expiry.empty() && table.by_expiry.begin()->first <= now) {
    table.entries.erase(table.by_expiry.begin()->second);
    table.by_expiry.erase(table.by_expiry.begin());
  }
}

std::optional<std::chrono::seconds> Penalties::punish(const NetworkBlock& source, Offence offence, SteadyTime now) {
  const auto penalty = rules_.of(offence);
  if (!rules_.enabled || penalty.count() == 0) return std::nullopt;
  Table& table = table_of(source);
  forget_expired(table, now);
  auto known = table.entries.find(source);
  if (known == table.entries.end()) {
    if (table.entries.size() >= room_for(source)) {
      const bool permissive = source.v6 ? rules_.overflow_permissive_v6 : rules_.overflow_permissive_v4;
      if (!permissive || table.entries.empty()) return std::nullopt;
      table.entries.erase(table.by_expiry.begin()->second);  // the one that would be free first
      table.by_expiry.erase(table.by_expiry.begin());
    }
    known = table.entries.emplace(source, Entry{now, false}).first;
  } else {
    unlist(table, source, known->second.expiry);
  }
  Entry& entry = known->second;
  entry.expiry = std::min(entry.expiry + penalty, now + rules_.maximum);
  if (entry.expiry - now >= rules_.minimum) entry.active = true;
  table.by_expiry.emplace(entry.expiry, source);
  if (!entry.active) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(entry.expiry - now);
}

bool Penalties::refused(const NetworkBlock& source, SteadyTime now) {
  if (!rules_.enabled) return false;
  Table& table = table_of(source);
  forget_expired(table, now);
  const auto known = table.entries.find(source);
  if (known != table.entries.end()) return known->second.active;
  const bool permissive = source.v6 ? rules_.overflow_permissive_v6 : rules_.overflow_permissive_v4;
  return !permissive && table.entries.size() >= room_for(source);
}

std::vector<Penalties::Record> Penalties::records() const {
  std::vector<Record> result;
  for (const Table& table : tables_) {
    for (const auto& [source, entry] : table.entries) result.push_back({source, entry.expiry.time_since_epoch().count(), entry.active});
  }
  return result;
}

void Penalties::restore(const std::vector<Record>& records) {
  for (const Record& record : records) {
    const SteadyTime expiry{SteadyTime::duration(record.expiry)};
    Table& table = table_of(record.source);
    if (table.entries.emplace(record.source, Entry{expiry, record.active}).second) table.by_expiry.emplace(expiry, record.source);
  }
}

}  // namespace gatehouse::sshd
