/// A queue of octets in one piece of memory: filled at its end, dropped at its front, seen as one span.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "protocol/core/bytes.h"

namespace gatehouse::transport {

/// Memory grows by doubling and is not cleared first; what is dropped leaves room without a move where it can.
class OctetQueue {
 public:
  std::span<std::uint8_t> view() { return {memory_.get() + begin_, end_ - begin_}; }
  Bytes view() const { return {memory_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  /// At least `at_least` octets of room behind the last octet; moves what view() shows. Then add().
  std::span<std::uint8_t> space(std::size_t at_least) {
    if (capacity_ - end_ < at_least) make_space(at_least);
    return {memory_.get() + end_, capacity_ - end_};
  }
  void add(std::size_t octets) { end_ += octets; }
  void append(Bytes octets) {
    if (octets.empty()) return;
    std::memcpy(space(octets.size()).data(), octets.data(), octets.size());
    add(octets.size());
  }
  void drop(std::size_t octets) {
    begin_ += octets;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }
  /// Gives the memory back.
  void release() {
    memory_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  void make_space(std::size_t at_least) {
    const std::size_t held = size();
    if (capacity_ - held >= at_least && held <= begin_) {  // no overlap, and at least half of it is free: move instead of growing
      std::memcpy(memory_.get(), memory_.get() + begin_, held);
    } else {
      std::size_t wanted = capacity_ < 4096 ? 4096 : capacity_;
      while (wanted - held < at_least) wanted *= 2;
      auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(wanted);
      if (held != 0) std::memcpy(larger.get(), memory_.get() + begin_, held);
      memory_ = std::move(larger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gatehouse::transport
