// room: ca_api — the Authorization header: what parses survives a write and a second parse
#include <cstdlib>

#include "ca/api/credentials.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto password = ca::parse_basic_authorization(as_text({data, size}))) {
    const auto again = ca::parse_basic_authorization(ca::basic_authorization(password->user, password->secret).reveal_text());
    if (!again || again->user != password->user || !equal(again->secret.reveal(), password->secret.reveal())) std::abort();
    if (password->secret.empty()) std::abort();
  }
  return 0;
}
