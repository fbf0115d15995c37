#include "protocol/keys/serial_set.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::keys {

namespace {

bool by_first(const SerialSet::Range& a, const SerialSet::Range& b) { return a.first < b.first; }

/// Appends a range that begins nowhere before the last one in `ranges`.
void append(std::vector<SerialSet::Range>& ranges, SerialSet::Range next) {
  if (!ranges.empty() && (next.first <= ranges.back().last || next.first - 1 == ranges.back().last)) {
    ranges.back().last = std::max(ranges.back().last, next.last);
  } else {
    ranges.push_back(next);
  }
}

}  // namespace

void SerialSet::add(std::uint64_t first, std::uint64_t last) {
  if (last < first) std::abort();
  if (recent_.empty() && (merged_.empty() || first >= merged_.back().first)) {
    append(merged_, {first, last});
    return;
  }
  recent_.push_back({first, last});
  if (recent_.size() > 64 + merged_.size() / 16) settle();
}

bool SerialSet::contains(std::uint64_t serial) const {
  const auto above = std::upper_bound(merged_.begin(), merged_.end(), Range{serial, serial}, by_first);
  if (above != merged_.begin() && serial <= std::prev(above)->last) return true;
  return std::any_of(recent_.begin(), recent_.end(),
                     [serial](const Range& range) { return range.first <= serial && serial <= range.last; });
}

std::vector<SerialSet::Range> SerialSet::ranges() const {
  if (recent_.empty()) return merged_;
  std::vector<Range> sorted = recent_;
  std::sort(sorted.begin(), sorted.end(), by_first);
  std::vector<Range> all;
  all.reserve(merged_.size() + sorted.size());
  auto from_merged = merged_.begin();
  auto from_recent = sorted.begin();
  while (from_merged != merged_.end() || from_recent != sorted.end()) {
    const bool take_merged = from_recent == sorted.end() || (from_merged != merged_.end() && from_merged->first <= from_recent->first);
    append(all, take_merged ? *from_merged++ : *from_recent++);
  }
  return all;
}

void SerialSet::settle() {
  merged_ = ranges();
  recent_.clear();
}

}  // namespace gatehouse::keys
