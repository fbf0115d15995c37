// room: protocol_transport
// A snapshot with a right digest over any content: refused, or a transport that lives, and whose own snapshot is taken back.
#include <cstdlib>

#include "protocol/crypto/digest.h"
#include "protocol/transport/transport.h"

using namespace gatehouse;
using namespace gatehouse::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Settings settings;
  settings.host_keys = {{"ssh-ed25519", ByteVector(51, 7)}};
  if (const auto bare = Transport::restore(settings, {data, size}); !bare && bare.error().violation != Violation::bad_snapshot)
    std::abort();
  ByteVector whole(data, data + size);
  const ByteVector digest = crypto::hash(crypto::Digest::sha256, whole);
  whole.insert(whole.end(), digest.begin(), digest.end());
  auto restored = Transport::restore(settings, whole);
  if (!restored) {
    if (restored.error().violation != Violation::bad_snapshot) std::abort();
    return 0;
  }
  for (int i = 0; i < 100; ++i) {
    const auto event = restored->next();
    if (!event || !*event) break;
    if (std::holds_alternative<CookieNeeded>(**event)) restored->provide_cookie(Cookie{});
  }
  restored->send(ByteVector{94, 1, 2, 3});
  restored->request_rekey();
  if (!restored->can_snapshot()) return 0;
  const auto again = restored->snapshot();
  if (again && !Transport::restore(settings, again->reveal())) std::abort();
  return 0;
}
