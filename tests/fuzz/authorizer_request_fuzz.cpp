// room: sshd_authorizer
// Frames to the authorizer: what parses is written back octet for octet, and a conversation takes any of it without harm. The first octet
// says how far the conversation has come.
#include <cstdint>
#include <cstdlib>

#include "sshd/authorizer/conversation.h"
#include "sshd/authorizer/principals_file.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::sshd;
using namespace gatehouse::sshd::authorizer;

template <class Parsed>
void same(const Parsed& parsed, Bytes frame) {
  if (parsed && !equal(write(*parsed), frame)) std::abort();
}

const ByteVector& host_key() {
  static const ByteVector blob = to_vector(keys::PublicKey::from_ed25519(ByteVector(32, 3))->blob());
  return blob;
}

Server& server() {
  static Server one = [] {
    Server made{*Configuration::parse("", "fuzz"), {}, TrustState()};
    made.host_keys.add({{{host_key(), {}}}});
    return made;
  }();
  return one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes frame{data + 1, size - 1};
  same(parse_hello(frame), frame);
  same(parse_open(frame), frame);
  same(parse_resume(frame), frame);
  same(parse_next_cookie(frame), frame);
  same(parse_authenticate(frame), frame);
  same(parse_setup(frame), frame);
  same(parse_hash(frame), frame);
  same(parse_refused(frame), frame);
  same(parse_ready(frame), frame);
  same(parse_revoked(frame), frame);
  if (const auto exchange = parse_exchange_hash(frame); exchange && !equal(write(*exchange).reveal(), frame)) std::abort();
  if (const auto verdict = parse_verdict(frame)) {
    const ByteVector again = std::visit([](const auto& each) { return write(each); }, *verdict);
    if (!equal(again, frame)) std::abort();
  }
  (void)parse_principals_file(frame);
  (void)parse_ca_key_file(frame, "fuzz");
  (void)parse_revoked_keys(frame, "fuzz");

  constexpr std::uint64_t now = 1'700'000'000;
  Conversation conversation;
  if (data[0] >= 1) (void)conversation.answer(server(), write(Hello{}), now);
  if (data[0] >= 2) {
    Resume resume;
    resume.open = {"fuzz", "192.0.2.1", 1, "127.0.0.1", 22, ByteVector(cookie_size, 1)};
    resume.session_id = ByteVector(32, 2);
    resume.host_key = host_key();
    (void)conversation.answer(server(), write(resume), now);
  }
  // No CA is trusted: whatever the frame says, it is never a grant.
  const auto answer = conversation.answer(server(), frame, now);
  if (answer && kind_of(*answer) == Kind::granted) std::abort();
  return 0;
}
