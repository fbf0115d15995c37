/// One session channel: its requests, its program, and the octets between them.
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/connection/connection.h"
#include "protocol/transport/octet_queue.h"
#include "sshd/session/monitor_requests.h"
#include "sshd/session/program.h"
#include "sshd/session/session.h"
#include "sshd/session/sftp_channel.h"

namespace gatehouse::sshd {

/// What all channels of a session share.
struct SessionContext {
  const Settings& settings;
  const Grant& grant;
  const Account& account;
  const Endpoints& ends;
  const std::optional<std::string>& time_zone;
  connection::Connection& connection;
  MonitorRequests& monitor;
};

class SessionChannel {
 public:
  SessionChannel(SessionContext& context, connection::ChannelId id) : context_(context), id_(id) {}
  ~SessionChannel();
  SessionChannel(const SessionChannel&) = delete;
  SessionChannel& operator=(const SessionChannel&) = delete;

  connection::ChannelId id() const { return id_; }
  /// Somebody types here: it goes first.
  bool interactive() const { return static_cast<bool>(master_); }

  /// @return whether it succeeded
  bool request(const connection::ChannelRequest& request);
  void data(Bytes octets);
  void eof();
  /// The channel is closed on both sides: nothing more can be sent. The program may still run.
  void channel_closed();

  /// Adds what the channel waits for.
  void add_to(std::vector<pollfd>& entries);
  /// Takes the results of the entries that add_to() added last, which begin at `entries`. @return how many they are
  std::size_t look(const pollfd* entries);
  /// Passes on output of the program that look() found, at most about `budget` octets of each stream.
  void pump(std::size_t budget);

  /// Shows the user a line, wherever the user looks.
  void show(std::string_view text);
  /// Nothing is left: channel closed, program reaped.
  bool done() const { return closed_ && !(program_ && !ended_); }  // an SFTP worker that hangs is left behind

 private:
  bool pty(const connection::PtyRequest& request);
  bool change_window(const connection::TerminalSize& size);
  bool environment(const connection::EnvRequest& request);
  bool run(message::ProgramStarted::Kind kind, std::optional<std::string> command, const std::string& asked);
  bool subsystem(const std::string& name);
  bool run_sftp(std::string_view arguments, message::ProgramStarted fact);
  void pump_sftp(std::size_t budget);
  void end_sftp(int exit_status);
  bool send_signal(const std::string& name);
  bool send_break();
  std::string last_login_text() const;

  int input_fd() const { return !program_ ? -1 : master_ ? master_.fd() : program_->input.fd(); }
  int output_fd() const { return !program_ ? -1 : master_ ? master_.fd() : program_->output.fd(); }
  std::size_t write_input(Bytes octets);
  void write_pending();
  void stop_input();
  bool stop_output();
  void read_output(std::size_t budget);
  void read_errors(std::size_t budget);
  void program_ended();
  void finish_when_drained();
  void close_terminal();
  void tell_end();

  SessionContext& context_;
  connection::ChannelId id_;
  std::vector<Variable> from_client_;
  UniqueFd master_;
  UniqueFd slave_;
  std::optional<message::Terminal> terminal_;
  std::string terminal_type_;
  std::optional<SftpChannel> sftp_;  ///< in place of a program
  std::optional<Program> program_;
  std::optional<ProgramEnd> ended_;
  bool signals_allowed_ = false;
  transport::OctetQueue pending_;  ///< of the peer's data, what the program has not taken yet; as long as our window at most
  bool peer_eof_ = false;
  bool input_stopped_ = false;  ///< the program takes no more
  enum class Watch : std::uint8_t { input, output, errors, exit, sftp };
  std::vector<Watch> watched_;  ///< of the entries that add_to() added last
  bool output_ready_ = false;
  bool errors_ready_ = false;
  bool output_ended_ = false;
  bool errors_ended_ = false;
  bool close_sent_ = false;
  bool closed_ = false;
  bool end_told_ = false;
  std::uint64_t octets_in_ = 0;
  std::uint64_t octets_out_ = 0;
};

}  // namespace gatehouse::sshd
