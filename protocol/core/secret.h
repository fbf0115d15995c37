/// Octets that must not outlive their use: keys, shared secrets, PINs, passwords.
#pragma once

#include <openssl/crypto.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "protocol/core/bytes.h"

namespace gatehouse {

/// Moves, never copies, never prints, and is wiped when it goes.
class SecretBytes {
 public:
  SecretBytes() : bytes_(nullptr, Wipe{0}) {}
  explicit SecretBytes(std::size_t size) : bytes_(new std::uint8_t[size]{}, Wipe{size}) {}
  /// A copy of `plain`, whose owner must wipe it.
  static SecretBytes copy_of(Bytes plain);

  /// To be filled by a key derivation, a read or a random generator.
  std::span<std::uint8_t> fill() { return {bytes_.get(), size()}; }
  /// The one way to the content: search for it to find each use.
  Bytes reveal() const { return {bytes_.get(), size()}; }
  std::string_view reveal_text() const { return as_text(reveal()); }
  std::size_t size() const { return bytes_ ? bytes_.get_deleter().size : 0; }
  bool empty() const { return size() == 0; }
  /// The first `size` octets, in a new place.
  SecretBytes first(std::size_t size) const { return copy_of(reveal().first(size)); }
  bool operator==(const SecretBytes&) const = delete;  // equal_in_constant_time(a, b)

 private:
  struct Wipe {
    std::size_t size;
    void operator()(std::uint8_t* p) const {
      OPENSSL_cleanse(p, size);
      delete[] p;
    }
  };
  std::unique_ptr<std::uint8_t[], Wipe> bytes_;
};

/// Compares without a branch on the content; lengths are not secret.
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace gatehouse
