#include "sshd/listener/startups.h"

namespace gatehouse::sshd {

unsigned Startups::refusal_percent() const {
  if (count_ < limits_.begin) return 0;
  if (count_ >= limits_.full) return 100;
  if (limits_.rate_percent >= 100) return 100;
  return limits_.rate_percent + (100 - limits_.rate_percent) * (count_ - limits_.begin) / (limits_.full - limits_.begin);
}

Startups::Verdict Startups::admit(const NetworkBlock& source, unsigned dice) {
  if (dice < refusal_percent()) return Verdict::over_limit;
  const auto known = by_source_.find(source);
  if (limits_.per_source && (known == by_source_.end() ? 0 : known->second) >= *limits_.per_source) return Verdict::over_source_limit;
  restore(source);
  return Verdict::admitted;
}

void Startups::restore(const NetworkBlock& source) {
  ++by_source_[source];
  ++count_;
}

void Startups::release(const NetworkBlock& source) {
  const auto known = by_source_.find(source);
  if (known == by_source_.end()) return;
  --count_;
  if (--known->second == 0) by_source_.erase(known);
}

}  // namespace gatehouse::sshd
