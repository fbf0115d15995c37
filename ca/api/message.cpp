#include "ca/api/message.h"

#include <limits>

#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::ca {
namespace {

enum class AskKind : std::uint8_t { nonce = 1, signed_request, trust, krl, health };
enum class AnswerKind : std::uint8_t { nonce = 1, certificate, revocation, document, not_modified, health, problem };

constexpr std::size_t max_text = 8192;
constexpr std::size_t max_parts = 64;
constexpr std::uint32_t max_hold_ms = 60'000;

/// Reads fields with their bounds; the first field out of bounds fails the whole.
class Fields {
 public:
  explicit Fields(Bytes payload) : reader_(payload) {}
  std::uint8_t byte() { return reader_.byte(); }
  std::uint32_t uint32() { return reader_.uint32(); }
  std::uint64_t uint64() { return reader_.uint64(); }
  bool boolean() {
    const std::uint8_t value = reader_.byte();
    if (value > 1) good_ = false;
    return value == 1;
  }
  std::string text(std::size_t max) { return to_string(bounded(max)); }
  ByteVector octets(std::size_t max) { return to_vector(bounded(max)); }
  std::uint32_t count(std::size_t max) {
    const std::uint32_t value = reader_.uint32();
    if (value > max) good_ = false;
    return good_ ? value : 0;
  }
  void refuse() { good_ = false; }
  bool good() const { return good_ && !reader_.failed(); }
  bool finish() const { return good_ && reader_.finish(); }

 private:
  Bytes bounded(std::size_t max) {
    const Bytes value = reader_.string();
    if (value.size() > max) good_ = false;
    return good_ ? value : Bytes();
  }
  WireReader reader_;
  bool good_ = true;
};

void write(WireWriter& out, const AskNonce&) { out.byte(static_cast<std::uint8_t>(AskKind::nonce)); }
void write(WireWriter& out, const AskSigned& ask) {
  out.byte(static_cast<std::uint8_t>(AskKind::signed_request))
      .byte(static_cast<std::uint8_t>(ask.action))
      .string(ask.caller.address)
      .string(ask.caller.channel)
      .string(ask.envelope.request)
      .string(ask.envelope.possession)
      .string(ask.envelope.identity);
}
void write(WireWriter& out, const AskTrust&) { out.byte(static_cast<std::uint8_t>(AskKind::trust)); }
void write(WireWriter& out, const AskKrl& ask) { out.byte(static_cast<std::uint8_t>(AskKind::krl)).string(ask.known_etag); }
void write(WireWriter& out, const AskHealth&) { out.byte(static_cast<std::uint8_t>(AskKind::health)); }

AskSigned read_signed(Fields& in) {
  AskSigned ask;
  const std::uint8_t action = in.byte();
  if (action > static_cast<std::uint8_t>(Action::revoke)) in.refuse();
  ask.action = static_cast<Action>(action);
  ask.caller.address = in.text(64);
  ask.caller.channel = in.octets(channel_size);
  ask.envelope.request = in.octets(max_request_size);
  ask.envelope.possession = in.octets(max_body_size);
  ask.envelope.identity = in.octets(max_body_size);
  return ask;
}

void write(WireWriter& out, const NonceAnswer& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::nonce)).string(answer.nonce).uint64(answer.expires_in).string(answer.audience);
}
void write(WireWriter& out, const CertificateAnswer& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::certificate))
      .string(answer.certificate)
      .string(answer.request_id)
      .uint64(answer.serial)
      .string(answer.key_id)
      .string(answer.role)
      .uint32(static_cast<std::uint32_t>(answer.principals.size()));
  for (const std::string& principal : answer.principals) out.string(principal);
  out.uint64(answer.valid_after).uint64(answer.valid_before).boolean(answer.session_end.has_value()).uint64(answer.session_end.value_or(0));
}
void write(WireWriter& out, const RevocationAnswer& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::revocation)).string(answer.request_id).uint64(answer.krl_version);
}
void write(WireWriter& out, const SignedDocument& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::document)).string(answer.content).string(answer.signature).string(answer.etag);
}
void write(WireWriter& out, const NotModified&) { out.byte(static_cast<std::uint8_t>(AnswerKind::not_modified)); }
void write(WireWriter& out, const HealthAnswer& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::health)).uint32(static_cast<std::uint32_t>(answer.parts.size()));
  for (const PartHealth& part : answer.parts) out.string(part.name).boolean(part.up).string(part.words);
}
void write(WireWriter& out, const ProblemDocument& answer) {
  out.byte(static_cast<std::uint8_t>(AnswerKind::problem))
      .string(problem_word(answer.type))
      .string(answer.detail)
      .string(answer.request_id)
      .uint32(static_cast<std::uint32_t>(answer.retry_after.value_or(std::chrono::seconds(0)).count()));
}

