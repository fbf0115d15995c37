/// An SFTP channel's file calls in a thread of their own: an open of a FIFO or a hung mount delays no other channel and no rekey.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"
#include "sshd/sftp/file_server.h"

namespace gatehouse::sshd {

/// For the thread that owns the channel. When the worker goes while a file call hangs, its thread is left behind and ends with the call;
/// it holds nothing but its own state.
class SftpWorker {
 public:
  /// How much of the client's data waits for the thread, and how much of its answers for the client, before we stop to read.
  static constexpr std::size_t max_waiting = 4 * sftp::max_message;

  /// Starts the thread in `home`, or in the options' start directory where that can be entered. @error no thread, no event descriptor
  static Result<SftpWorker> start(SftpOptions options, const std::string& home);
  SftpWorker(SftpWorker&&) noexcept = default;
  SftpWorker& operator=(SftpWorker&&) noexcept = default;
  ~SftpWorker();

  /// Readable when there are answers or facts, or the worker has ended.
  int ready() const;
  /// Clears ready().
  void acknowledge();

  /// Octets from the channel; messages may be cut anywhere. @return false: the client broke the protocol, end the channel
  bool feed(Bytes octets);
  /// Whether more octets are welcome. While not, the channel's window is not opened further.
  bool wants_input() const;
  /// The client will send no more: the thread ends when it has answered all.
  void end_of_input();

  /// The next answers, at most about `limit` octets; empty: none now.
  ByteVector take_output(std::size_t limit);
  std::vector<SftpFact> take_facts();
  /// All was answered and taken, or the client broke the protocol. @return the exit status that the channel reports
  std::optional<int> finished() const;

 private:
  struct Shared;
  explicit SftpWorker(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
  ByteVector partial_;  // the start of a message
};

}  // namespace gatehouse::sshd
