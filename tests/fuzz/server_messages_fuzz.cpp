// room: protocol_auth
// What a client with keys sends before it has authenticated: transport messages, rekeys, service and authentication requests.
#include "protocol/auth/server_auth.h"
#include "tests/support/fuzz_connection.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static test::ReadyEnds ends;
  transport::Transport server = ends.server();
  transport::Transport client = ends.client();
  auth::ServerAuthSettings settings;
  settings.accepted_algorithms = {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512"};
  auth::ServerAuth server_auth(server, settings);
  test::PayloadSource source(Bytes(data, size));
  for (Bytes payload = source.next(); !payload.empty() && !server.closed(); payload = source.next()) {
    client.send(payload);
    server.feed(client.take_output());
    while (const auto received = ends.turn(server)) {
      const auto event = server_auth.receive(*received);
      if (!event) {
        if (!server.closed()) std::abort();
        break;
      }
      if (*event && std::holds_alternative<auth::PublicKeyQueried>(**event)) server_auth.accept_query();
      if (*event && std::holds_alternative<auth::PublicKeySigned>(**event)) (void)server_auth.reject();
      if (server_auth.pending()) std::abort();
    }
  }
  if (server_auth.succeeded() || server.output().size() > 4 * 1024 * 1024) std::abort();
  return 0;
}
