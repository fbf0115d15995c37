// room: protocol_agent
/// What a client of the agent's socket sends: framing, requests, and our own extensions.
#include <cstdint>
#include <cstdlib>

#include "protocol/agent/gatehouse_extensions.h"
#include "protocol/agent/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  ByteVector buffer(data, data + size);
  while (true) {
    const auto message = agent::take_message(buffer);
    if (!message || !*message) break;
    const auto request = agent::parse_request((*message)->reveal());
    if (!request) continue;
    if (const auto* extension = std::get_if<agent::Extension>(&*request)) {
      const Bytes body = extension->body.reveal();
      if (const auto bind = agent::parse_session_bind(body)) agent::verify_session_bind(*bind);
      if (const auto login = agent::parse_login_request(body)) {
        const SecretBytes again = agent::write_login_request(*login);
        if (!equal(again.reveal(), body)) std::abort();
      }
      (void)agent::parse_logout_request(body);
      (void)agent::parse_status_answer(body);
      (void)agent::parse_login_answer(body);
    }
    if (const auto* sign = std::get_if<agent::SignRequest>(&*request)) (void)agent::sshsig_namespace_of(sign->data);
    if (const auto* add = std::get_if<agent::AddIdentity>(&*request)) {
      const SecretBytes again =
          agent::write_add_identity(add->key, add->certificate ? &*add->certificate : nullptr, add->comment, add->constraints);
      if (!agent::parse_request(again.reveal().subspan(4))) std::abort();
    }
  }
  (void)agent::parse_identities({data, size});
  (void)agent::parse_signature({data, size});
  return 0;
}
