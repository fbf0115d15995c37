/// Answers a preauth process until somebody has logged in or the connection is over.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/frame_socket.h"
#include "sshd/config/configuration.h"
#include "sshd/messages/preauth.h"
#include "sshd/monitor/account_state.h"
#include "sshd/monitor/connection_audit.h"
#include "sshd/monitor/key_exchange_service.h"
#include "sshd/monitor/request_table.h"
#include "sshd/monitor/server_image.h"

namespace gatehouse::sshd {

/// Somebody may have a session.
struct Login {
  Grant grant;
  UserAccount user;
  Settings settings;
};

class PreauthService {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class End : std::uint8_t { preauth_gone, grace_exceeded, violation, refused_by_configuration };

  /// @param facts  of the connection, without a user
  PreauthService(const ServerImage& server, ConnectionFacts facts, ConnectionAudit& audit, KeyExchangeService& keys, FrameSocket preauth);

  /// Until the preauth process closes its end. @param deadline  LoginGraceTime
  End run(std::optional<Time> deadline);
  /// Present once SUCCESS may have been sent. The preauth process must then have exited with PreauthExit::handed_over.
  std::optional<Login>& login() { return login_; }

  bool key_exchange_finished() const { return keys_.signed_exchanges() > 0; }
  /// A key was offered and refused.
  bool tried() const { return failures_ > 0; }
  bool user_exists() const { return user_.has_value(); }

 private:
  Result<void> on(const message::NextCookie&);
  Result<void> on(message::SignExchange& request);
  Result<void> on(const message::Note& note);
  Result<void> on(const message::SelectUser& request);
  Result<void> on(message::Authenticate& request);
  Result<void> on(const message::AttemptFailed& fact);
  Result<void> on(const message::PeerFacts& facts);

  void complete(authorizer::Authenticate& request) const;
  message::Answer judge(const authorizer::Authenticate& request, const Verdict& verdict);
  message::Answer judge_grant(const authorizer::Authenticate& request, const Grant& grant);
  message::Answer refuse(std::string_view reason, std::string_view detail, const CertificateFacts& certificate);
  std::optional<AccountRefusal> refused_account(const Grant& grant) const;
  Result<void> reply(Bytes frame);
  bool tries_used_up() const;
  void report_empty_attempt();

  const ServerImage& server_;
  ConnectionFacts facts_;
  ConnectionAudit& audit_;
  KeyExchangeService& keys_;
  FrameSocket preauth_;
  RequestTable table_;
  Settings settings_;
  std::optional<std::string> selected_;
  std::optional<UserAccount> user_;
  std::optional<Login> login_;
  std::optional<Time> deadline_;  ///< LoginGraceTime
  unsigned failures_ = 0;
  bool attempted_ = false;
  bool refused_by_configuration_ = false;
};

}  // namespace gatehouse::sshd
