/// What the session process asks of its monitor, and what it is told. The session process belongs to the user: the monitor believes none
/// of the facts, it only writes them down as the session's word.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "sshd/messages/key_exchange.h"

namespace gatehouse::sshd::message {

/// A terminal for a channel; answered by Terminal with two descriptors (master, slave), or by Denied.
struct OpenTerminal {
  std::uint32_t channel = 0;
  bool operator==(const OpenTerminal&) const = default;
};
/// The terminal of the channel is of no more use; no answer.
struct CloseTerminal {
  std::uint32_t channel = 0;
  bool operator==(const CloseTerminal&) const = default;
};

/// A program runs on a channel; no answer.
struct ProgramStarted {
  static constexpr std::size_t max_command = 4096;
  enum class Kind : std::uint8_t { shell = 0, exec = 1, subsystem = 2 };
  std::uint32_t channel = 0;
  Kind kind = Kind::shell;
  std::string command;  ///< as the client asked for it, or the subsystem's name; cut
  bool forced = false;  ///< another command runs instead
  bool terminal = false;
  std::uint32_t pid = 0;
  bool operator==(const ProgramStarted&) const = default;
};

/// The program of a channel ended; no answer.
struct ProgramEnded {
  std::uint32_t channel = 0;
  bool by_signal = false;
  std::uint32_t code = 0;  ///< exit status or signal number
  std::uint64_t octets_in = 0;
  std::uint64_t octets_out = 0;
  bool operator==(const ProgramEnded&) const = default;
};

/// A file operation of an SFTP channel; no answer.
struct SftpOperation {
  static constexpr std::size_t max_path = 4096;
  std::uint32_t channel = 0;
  std::string operation;  ///< "open", "close", "remove", …
  std::string path;
  std::string other_path;  ///< of a rename, a link or a copy; else empty
  bool for_writing = false;
  std::uint64_t octets_read = 0;
  std::uint64_t octets_written = 0;
  std::uint32_t error = 0;  ///< errno; 0: success
  bool operator==(const SftpOperation&) const = default;
};

using SessionRequest =
    std::variant<NextCookie, SignExchange, Note, OpenTerminal, CloseTerminal, ProgramStarted, ProgramEnded, SftpOperation>;

/// The terminal of a channel.
struct Terminal {
  struct LastLogin {
    std::uint64_t time = 0;  ///< Unix seconds
    std::string host;
    bool operator==(const LastLogin&) const = default;
  };
  std::string path;  ///< "/dev/pts/3"
  std::optional<LastLogin> last_login;
  bool operator==(const Terminal&) const = default;
};

/// Show the user a line.
struct Warn {
  std::string text;
  bool operator==(const Warn&) const = default;
};
/// Show it and end the connection now; whoever does not is ended.
struct Close {
  std::string text;
  bool operator==(const Close&) const = default;
};
using Notice = std::variant<Warn, Close>;

ByteVector write(const OpenTerminal& message);
ByteVector write(const CloseTerminal& message);
ByteVector write(const ProgramStarted& message);
ByteVector write(const ProgramEnded& message);
ByteVector write(const SftpOperation& message);
ByteVector write(const Terminal& message);
ByteVector write(const Warn& message);
ByteVector write(const Close& message);

/// For the monitor. @error bad_encoding, also for a kind that is no request of a session
ProtocolResult<SessionRequest> parse_session_request(Bytes frame);
ProtocolResult<Terminal> parse_terminal(Bytes frame);
ProtocolResult<Notice> parse_notice(Bytes frame);

}  // namespace gatehouse::sshd::message
