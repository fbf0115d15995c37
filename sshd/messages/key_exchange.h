/// What both children of a monitor ask of it for a key exchange.
///
/// All messages of this folder are frames (daemon/frame_socket.h): byte kind, then the fields in the types of RFC 4251. Both ends are the
/// same program image, so there is no version. Whoever parses trusts nothing: each field is bounded and nothing may be left over.
#pragma once

#include <optional>
#include <string>

#include "protocol/core/error.h"
#include "protocol/transport/transport.h"
#include "sshd/authorizer/messages.h"

namespace gatehouse::sshd::message {

/// Kinds of all families, so that a frame sent to the wrong place is no message there.
enum class Kind : std::uint8_t {
  // both children
  next_cookie = 1,
  sign_exchange = 2,
  note = 3,
  // preauth
  select_user = 16,
  authenticate = 17,
  attempt_failed = 18,
  peer_facts = 19,
  // session
  open_terminal = 32,
  close_terminal = 33,
  program_started = 34,
  program_ended = 35,
  sftp_operation = 36,
  // answers of the monitor
  cookie = 64,
  signed_exchange = 65,
  user_settings = 66,
  answer = 67,
  terminal = 68,
  denied = 69,
  // told by the monitor unasked
  warn = 96,
  close = 97,
};

/// A cookie for the next KEXINIT of ours; answered by Cookie.
struct NextCookie {
  bool operator==(const NextCookie&) const = default;
};

/// Have H computed and signed; answered by SignedExchange.
struct SignExchange {
  std::string host_key_algorithm;
  authorizer::ExchangeHash inputs;
};

/// A line for the log, in the words of the child; what a peer chose in it is escaped.
struct Note {
  static constexpr std::size_t max_text = 1024;
  enum class Level : std::uint8_t { debug = 0, info = 1, warning = 2 };
  Level level = Level::info;
  std::string text;
  bool operator==(const Note&) const = default;
};

struct Cookie {
  ByteVector octets;  ///< authorizer::cookie_size
  bool operator==(const Cookie&) const = default;
};

struct SignedExchange {
  ByteVector hash;
  ByteVector signature;  ///< signature blob
  bool operator==(const SignedExchange&) const = default;
};

/// Not now, or not at all; the reason is in the monitor's log.
struct Denied {
  bool operator==(const Denied&) const = default;
};

ByteVector write(const NextCookie& message);
/// Holds K.
SecretBytes write(const SignExchange& message);
ByteVector write(const Note& message);
ByteVector write(const Cookie& message);
ByteVector write(const SignedExchange& message);
ByteVector write(const Denied& message);

/// Each takes a whole frame. @error bad_encoding: another kind, out of bounds, or octets left over
ProtocolResult<NextCookie> parse_next_cookie(Bytes frame);
ProtocolResult<SignExchange> parse_sign_exchange(Bytes frame);
ProtocolResult<Note> parse_note(Bytes frame);
ProtocolResult<Cookie> parse_cookie(Bytes frame);
ProtocolResult<SignedExchange> parse_signed_exchange(Bytes frame);

/// The kind octet; nothing for an empty frame.
std::optional<Kind> kind_of(Bytes frame);

/// The request behind the transport's event: all that the exchange hash is made of, moved, and the host key algorithm.
SignExchange sign_exchange_for(transport::ExchangeHashNeeded needed);

}  // namespace gatehouse::sshd::message
