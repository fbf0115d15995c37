/// An allocator that wipes what it gives back: for buffers through which passwords pass.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>

namespace gatehouse::ca {

template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* place, std::size_t count) {
    OPENSSL_cleanse(place, count * sizeof(T));
    std::allocator<T>().deallocate(place, count);
  }
  template <class U>
  bool operator==(const WipingAllocator<U>&) const {
    return true;
  }
};

}  // namespace gatehouse::ca