CertificateAnswer read_certificate(Fields& in) {
  CertificateAnswer answer;
  answer.certificate = in.text(keys::max_certificate_blob * 2);
  answer.request_id = in.text(64);
  answer.serial = in.uint64();
  answer.key_id = in.text(max_text);
  answer.role = in.text(max_text);
  const std::uint32_t principals = in.count(keys::max_principals);
  for (std::uint32_t i = 0; i < principals && in.good(); ++i) answer.principals.push_back(in.text(max_text));
  answer.valid_after = in.uint64();
  answer.valid_before = in.uint64();
  const bool renewable = in.boolean();
  const std::uint64_t session_end = in.uint64();
  if (renewable) answer.session_end = session_end;
  if (!renewable && session_end != 0) in.refuse();
  return answer;
}

HealthAnswer read_health(Fields& in) {
  HealthAnswer answer;
  const std::uint32_t parts = in.count(max_parts);
  for (std::uint32_t i = 0; i < parts && in.good(); ++i) {
    PartHealth part;
    part.name = in.text(max_text);
    part.up = in.boolean();
    part.words = in.text(max_text);
    answer.parts.push_back(std::move(part));
  }
  return answer;
}

ProblemDocument read_problem(Fields& in) {
  ProblemDocument answer;
  const auto type = problem_by_word(in.text(64));
  if (!type) in.refuse();
  answer.type = type.value_or(ProblemType::internal);
  answer.detail = in.text(max_text);
  answer.request_id = in.text(64);
  if (const std::uint32_t seconds = in.uint32(); seconds != 0) answer.retry_after = std::chrono::seconds(seconds);
  return answer;
}

}  // namespace

ByteVector write_ask(const Ask& ask) {
  WireWriter out;
  std::visit([&out](const auto& content) { write(out, content); }, ask);
  return out.take();
}

ProtocolResult<Ask> parse_ask(Bytes payload) {
  Fields in(payload);
  Ask ask;
  switch (static_cast<AskKind>(in.byte())) {
    case AskKind::nonce:
      ask = AskNonce{};
      break;
    case AskKind::signed_request:
      ask = read_signed(in);
      break;
    case AskKind::trust:
      ask = AskTrust{};
      break;
    case AskKind::krl:
      ask = AskKrl{in.text(128)};
      break;
    case AskKind::health:
      ask = AskHealth{};
      break;
    default:
      return violation(Violation::bad_encoding, "question of an unknown kind");
  }
  if (!in.finish()) return violation(Violation::bad_encoding, "malformed question");
  return ask;
}

ByteVector write_issuer_answer(const Answer& answer) {
  WireWriter out;
  out.uint32(static_cast<std::uint32_t>(answer.hold.count()));
  std::visit([&out](const auto& content) { write(out, content); }, answer.content);
  return out.take();
}

ProtocolResult<Answer> parse_issuer_answer(Bytes payload) {
  Fields in(payload);
  Answer answer;
  const std::uint32_t hold = in.uint32();
  if (hold > max_hold_ms) in.refuse();
  answer.hold = std::chrono::milliseconds(hold);
  switch (static_cast<AnswerKind>(in.byte())) {
    case AnswerKind::nonce: {
      NonceAnswer nonce;
      nonce.nonce = in.text(max_text);
      nonce.expires_in = in.uint64();
      nonce.audience = in.text(max_text);
      answer.content = std::move(nonce);
      break;
    }
    case AnswerKind::certificate:
      answer.content = read_certificate(in);
      break;
    case AnswerKind::revocation: {
      RevocationAnswer revocation;
      revocation.request_id = in.text(64);
      revocation.krl_version = in.uint64();
      answer.content = std::move(revocation);
      break;
    }
    case AnswerKind::document: {
      SignedDocument document;
      document.content = in.octets(max_answer);
      document.signature = in.octets(max_body_size);
      document.etag = in.text(128);
      answer.content = std::move(document);
      break;
    }
    case AnswerKind::not_modified:
      answer.content = NotModified{};
      break;
    case AnswerKind::health:
      answer.content = read_health(in);
      break;
    case AnswerKind::problem:
      answer.content = read_problem(in);
      break;
    default:
      return violation(Violation::bad_encoding, "answer of an unknown kind");
  }
  if (!in.finish()) return violation(Violation::bad_encoding, "malformed answer");
  return answer;
}

}  // namespace gatehouse::ca
