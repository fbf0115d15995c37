/// A set of 64-bit serial numbers held as ranges, for revocation lists of millions of them.
#pragma once

#include <cstdint>
#include <vector>

namespace gatehouse::keys {

class SerialSet {
 public:
  struct Range {
    std::uint64_t first, last;  ///< both within
    bool operator==(const Range&) const = default;
  };

  /// Cheap in any order, cheapest when ascending. @param last  not below first, else aborts
  void add(std::uint64_t first, std::uint64_t last);
  bool contains(std::uint64_t serial) const;
  bool empty() const { return merged_.empty() && recent_.empty(); }
  /// How many ranges are held: what memory grows with.
  std::size_t held() const { return merged_.size() + recent_.size(); }
  /// Ascending, disjoint, not adjacent.
  std::vector<Range> ranges() const;
  /// After adding many: makes contains() quick.
  void settle();

 private:
  std::vector<Range> merged_;  // ascending, disjoint, not adjacent
  std::vector<Range> recent_;  // what came out of order since; a fraction of merged_, so that merging is seldom
};

}  // namespace gatehouse::keys
