#include "protocol/core/secret.h"

#include <algorithm>

namespace gatehouse {

SecretBytes SecretBytes::copy_of(Bytes plain) {
  SecretBytes copy(plain.size());
  std::copy(plain.begin(), plain.end(), copy.fill().begin());
  return copy;
}

bool equal_in_constant_time(Bytes a, Bytes b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace gatehouse
