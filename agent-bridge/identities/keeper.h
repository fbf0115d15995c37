/// The agent without its socket: one request in, one answer out. What a request may do depends on the connection it came over.
#pragma once

#include <chrono>
#include <optional>
#include <variant>
#include <vector>

#include "agent-bridge/identities/identity_store.h"
#include "protocol/agent/gatehouse_extensions.h"
#include "protocol/agent/messages.h"

namespace gatehouse::agent {

/// What one connection to the agent has told us about itself (session-bind).
class ClientBindings {
 public:
  /// OpenSSH's limit of hops.
  static constexpr std::size_t max_bindings = 16;

  /// @return false: the signature does not verify, too many hops, another host for the same session, or a binding after one that was
  ///         made to log in (the connection must not change what it is for)
  bool bind(const SessionBind& bind);
  /// Some hop forwards the agent: whoever asks may sit on another host.
  bool forwarded() const;

 private:
  std::vector<SessionBind> bindings_;
};

/// Answer to a request.
struct Reply {
  ByteVector message;                  ///< whole, length first
  std::chrono::milliseconds delay{0};  ///< wait before sending: guessing the lock's passphrase shall be slow
};
/// Requests that need the CA or the list of log-ins; only connections that are not forwarded get this far.
struct WantsLogin {
  LoginRequest request;
};
struct WantsStatus {};
struct WantsLogout {
  std::string ca_url;
};
using Outcome = std::variant<Reply, WantsLogin, WantsStatus, WantsLogout>;

class Keeper {
 public:
  Outcome answer(Request request, ClientBindings& bindings, Now now);
  IdentityStore& store() { return store_; }
  bool locked() const { return lock_passphrase_.has_value(); }

 private:
  ByteVector sign(const SignRequest& request, const ClientBindings& bindings, Now now);
  ByteVector add(AddIdentity request, Now now);
  Reply lock(Lock request);
  Reply unlock(const Unlock& request);
  Outcome extension(const Extension& request, ClientBindings& bindings);

  IdentityStore store_;
  std::optional<SecretBytes> lock_passphrase_;
  int failed_unlocks_ = 0;
};

}  // namespace gatehouse::agent
