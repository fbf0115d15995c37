/// One connection to one directory server, over TLS where it is not loopback.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ca/directory/entry.h"
#include "ca/directory/person.h"
#include "ca/directory/server_url.h"
#include "ca/directory/settings.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

using Clock = std::chrono::steady_clock;

/// Why a server gave no answer that can be used.
struct ServerFailure {
  DirectoryStage stage;
  std::string text;
  /// Another server may do better: this one is away, broken or busy. False when the answer itself is the trouble (a limit, a missing base).
  bool try_another = true;
};
template <class T>
using ServerResult = Result<T, ServerFailure>;

enum class Scope : std::uint8_t { base, subtree };

struct Search {
  DirectoryStage stage = DirectoryStage::search;  ///< for messages
  std::string base;
  Scope scope = Scope::subtree;
  std::string filter;
  std::vector<std::string> attributes;  ///< {"1.1"}: none
  int size_limit = 0;                   ///< the server is asked for that many at most, and more are not taken
};

struct SearchAnswer {
  std::vector<Entry> entries;
  bool base_missing = false;        ///< noSuchObject: the base is not there, or may not be seen
  bool size_limit_reached = false;  ///< there are more; which ones is not known
  bool referrals = false;           ///< parts of the tree are held elsewhere; never followed
};

/// A bind with a password that the directory accepted, or the reason why not.
struct BindAnswer {
  bool accepted = false;
  std::optional<AccountFault> fault;  ///< from a control or from AD's text, also where `accepted`
  std::optional<std::chrono::seconds> password_expires_in;
  std::optional<int> grace_log_ins;
  std::string text;  ///< result and diagnostic message, escaped
};

/// After a failure with try_another the connection must not be used again: libldap would silently open another one, without TLS and bind.
class Connection {
 public:
  /// TCP, TLS verified. @param deadline  for this and all that is asked later until extended
  static ServerResult<Connection> open(const DirectorySettings& settings, const ServerUrl& server, Clock::time_point deadline);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  void extend(Clock::time_point deadline);
  /// Simple bind; an empty `dn` is an anonymous one. @param stage  user_bind or service_bind, for messages
  ServerResult<BindAnswer> bind(const std::string& dn, Bytes password, DirectoryStage stage);
  ServerResult<SearchAnswer> search(const Search& search);
  /// RFC 4532: who the server says we are: "dn:…", "u:…", or empty for nobody.
  ServerResult<std::string> who_am_i();
  /// No operation failed, and the socket is still the one that open() made.
  bool usable() const;
  const ServerUrl& server() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gatehouse::ca
