// room: ca_api — the body of a POST and the signed request in it: what parses survives a write and a second parse
#include <cstdlib>

#include "ca/api/request.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  if (const auto envelope = ca::parse_envelope(as_text(octets))) {
    const auto again = ca::parse_envelope(ca::write_envelope(*envelope));
    if (!again || *again != *envelope) std::abort();
  }
  if (const auto request = ca::parse_signed_request(octets)) {
    const auto written = ca::write_signed_request(*request);
    const auto again = ca::parse_signed_request(written);
    if (!again || ca::write_signed_request(*again) != written) std::abort();
  }
  return 0;
}
