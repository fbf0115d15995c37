// room: protocol_transport
// What parses survives a write and a second parse (RFC 8308 section 2.3).
#include <cstdlib>

#include "protocol/transport/ext_info.h"

using namespace gatehouse::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = parse_ext_info({data, size});
  if (!first) return 0;
  const auto second = parse_ext_info(write_ext_info(*first));
  if (!second || *second != *first) std::abort();
  return 0;
}
