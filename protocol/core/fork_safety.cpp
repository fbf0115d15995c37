#include "protocol/core/fork_safety.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <initializer_list>

namespace gatehouse {

void reseed_after_fork() {
  for (EVP_RAND_CTX* generator : {RAND_get0_primary(nullptr), RAND_get0_public(nullptr), RAND_get0_private(nullptr)}) {
    if (generator == nullptr || EVP_RAND_reseed(generator, 1, nullptr, 0, nullptr, 0) != 1) std::abort();
  }
}

}  // namespace gatehouse
