/// Answers a session process after login, and ends it when its time has come.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/frame_socket.h"
#include "sshd/messages/session.h"
#include "sshd/monitor/certificate_clock.h"
#include "sshd/monitor/connection_audit.h"
#include "sshd/monitor/key_exchange_service.h"
#include "sshd/monitor/preauth_service.h"
#include "sshd/monitor/request_table.h"
#include "sshd/monitor/terminals.h"

namespace gatehouse::sshd {

/// A session process that was just forked.
struct SessionProcess {
  pid_t pid = -1;
  UniqueFd exited;  ///< pidfd
  FrameSocket requests;
  FrameSocket notices;
};

class SessionService {
 public:
  /// @param connection  our copy of the socket to the peer: it can be shut whatever the session does
  SessionService(const ServerImage& server, const Login& login, const Endpoints& ends, ConnectionAudit& audit, KeyExchangeService& keys,
                 SessionProcess process, UniqueFd connection, CertificateClock clock);

  /// Until the session process is gone and reaped. @param signals  signalfd for SIGTERM and SIGINT
  void run(int signals);

 private:
  using Clock = std::chrono::steady_clock;
  /// How far the end has come: the session was asked, the socket is shut and SIGHUP sent, SIGKILL sent.
  enum class Ending : std::uint8_t { none, asked, hung_up, killed };

  void serve_request(std::chrono::milliseconds patience);
  void no_more_requests();
  /// The session said what it must not: no more is heard of it.
  void violated(std::string detail);
  Result<void> on(const message::NextCookie&);
  Result<void> on(message::SignExchange& request);
  Result<void> on(const message::Note& note);
  Result<void> on(const message::OpenTerminal& request);
  Result<void> on(const message::CloseTerminal& request);
  Result<void> on(const message::ProgramStarted& fact);
  Result<void> on(const message::ProgramEnded& fact);
  Result<void> on(const message::SftpOperation& fact);
  Result<void> reply(Bytes frame, std::span<const int> descriptors = {});

  Result<void> slow_down(Throttle& throttle);

  void look_at_clock();
  void look_for_revocation();
  /// Begins the end: a line for the user, five seconds to go, then force. @param how  word for the audit line
  void end(std::string_view how, std::string detail, const std::string& words_for_user);
  /// At once, without asking: the session broke a rule.
  void end_by_force(std::string_view how, std::string detail);
  void advance_ending();
  void hang_up();
  void remember_groups();
  void signal_all(int signal);
  /// What the session told before it went is still in the socket.
  void drain_requests();
  /// The session process is reaped; what it started on its channels goes too, when it is we who end it.
  void end_programs();
  int poll_timeout() const;
  void reap();

  const ServerImage& server_;
  const Login& login_;
  ConnectionAudit& audit_;
  KeyExchangeService& keys_;
  SessionProcess process_;
  UniqueFd connection_;
  CertificateClock clock_;
  Terminals terminals_;
  RequestTable table_;
  RateLimit rekeys_{100, 10};
  /// Audit lines and terminals cost the disk and login records of everybody: two minutes of nothing but that, and the session is ended.
  Throttle facts_{RateLimit{200, 50}, 6000};
  Throttle terminal_openings_{RateLimit{100, 10}, 1200};
  RateLimit sftp_operations_{20000, 2000};
  Ending ending_ = Ending::none;
  Clock::time_point next_step_{};
  std::vector<pid_t> groups_;
  std::string how_;
  std::string detail_;
  bool gone_ = false;
};

}  // namespace gatehouse::sshd
