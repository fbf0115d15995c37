// room: sshd_messages
// What a taken-over child may send its monitor: parsing never fails otherwise than by saying no, and what parses survives a second round.
#include <cstdlib>
#include <variant>

#include "sshd/messages/preauth.h"
#include "sshd/messages/session.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::sshd::message;

Bytes view(const ByteVector& frame) { return frame; }
Bytes view(const SecretBytes& frame) { return frame.reveal(); }

template <class Request>
void again(Bytes frame, ProtocolResult<Request> (*parse)(Bytes)) {
  const auto first = parse(frame);
  if (!first) return;
  std::visit(
      [&](const auto& message) {
        const auto written = write(message);
        const auto second = parse(view(written));
        if (!second || second->index() != first->index()) std::abort();
        std::visit(
            [&](const auto& same) {
              const auto rewritten = write(same);
              if (!equal(view(rewritten), view(written))) std::abort();
            },
            *second);
      },
      *first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes frame(data, size);
  again(frame, parse_preauth_request);
  again(frame, parse_session_request);
  (void)parse_notice(frame);
  (void)parse_terminal(frame);
  (void)parse_user_settings(frame);
  return 0;
}
