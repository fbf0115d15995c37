// room: protocol_transport
// What a stranger sends before there are keys: identification, packets in the clear, a key exchange up to NEWKEYS. The first octet says in
// which pieces the rest arrives.
#include <algorithm>
#include <cstdlib>

#include "protocol/crypto/digest.h"
#include "protocol/transport/transport.h"

using namespace gatehouse;
using namespace gatehouse::transport;

namespace {

Settings settings() {
  Settings server;
  server.host_keys = {{"ssh-ed25519", ByteVector(51, 7)}, {"rsa-sha2-512", ByteVector(279, 8)}};
  server.server_sig_algs = "ssh-ed25519";
  return server;
}

/// Answers what the transport asks, as fast as a monitor could. @return whether there is more to read
bool turn(Transport& transport) {
  while (true) {
    auto event = transport.next();
    if (!event) {
      if (!transport.closed()) std::abort();
      return false;
    }
    if (!*event) return !transport.closed();
    if (const auto* needed = std::get_if<ExchangeHashNeeded>(&**event)) {
      const auto hash = exchange_hash(needed->method, needed->inputs);
      if (!hash || !transport.provide_exchange_hash_and_signature(*hash, ByteVector(83, 1))) std::abort();
    } else if (std::holds_alternative<CookieNeeded>(**event)) {
      transport.provide_cookie(Cookie{1, 2, 3});
    } else if (std::holds_alternative<PayloadReceived>(**event)) {
      std::abort();  // nobody here can know the keys
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] == 0 ? size : data[0];
  Bytes rest(data + 1, size - 1);
  Transport transport(settings());
  while (turn(transport) && !rest.empty()) {
    const std::size_t next = std::min(piece, rest.size());
    transport.feed(rest.first(next));
    rest = rest.subspan(next);
  }
  if (transport.output().size() > 2 * 1024 * 1024) std::abort();
  return 0;
}
