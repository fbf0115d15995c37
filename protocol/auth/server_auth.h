/// The server's half of user authentication, up to the question that somebody else answers: may this key in? (RFC 4252, RFC 4253 section
/// 10)
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/auth/userauth.h"
#include "protocol/transport/transport.h"

namespace gatehouse::auth {

/// What an honest client may need: a try for each of its keys, a query and a signature each.
inline constexpr unsigned max_requests = 24;

struct ServerAuthSettings {
  /// PubkeyAcceptedAlgorithms: a request with another algorithm fails before its key blob is looked at.
  std::vector<std::string> accepted_algorithms;
  /// Failures before the connection ends (MaxAuthTries); the first "none" does not count.
  unsigned max_tries = 6;
  /// Requests of every kind, queries that were answered PK_OK among them.
  unsigned max_requests = auth::max_requests;
  /// Sent before the first answer, when not empty.
  std::string banner;
};

/// The client asks whether the key would do. Answer with accept_query() or reject().
struct PublicKeyQueried {
  std::string user;
  PublicKeyMethod key;
  keys::PublicKeyAlgorithm algorithm;
};
/// The client signed. Whoever answers verifies the signature over userauth_signed_data(); then succeed() or reject().
struct PublicKeySigned {
  std::string user;
  std::string service;
  PublicKeyMethod key;
  keys::PublicKeyAlgorithm algorithm;
};
/// A request that this class refused itself, for the audit line. Nothing to answer: FAILURE is out, or, after the last one that max_tries
/// allows, the DISCONNECT.
struct AttemptFailed {
  enum class Reason : std::uint8_t { none_method, unknown_method, unsupported_algorithm, bad_user_name, bad_service, wrong_host_key };
  Reason reason;
  std::string user;    ///< escaped
  std::string detail;  ///< method or algorithm, escaped
  bool last = false;   ///< one too many: the transport is closed with too_many_auth_tries
};
using ServerAuthEvent = std::variant<PublicKeyQueried, PublicKeySigned, AttemptFailed>;
/// "no_certificate"-style word for an audit line: "none_method", "unsupported_algorithm", …
std::string_view reason_word(AttemptFailed::Reason reason);

/// Takes the transport's messages before authentication. Answers go out through the transport. One request at a time: while an answer is
/// owed (pending()), do not call transport.next().
class ServerAuth {
 public:
  /// @param transport  outlives this; its first key exchange may still be under way
  ServerAuth(transport::Transport& transport, ServerAuthSettings settings);

  /// @error the violation, after transport.fail(): service asked twice or not first, another service, user or service changed between
  /// requests, too many requests, a message that a client must not send, malformed, a request while an answer is owed
  ProtocolResult<std::optional<ServerAuthEvent>> receive(const transport::PayloadReceived& message);

  /// For settings that depend on the user: before the first request is received. Later ones keep what they have counted.
  void change_settings(ServerAuthSettings settings) { settings_ = std::move(settings); }

  bool pending() const { return asked_.has_value(); }
  /// PK_OK to the pending query. For a signed request it would be a way past the signature: aborts.
  void accept_query();
  /// FAILURE to whatever is pending. @error too_many_auth_tries, after transport.fail()
  ProtocolResult<void> reject();
  /// SUCCESS to the pending signed request (aborts when it is not one), and transport.authentication_succeeded().
  void succeed();

  bool succeeded() const { return succeeded_; }
  unsigned failures() const { return failures_; }
  /// As in the first request, unescaped; empty before it.
  const std::string& user() const { return user_; }

 private:
  struct Asked {
    PublicKeyMethod key;
  };
  ProtocolResult<std::optional<ServerAuthEvent>> receive_checked(const transport::PayloadReceived& message);
  ProtocolResult<std::optional<ServerAuthEvent>> service_requested(Bytes payload);
  ProtocolResult<std::optional<ServerAuthEvent>> requested(Bytes payload);
  ProtocolResult<std::optional<ServerAuthEvent>> public_key(UserauthRequest request, PublicKeyMethod key);
  ProtocolResult<std::optional<ServerAuthEvent>> fail_attempt(AttemptFailed::Reason reason, std::string_view detail);
  ProtocolResult<void> send_failure(bool counts);

  transport::Transport& transport_;
  ServerAuthSettings settings_;
  bool service_accepted_ = false;
  bool succeeded_ = false;
  unsigned failures_ = 0;
  unsigned requests_ = 0;
  std::string user_;
  std::string service_;
  std::optional<Asked> asked_;
};

}  // namespace gatehouse::auth
