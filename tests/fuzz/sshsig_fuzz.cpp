// room: protocol_keys
// SSHSIG blobs and their armour: an input that begins with a dash is armour.
#include <cstdlib>

#include "protocol/keys/sshsig.h"

using namespace gatehouse;
using namespace gatehouse::keys;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteVector blob(data, data + size);
  if (size > 0 && data[0] == '-') {
    Result<ByteVector> inside = sshsig_dearmor(as_text(Bytes(data, size)));
    if (!inside) return 0;
    blob = std::move(*inside);
    const Result<ByteVector> again = sshsig_dearmor(sshsig_armor(blob));
    if (!again || *again != blob) std::abort();
  }
  const auto parsed = parse_sshsig(blob);
  if (!parsed) return 0;
  (void)sshsig_verify(*parsed, parsed->name_space, as_bytes("message"));
  if (sshsig_verify(*parsed, parsed->name_space + "x", as_bytes("message"))) std::abort();
  return 0;
}
