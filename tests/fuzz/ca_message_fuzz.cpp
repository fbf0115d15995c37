// room: ca_api — what front and issuer say to each other: what parses is written again octet by octet
#include <cstdlib>

#include "ca/api/message.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  if (const auto ask = ca::parse_ask(octets)) {
    if (!equal(ca::write_ask(*ask), octets)) std::abort();
  }
  if (const auto answer = ca::parse_issuer_answer(octets)) {
    if (!equal(ca::write_issuer_answer(*answer), octets)) std::abort();
  }
  return 0;
}
