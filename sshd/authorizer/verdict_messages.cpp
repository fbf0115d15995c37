/// Grants, acceptances and refusals on their way to the monitor.
#include <algorithm>

#include "protocol/keys/certificate.h"
#include "sshd/authorizer/frame_fields.h"

namespace gatehouse::sshd::authorizer {

namespace {

constexpr std::size_t max_name = 256;
constexpr std::size_t max_detail = 4096;
constexpr std::size_t max_text = keys::max_certificate_blob;  ///< key id, command: at most what a certificate holds
constexpr std::size_t max_sources = 8192;

WireWriter& operator<<(WireWriter& out, const CertificateFacts& facts) {
  out.string(facts.fingerprint).string(facts.ca_fingerprint).boolean(facts.serial.has_value());
  if (facts.serial) out.uint64(*facts.serial);
  return out.string(facts.key_id);
}

CertificateFacts read_facts(FrameFields& in) {
  CertificateFacts out;
  out.fingerprint = in.text(max_name);
  out.ca_fingerprint = in.text(max_name);
  if (in.boolean()) out.serial = in.uint64();
  out.key_id = in.text(max_text);
  return out;
}

Grant read_grant(FrameFields& in) {
  Grant out;
  out.user = in.text(max_name);
  out.principal = in.text(max_text);
  out.certificate = read_facts(in);
  out.key_type = in.text(max_name);
  out.ca_key_type = in.text(max_name);
  out.signature_algorithm = in.text(max_name);
  out.certificate_sha256 = in.octets(32);
  if (in.boolean()) out.force_command = in.text(max_principals_file);
  for (std::uint32_t count = in.count(max_sources); count > 0 && in.sound(); --count) out.source_addresses.push_back(in.text(max_name));
  out.permits.pty = in.boolean();
  out.permits.port_forwarding = in.boolean();
  out.permits.agent_forwarding = in.boolean();
  out.permits.x11_forwarding = in.boolean();
  out.permits.user_rc = in.boolean();
  out.valid_after = in.uint64();
  out.valid_before = in.uint64();
  if (in.boolean()) out.session_end = in.uint64();
  out.break_glass = in.boolean();
  in.require(!out.user.empty() && out.certificate_sha256.size() == 32 && out.certificate.serial);
  return out;
}

Refusal read_refusal(FrameFields& in) {
  Refusal out{};
  const auto reason = reason_by_word(in.text(max_name));
  in.require(reason.has_value());
  out.reason = reason.value_or(Reason::malformed);
  out.detail = in.text(max_detail);
  out.certificate = read_facts(in);
  return out;
}

}  // namespace

ByteVector write(const Grant& message) {
  WireWriter out = begin(Kind::granted);
  out.string(message.user).string(message.principal);
  out << message.certificate;
  out.string(message.key_type).string(message.ca_key_type).string(message.signature_algorithm).string(message.certificate_sha256);
  out.boolean(message.force_command.has_value());
  if (message.force_command) out.string(*message.force_command);
  out.uint32(static_cast<std::uint32_t>(message.source_addresses.size()));
  for (const std::string& each : message.source_addresses) out.string(each);
  out.boolean(message.permits.pty)
      .boolean(message.permits.port_forwarding)
      .boolean(message.permits.agent_forwarding)
      .boolean(message.permits.x11_forwarding)
      .boolean(message.permits.user_rc)
      .uint64(message.valid_after)
      .uint64(message.valid_before)
      .boolean(message.session_end.has_value());
  if (message.session_end) out.uint64(*message.session_end);
  return out.boolean(message.break_glass).take();
}

ByteVector write(const Acceptable& message) {
  WireWriter out = begin(Kind::acceptable);
  return (out << message.certificate).take();
}

ByteVector write(const Refusal& message) {
  WireWriter out = begin(Kind::refusal);
  out.string(reason_word(message.reason)).string(message.detail.substr(0, max_detail));
  return (out << message.certificate).take();
}

ProtocolResult<Verdict> parse_verdict(Bytes frame) {
  const auto kind = kind_of(frame);
  if (kind == Kind::granted) {
    FrameFields in(frame, Kind::granted);
    Verdict out = read_grant(in);
    return finished(in, std::move(out), "grant");
  }
  if (kind == Kind::acceptable) {
    FrameFields in(frame, Kind::acceptable);
    Verdict out = Acceptable{read_facts(in)};
    return finished(in, std::move(out), "acceptable");
  }
  FrameFields in(frame, Kind::refusal);
  Verdict out = read_refusal(in);
  return finished(in, std::move(out), "refusal");
}

}  // namespace gatehouse::sshd::authorizer
