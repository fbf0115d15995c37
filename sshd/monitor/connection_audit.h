/// The lines that one connection leaves behind: audit lines in JSON, and the text lines that people grep for in sshd's log.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/account.h"
#include "daemon/audit.h"
#include "sshd/authorizer/grant.h"
#include "sshd/messages/session.h"
#include "sshd/session/environment.h"

namespace gatehouse::sshd {

/// Connection id, address and time are the monitor's own; what a session says of itself is marked as its word.
class ConnectionAudit {
 public:
  ConnectionAudit(AuditLog& log, std::string connection_id, Endpoints ends)
      : log_(log), connection_id_(std::move(connection_id)), ends_(std::move(ends)) {}

  const std::string& connection_id() const { return connection_id_; }
  void set_user(std::string user, bool exists) {
    user_ = std::move(user);
    user_exists_ = exists;
  }
  const std::string& user() const { return user_; }

  /// "Accepted publickey for U from A port P ssh2: …" and event login; with a break-glass certificate event break_glass comes before it.
  /// @param account  what the session runs as: of uid 0 by whatever name, the line says root_session
  /// @error an audit line is not written whole
  Result<void> login(const Grant& grant, const Account& account);
  /// "Failed publickey for [invalid user ]U from A port P ssh2: …" and event refusal. @param reason  a fixed word
  void refusal(std::string_view reason, std::string_view detail, const CertificateFacts& certificate);
  void session_start(const Grant& grant, pid_t session);
  /// @param how  a fixed word: "ended", "certificate_expired", "revoked", "killed", …
  void session_end(std::string_view how, std::string_view detail);
  void program_started(const message::ProgramStarted& fact);
  void program_ended(const message::ProgramEnded& fact);
  void sftp_operation(const message::SftpOperation& fact);

 private:
  AuditLine line(std::string_view event) const;
  Result<void> write(const AuditLine& line);
  AuditLog& log_;
  std::string connection_id_;
  Endpoints ends_;
  std::string user_;
  bool user_exists_ = false;
  std::optional<std::chrono::steady_clock::time_point> session_began_;
};

}  // namespace gatehouse::sshd
