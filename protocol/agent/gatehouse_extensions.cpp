#include "protocol/agent/gatehouse_extensions.h"

#include "protocol/core/wire.h"

namespace gatehouse::agent {

namespace {

constexpr std::uint32_t version = 1;
constexpr std::size_t max_text = 4096;
constexpr std::size_t max_password = 1024;
constexpr std::size_t max_sessions = 256;

}  // namespace

SecretBytes write_login_request(const LoginRequest& request) {
  WireWriter writer;
  writer.uint32(version).string(request.ca_url).string(request.ca_file).string(request.user).string(request.password.reveal());
  writer.string(request.role).string(request.reason).uint32(request.lifetime_seconds);
  ByteVector plain = writer.take();
  SecretBytes body = SecretBytes::copy_of(plain);
  OPENSSL_cleanse(plain.data(), plain.size());
  return body;
}

ProtocolResult<LoginRequest> parse_login_request(Bytes body) {
  WireReader reader(body);
  LoginRequest request;
  if (reader.uint32() != version) return violation(Violation::bad_encoding, "login@gatehouse of another version");
  const std::string_view url = reader.text();
  const std::string_view trust = reader.text();
  const std::string_view user = reader.text();
  const Bytes password = reader.string();
  const std::string_view role = reader.text();
  const std::string_view reason = reader.text();
  request.lifetime_seconds = reader.uint32();
  if (!reader.finish() || url.size() > max_text || trust.size() > max_text || user.size() > max_text || password.size() > max_password ||
      role.size() > max_text || reason.size() > max_text) {
    return violation(Violation::bad_encoding, "login@gatehouse");
  }
  request.ca_url = url;
  request.ca_file = trust;
  request.user = user;
  request.password = SecretBytes::copy_of(password);
  request.role = role;
  request.reason = reason;
  return ProtocolResult<LoginRequest>(std::move(request));
}

ByteVector write_login_answer(const LoginAnswer& answer) {
  return WireWriter()
      .byte(static_cast<std::uint8_t>(answer.outcome))
      .string(answer.certificate)
      .uint64(answer.session_end)
      .string(answer.problem)
      .take();
}

ProtocolResult<LoginAnswer> parse_login_answer(Bytes body) {
  WireReader reader(body);
  LoginAnswer answer;
  const std::uint8_t outcome = reader.byte();
  answer.certificate = to_vector(reader.string());
  answer.session_end = reader.uint64();
  answer.problem = std::string(reader.text());
  if (!reader.finish() || (outcome != 0 && outcome != 1 && outcome != 3))
    return violation(Violation::bad_encoding, "answer to login@gatehouse");
  answer.outcome = static_cast<LoginAnswer::Outcome>(outcome);
  return answer;
}

ByteVector write_status_answer(const std::vector<SessionStatus>& sessions) {
  WireWriter writer;
  writer.uint32(static_cast<std::uint32_t>(sessions.size()));
  for (const SessionStatus& session : sessions) {
    writer.string(session.ca_url).string(session.user).string(session.role).string(session.certificate);
    writer.uint64(session.session_end).uint64(session.next_renewal).string(session.last_problem);
  }
  return writer.take();
}

ProtocolResult<std::vector<SessionStatus>> parse_status_answer(Bytes body) {
  WireReader reader(body);
  const std::uint32_t count = reader.uint32();
  if (count > max_sessions) return violation(Violation::bad_encoding, "answer to status@gatehouse");
  std::vector<SessionStatus> sessions;
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    SessionStatus session;
    session.ca_url = std::string(reader.text());
    session.user = std::string(reader.text());
    session.role = std::string(reader.text());
    session.certificate = to_vector(reader.string());
    session.session_end = reader.uint64();
    session.next_renewal = reader.uint64();
    session.last_problem = std::string(reader.text());
    sessions.push_back(std::move(session));
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "answer to status@gatehouse");
  return sessions;
}

ByteVector write_logout_request(std::string_view ca_url) { return WireWriter().string(ca_url).take(); }

ProtocolResult<std::string> parse_logout_request(Bytes body) {
  WireReader reader(body);
  const std::string_view url = reader.text();
  if (!reader.finish() || url.size() > max_text) return violation(Violation::bad_encoding, "logout@gatehouse");
  return std::string(url);
}

ByteVector write_logout_answer(std::uint32_t forgotten) { return WireWriter().uint32(forgotten).take(); }

ProtocolResult<std::uint32_t> parse_logout_answer(Bytes body) {
  WireReader reader(body);
  const std::uint32_t forgotten = reader.uint32();
  if (!reader.finish()) return violation(Violation::bad_encoding, "answer to logout@gatehouse");
  return forgotten;
}

}  // namespace gatehouse::agent
