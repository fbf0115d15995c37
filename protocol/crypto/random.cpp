#include "protocol/crypto/random.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>

namespace gatehouse::crypto {

void random_fill(std::span<std::uint8_t> out) {
  if (!out.empty() && RAND_bytes_ex(nullptr, out.data(), out.size(), 0) != 1) std::abort();
}

ByteVector random_bytes(std::size_t count) {
  ByteVector out(count);
  random_fill(out);
  return out;
}

std::uint64_t random_uint64() {
  std::array<std::uint8_t, 8> octets{};
  random_fill(octets);
  std::uint64_t value = 0;
  for (const std::uint8_t octet : octets) value = value << 8 | octet;
  return value;
}

SecretBytes random_secret(std::size_t count) {
  SecretBytes out(count);
  if (count != 0 && RAND_priv_bytes_ex(nullptr, out.fill().data(), count, 0) != 1) std::abort();
  return out;
}

}  // namespace gatehouse::crypto
