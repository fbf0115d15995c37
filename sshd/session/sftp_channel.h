/// internal-sftp on a session channel: the worker's octets to the peer and back, its facts to the monitor.
#pragma once

#include <string>
#include <string_view>

#include "daemon/account.h"
#include "protocol/connection/connection.h"
#include "sshd/session/monitor_requests.h"
#include "sshd/sftp/worker.h"

namespace gatehouse::sshd {

class SftpChannel {
 public:
  /// @param arguments  what follows "internal-sftp" in Subsystem or ForceCommand
  static Result<SftpChannel> start(connection::Connection& connection, connection::ChannelId id, std::string_view arguments,
                                   const Account& account);

  /// Readable when pump() has something to do.
  int ready() const { return worker_.ready(); }
  /// What the client sent. @return false: it broke the protocol, and the channel should be closed
  bool data(Bytes octets);
  void eof() { worker_.end_of_input(); }
  /// Answers to the peer, at most about `budget` octets; facts to the monitor; window for the peer as the worker catches up.
  void pump(MonitorRequests& monitor, std::size_t budget);
  /// All is answered and sent. @return the exit status
  std::optional<int> finished() const { return waiting_.empty() ? worker_.finished() : std::nullopt; }
  std::uint64_t octets_in() const { return octets_in_; }
  std::uint64_t octets_out() const { return octets_out_; }

 private:
  SftpChannel(connection::Connection& connection, connection::ChannelId id, SftpWorker worker)
      : connection_(&connection), id_(id), worker_(std::move(worker)) {}

  connection::Connection* connection_;
  connection::ChannelId id_;
  SftpWorker worker_;
  ByteVector waiting_;            ///< taken from the worker, not taken by the connection yet
  std::size_t not_credited_ = 0;  ///< of the peer's octets: its window is not opened again before the worker wants more
  std::uint64_t octets_in_ = 0;
  std::uint64_t octets_out_ = 0;
};

/// The arguments, when `command` is internal-sftp; nothing else.
std::optional<std::string_view> internal_sftp_arguments(std::string_view command);

}  // namespace gatehouse::sshd
