// room: protocol_keys
// Signature blobs, offered to one key of each curve and kind: a string of the key blob, then the signature blob over it.
#include "protocol/core/wire.h"
#include "protocol/keys/public_key.h"

using namespace gatehouse;
using namespace gatehouse::keys;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  WireReader reader(Bytes(data, size));
  const Bytes blob = reader.string();
  const Bytes signature = reader.rest();
  const auto key = PublicKey::parse(blob);
  if (key) (void)key->verify_any(blob, signature);
  return 0;
}
