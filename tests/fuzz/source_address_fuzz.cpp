// room: protocol_keys
// Lists of source-address and peers' addresses, parted by a line feed: only a list that is well formed matches anything.
#include <cstdlib>

#include "protocol/keys/certificate.h"

using namespace gatehouse;
using namespace gatehouse::keys;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = as_text(Bytes(data, size));
  const std::size_t border = input.find('\n');
  const std::string_view list = input.substr(0, border);
  const std::string_view address = border == input.npos ? std::string_view("10.0.0.1") : input.substr(border + 1);
  if (source_address_matches(list, address) && !parse_source_address(list)) std::abort();
  return 0;
}
