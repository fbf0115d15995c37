// room: protocol_keys
// Private keys: an input that begins with a dash is an OpenSSH file, others are the fields of an agent message.
#include <cstdlib>

#include "protocol/keys/private_key.h"

using namespace gatehouse;
using namespace gatehouse::keys;

namespace {

void expect_same(const PrivateKey& key) {
  const auto from_file = PrivateKey::parse_openssh(key.openssh_file("comment"));
  const auto from_fields = PrivateKey::parse_agent_fields(key.agent_fields().reveal());
  if (!from_file || !from_fields || !(from_file->public_key() == key.public_key()) || !(from_fields->public_key() == key.public_key())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  if (size > 0 && data[0] == '-') {
    if (const auto key = PrivateKey::parse_openssh(SecretBytes::copy_of(input))) expect_same(*key);
  } else if (const auto key = PrivateKey::parse_agent_fields(input)) {
    expect_same(*key);
  }
  return 0;
}
