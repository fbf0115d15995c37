/// What the preauth process asks of its monitor, and what it is told.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "sshd/messages/key_exchange.h"

namespace gatehouse::sshd::message {

/// The user name of the first authentication request, once; answered by UserSettings, whether there is such a user or not.
struct SelectUser {
  std::string user;  ///< octets of the peer; the monitor asks auth::valid_user_name()
  bool operator==(const SelectUser&) const = default;
};

/// A publickey request; answered by Answer. Of the authorizer's message the fields that the peer sent are set: user, service, host_bound,
/// algorithm, public_key, signature. The monitor adds the rest, and passes these on without looking into them.
struct Authenticate {
  authorizer::Authenticate request;
  bool operator==(const Authenticate&) const = default;
};

/// An attempt that the protocol itself refused; no answer.
struct AttemptFailed {
  std::string reason;  ///< auth::reason_word(), or "no_certificate": lower-case letters and "_"
  std::string detail;  ///< method or algorithm, escaped
  bool operator==(const AttemptFailed&) const = default;
};

/// What is known of the peer, after the first key exchange and again at the end; no answer.
struct PeerFacts {
  std::string identification;  ///< escaped
  std::string kex, cipher, mac;
  bool key_exchange_finished = false;
  std::string ended;  ///< empty while it goes on; else how it ended, for the log
  bool operator==(const PeerFacts&) const = default;
};

using PreauthRequest = std::variant<NextCookie, SignExchange, Note, SelectUser, Authenticate, AttemptFailed, PeerFacts>;

/// What holds for the selected user. The same for a user that does not exist.
struct UserSettings {
  std::vector<std::string> accepted_algorithms;
  std::uint32_t max_tries = 6;
  std::string banner;
  bool operator==(const UserSettings&) const = default;
};

/// To a publickey request. Never says why.
struct Answer {
  enum class Word : std::uint8_t { refused = 0, acceptable = 1, granted = 2 };
  Word word = Word::refused;
  bool operator==(const Answer&) const = default;
};

ByteVector write(const SelectUser& message);
ByteVector write(const Authenticate& message);
ByteVector write(const AttemptFailed& message);
ByteVector write(const PeerFacts& message);
ByteVector write(const UserSettings& message);
ByteVector write(const Answer& message);

/// For the monitor. @error bad_encoding, also for a kind that is no request of preauth
ProtocolResult<PreauthRequest> parse_preauth_request(Bytes frame);
ProtocolResult<UserSettings> parse_user_settings(Bytes frame);
ProtocolResult<Answer> parse_answer(Bytes frame);

}  // namespace gatehouse::sshd::message
