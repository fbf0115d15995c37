// room: protocol_keys
// Key blobs: what parses is its own blob again, and verifies no signature made of the same octets.
#include <cstdlib>

#include "protocol/keys/public_key.h"

using gatehouse::Bytes;
using namespace gatehouse::keys;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto key = PublicKey::parse(Bytes(data, size));
  if (!key) return 0;
  if (!gatehouse::equal(key->blob(), Bytes(data, size))) std::abort();
  const auto line = PublicKey::parse_line(key->line("comment"));
  if (!line || !(*line == *key)) std::abort();
  if (key->verify_any(Bytes(data, size), Bytes(data, size))) std::abort();
  return 0;
}
