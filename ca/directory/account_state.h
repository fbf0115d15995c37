/// What an entry says about the state of its account: a good password is not enough, and renewal has no password at all.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ca/directory/entry.h"
#include "ca/directory/person.h"
#include "ca/directory/settings.h"

namespace gatehouse::ca {

/// The attributes that judge_account reads, to be asked for by name: most are operational.
std::span<const std::string_view> account_state_attributes(DirectoryKind kind);

/// The two settings of a ppolicy entry that a client needs to judge an account that does not bind.
struct PasswordPolicyTimes {
  std::optional<std::chrono::seconds> lockout_duration;  ///< pwdLockoutDuration; unset or 0: locked until an administrator unlocks
  std::optional<std::chrono::seconds> max_age;           ///< pwdMaxAge; unset or 0: passwords do not age
};
/// From the entry that pwdPolicySubentry names.
PasswordPolicyTimes password_policy_times(const Entry& policy);

struct AccountFinding {
  AccountFault fault;
  std::string text;  ///< attribute and value
};

/// @param bound  the directory has just accepted this account's password, so locks that end by themselves and the age of the password are
///   its judgement, not ours
/// @return the first thing that is wrong, or nothing. A value that cannot be read is wrong
std::optional<AccountFinding> judge_account(const Entry& entry, DirectoryKind kind, const PasswordPolicyTimes& policy, bool bound,
                                            std::chrono::sys_seconds now);

/// GeneralizedTime in UTC (RFC 4517 section 3.3.13), as directories write it: YYYYMMDDHHMMSS[.fraction]Z.
std::optional<std::chrono::sys_seconds> parse_generalized_time(std::string_view text);

/// What Active Directory says in the text of a refused bind, "… data 533, …". Nothing for a wrong password or an unknown user.
std::optional<AccountFault> fault_of_ad_bind_error(std::string_view diagnostic);

}  // namespace gatehouse::ca
