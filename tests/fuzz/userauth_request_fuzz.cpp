// room: protocol_auth
// What parses survives a write and a second parse, and what would be signed does not depend on the signature (RFC 4252 section 7).
#include <cstdlib>

#include "protocol/auth/userauth.h"

using namespace gatehouse;
using namespace gatehouse::auth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes payload(data, size);
  const auto first = parse_userauth_request(payload);
  if (!first) return 0;
  (void)valid_user_name(first->user);
  const ByteVector written = write_userauth_request(*first);
  const auto second = parse_userauth_request(written);
  if (!second || *second != *first) std::abort();
  if (const auto* key = std::get_if<PublicKeyMethod>(&first->method)) {
    PublicKeyMethod without = *key;
    without.signature.reset();
    if (userauth_signed_data({}, first->user, first->service, *key) != userauth_signed_data({}, first->user, first->service, without))
      std::abort();
  }
  return 0;
}
