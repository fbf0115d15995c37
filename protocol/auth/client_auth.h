/// The client's half of user authentication by public key or certificate (RFC 4252 section 7).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/auth/userauth.h"
#include "protocol/keys/signer.h"
#include "protocol/transport/transport.h"

namespace gatehouse::auth {

/// What to offer: a key, or a certificate over it.
struct ClientIdentity {
  keys::Signer* signer = nullptr;  ///< outlives the authentication
  ByteVector certificate_blob;     ///< empty: the plain key
  /// Ask with a query first, as interactive clients do; otherwise sign at once.
  bool query_first = false;
};

struct Authenticated {};
/// No identity is left. What the server would go on with.
struct AuthenticationFailed {
  std::vector<std::string> can_continue;
};
struct BannerReceived {
  std::string text;  ///< as sent
};
using ClientAuthEvent = std::variant<Authenticated, AuthenticationFailed, BannerReceived>;

/// Asks for the service at once; tries the identities in order, by the algorithms that the server's EXT_INFO names where it sent one.
class ClientAuth {
 public:
  /// @param transport  outlives this; keys are installed
  ClientAuth(transport::Transport& transport, std::string user, std::vector<ClientIdentity> identities);

  /// @error the violation, after transport.fail(); crypto_failed when a signer failed
  ProtocolResult<std::optional<ClientAuthEvent>> receive(const transport::PayloadReceived& message);
  bool succeeded() const { return state_ == State::succeeded; }

 private:
  enum class State : std::uint8_t { awaiting_service, awaiting_query, awaiting_answer, succeeded, failed };
  ProtocolResult<std::optional<ClientAuthEvent>> receive_checked(const transport::PayloadReceived& message);
  ProtocolResult<std::optional<ClientAuthEvent>> offer_next();
  ProtocolResult<std::optional<ClientAuthEvent>> send_signed();
  keys::SignatureAlgorithm algorithm_for(const ClientIdentity& identity) const;
  PublicKeyMethod method_for(const ClientIdentity& identity) const;

  transport::Transport& transport_;
  std::string user_;
  std::vector<ClientIdentity> identities_;
  std::size_t next_ = 0;
  std::vector<std::string> can_continue_;
  State state_ = State::awaiting_service;
};

}  // namespace gatehouse::auth
