/// The keys of tests/vectors/ssh_keygen/private_keys.txt.
#pragma once

#include <string>

#include "protocol/keys/private_key.h"
#include "tests/unit/vector_file.h"

namespace gatehouse::keys::test {

using gatehouse::test::read_vector_blocks;
using gatehouse::test::VectorBlock;

inline PrivateKey key_named(const std::string& name) {
  for (const VectorBlock& block : read_vector_blocks("ssh_keygen/private_keys.txt")) {
    if (block.text("name") == name) return PrivateKey::parse_openssh(SecretBytes::copy_of(block.octets("file"))).value();
  }
  std::abort();
}

/// One of each type, by ssh-keygen.
inline const std::vector<std::string>& key_names() {
  static const std::vector<std::string> names{"ed25519", "ecdsa_p256", "ecdsa_p384", "ecdsa_p521", "rsa"};
  return names;
}

}  // namespace gatehouse::keys::test
