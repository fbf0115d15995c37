// room: protocol_keys
// Revocation lists: what parses is written, and what was written parses to the same. Bitmaps may unfold to much: inputs are small.
#include <cstdlib>

#include "protocol/keys/krl.h"

using gatehouse::Bytes;
using gatehouse::keys::Krl;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = Krl::parse(Bytes(data, size));
  if (!parsed) return 0;
  const gatehouse::ByteVector written = parsed->write();
  const auto again = Krl::parse(written);
  if (!again || again->write() != written) std::abort();
  return 0;
}
