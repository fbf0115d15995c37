/// The account a login is for, as NSS and shadow know it, and whether it may be used now.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"
#include "sshd/authorizer/grant.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

struct UserAccount {
  Account account;
  std::vector<gid_t> groups;
  std::vector<std::string> group_names;  ///< of those that have a name
};

/// @param user  a name that passed auth::valid_user_name()
/// @return nothing when there is no account of this very name: a name service that knows no case must not make two names one, as
/// principals and the lists of the configuration tell them apart
std::optional<UserAccount> find_user(const std::string& user);

/// Why an account that proved its certificate does not get in all the same.
struct AccountRefusal {
  std::string reason;  ///< word for the audit line: "account_locked", "account_expired", "shadow_unavailable", "no_shell", "nologin",
                       ///< "denied", "root_login"
  std::string detail;  ///< for the log: what to do about it
};

/// What shadow says about an account, in days since 1970; absent: no such limit.
struct ShadowState {
  std::string password;
  std::optional<long> expires_on;
};
/// Nothing when there is no entry. @error the answer is not to be had: a directory that does not answer, a file that we may not read
Result<std::optional<ShadowState>> shadow_state(const std::string& user);

/// @param today  days since 1970
std::optional<AccountRefusal> refused_by_shadow(const std::string& user, const ShadowState& state, long today, bool use_pam);
/// PermitRootLogin.
std::optional<AccountRefusal> refused_as_root(const Account& account, const Settings& settings, bool command_forced);

/// All of it, in this order: lists, root, shadow, shell, /etc/nologin.
std::optional<AccountRefusal> refused_by_account(const UserAccount& user, const Settings& settings, const Grant& grant,
                                                 const std::string& peer_address);

}  // namespace gatehouse::sshd
