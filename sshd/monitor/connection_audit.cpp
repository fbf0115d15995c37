#include "sshd/monitor/connection_audit.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "daemon/log.h"
#include "protocol/core/bytes.h"

namespace gatehouse::sshd {
namespace {

void add(AuditLine& line, const CertificateFacts& certificate) {
  if (certificate.serial) line.serial("serial", *certificate.serial);
  if (!certificate.key_id.empty()) line.text("key_id", certificate.key_id);
  if (!certificate.ca_fingerprint.empty()) line.text("ca", certificate.ca_fingerprint);
  if (!certificate.fingerprint.empty()) line.text("fingerprint", certificate.fingerprint);
}

std::string_view kind_word(message::ProgramStarted::Kind kind) {
  switch (kind) {
    case message::ProgramStarted::Kind::shell:
      return "shell";
    case message::ProgramStarted::Kind::exec:
      return "exec";
    case message::ProgramStarted::Kind::subsystem:
      return "subsystem";
  }
  std::abort();
}

/// A key or certificate type as sshd's log has it: "ED25519", "ECDSA-CERT".
std::string short_type(std::string_view name) {
  const auto has = [name](std::string_view part) { return name.find(part) != std::string_view::npos; };
  const std::string_view kind = has("ed25519") ? "ED25519" : has("ecdsa") ? "ECDSA" : has("rsa") ? "RSA" : "UNKNOWN";
  return std::string(kind) + (has("-cert-") ? "-CERT" : "");
}

}  // namespace

AuditLine ConnectionAudit::line(std::string_view event) const {
  AuditLine result(event);
  result.text("connection", connection_id_);
  if (!user_.empty()) result.text("user", user_);
  result.text("address", ends_.peer_address).number("port", ends_.peer_port);
  return result;
}

Result<void> ConnectionAudit::write(const AuditLine& text) {
  auto written = log_.write(text);
  if (!written) log::error("{}: {}", connection_id_, written.error().line());
  return written;
}

Result<void> ConnectionAudit::login(const Grant& grant, const Account& account) {
  if (grant.break_glass) {
    log::warning("{}: BREAK GLASS: {} port {} logs in as {} with {} (serial {}) of the offline CA {}", connection_id_, ends_.peer_address,
                 ends_.peer_port, escaped(user_), escaped(grant.certificate.key_id), grant.certificate.serial.value_or(0),
                 grant.certificate.ca_fingerprint);
    AuditLine loud = line("break_glass");
    add(loud, grant.certificate);
    loud.text("principal", grant.principal).number("valid_before", static_cast<std::int64_t>(grant.valid_before));
    if (auto written = write(loud); !written) return written;
  }
  AuditLine text = line("login");
  add(text, grant.certificate);
  text.text("principal", grant.principal).text("key_type", grant.key_type).text("signature_algorithm", grant.signature_algorithm);
  text.number("valid_before", static_cast<std::int64_t>(grant.valid_before));
  if (grant.force_command) text.text("force_command", *grant.force_command);
  if (grant.break_glass) text.boolean("break_glass", true);
  if (account.uid == 0) text.boolean("root_session", true);  // the one session whose process is root
  auto written = write(text);
  if (!written) return written;
  // The form of sshd's line, for everything that reads logs.
  log::info("Accepted publickey for {} from {} port {} ssh2: {} {} ID {} (serial {}) CA {} {}{}", escaped(user_), ends_.peer_address,
            ends_.peer_port, short_type(grant.key_type), grant.certificate.fingerprint, escaped(grant.certificate.key_id),
            grant.certificate.serial.value_or(0), short_type(grant.ca_key_type), grant.certificate.ca_fingerprint,
            grant.break_glass ? " BREAK GLASS" : "");
  return written;
}

void ConnectionAudit::refusal(std::string_view reason, std::string_view detail, const CertificateFacts& certificate) {
  AuditLine text = line("refusal");
  text.text("reason", reason);
  if (!detail.empty()) text.text("detail", detail);
  add(text, certificate);
  (void)write(text);
  log::info("Failed publickey for {}{} from {} port {} ssh2: {}{}{}{}", user_exists_ || user_.empty() ? "" : "invalid user ",
            escaped(user_), ends_.peer_address, ends_.peer_port, certificate.fingerprint, certificate.fingerprint.empty() ? "" : " ",
            reason, detail.empty() ? std::string() : fmt::format(" ({})", detail));
}

void ConnectionAudit::session_start(const Grant& grant, pid_t session) {
  session_began_ = std::chrono::steady_clock::now();
  AuditLine text = line("session_start");
  add(text, grant.certificate);
  (void)write(text.number("pid", session));
}

void ConnectionAudit::session_end(std::string_view how, std::string_view detail) {
  AuditLine text = line("session_end");
  text.text("how", how);
  if (!detail.empty()) text.text("detail", detail);
  if (session_began_) {
    const auto lasted = std::chrono::steady_clock::now() - *session_began_;
    text.number("milliseconds", std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count());
  }
  (void)write(text);
  log::info("Session of {} from {} port {} is over: {}{}", escaped(user_), ends_.peer_address, ends_.peer_port, how,
            detail.empty() ? std::string() : fmt::format(" ({})", detail));
}

void ConnectionAudit::program_started(const message::ProgramStarted& fact) {
  AuditLine text = line("exec");
  text.text("said_by", "session").number("channel", fact.channel).text("kind", kind_word(fact.kind)).text("command", fact.command);
  (void)write(text.boolean("forced", fact.forced).boolean("terminal", fact.terminal).number("pid", fact.pid));
}

void ConnectionAudit::sftp_operation(const message::SftpOperation& fact) {
  AuditLine text = line("sftp");
  text.text("said_by", "session").number("channel", fact.channel).text("operation", fact.operation).text("path", fact.path);
  if (!fact.other_path.empty()) text.text("other_path", fact.other_path);
  if (fact.operation == "open") text.boolean("for_writing", fact.for_writing);
  if (fact.operation == "close" || fact.operation == "copy") {
    text.number("octets_read", static_cast<std::int64_t>(fact.octets_read));
    text.number("octets_written", static_cast<std::int64_t>(fact.octets_written));
  }
  if (fact.error != 0) text.text("error", std::strerror(static_cast<int>(fact.error)));
  (void)write(text);
}

void ConnectionAudit::program_ended(const message::ProgramEnded& fact) {
  AuditLine text = line("exec_end");
  text.text("said_by", "session").number("channel", fact.channel).number(fact.by_signal ? "signal" : "status", fact.code);
  (void)write(
      text.number("octets_in", static_cast<std::int64_t>(fact.octets_in)).number("octets_out", static_cast<std::int64_t>(fact.octets_out)));
}

}  // namespace gatehouse::sshd
