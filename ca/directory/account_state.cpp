#include "ca/directory/account_state.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

#include "ca/directory/dn.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 15> plain_attributes{"pwdAccountLockedTime",
                                                            "pwdReset",
                                                            "pwdChangedTime",
                                                            "pwdPolicySubentry",
                                                            "pwdStartTime",
                                                            "pwdEndTime",
                                                            "nsAccountLock",
                                                            "loginDisabled",
                                                            "shadowExpire",
                                                            "shadowLastChange",
                                                            "shadowMax",
                                                            "accountUnlockTime",
                                                            "passwordExpirationTime",
                                                            "krbPrincipalExpiration",
                                                            "krbPasswordExpiration"};
constexpr std::array<std::string_view, 4> ad_attributes{"userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires",
                                                        "pwdLastSet"};

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

AccountFinding finding(AccountFault fault, std::string_view attribute, std::string_view value) {
  return {fault, std::string(attribute) + ": " + escaped(value)};
}

using Finding = std::optional<AccountFinding>;

// The form of all checks on a time: absent is fine, unreadable is not.
template <class Judge>
Finding judge_time(const Entry& entry, std::string_view attribute, std::string_view key, Judge judge) {
  if (!entry.has(key)) return std::nullopt;
  const auto& text = entry.first(key);
  const auto time = parse_generalized_time(text);
  if (!time) return finding(AccountFault::unreadable, attribute, text);
  if (const std::optional<AccountFault> fault = judge(*time)) return finding(*fault, attribute, text);
  return std::nullopt;
}

Finding judge_flag(const Entry& entry, std::string_view attribute, std::string_view key, AccountFault fault) {
  for (const auto& value : entry.values(key)) {
    if (equal_but_for_case(value, "false")) continue;
    if (equal_but_for_case(value, "true")) return finding(fault, attribute, value);
    return finding(AccountFault::unreadable, attribute, value);
  }
  return std::nullopt;
}

// draft-behera-ldap-password-policy, as OpenLDAP's ppolicy overlay keeps it.
Finding judge_ppolicy(const Entry& entry, const PasswordPolicyTimes& policy, bool bound, sys_seconds now) {
  if (entry.has("pwdaccountlockedtime")) {
    const auto& text = entry.first("pwdaccountlockedtime");
    // "If the attribute is set to 000001010000Z, the account is permanently locked": no GeneralizedTime of a real year, with or without
    // seconds.
    if (text.starts_with("0000010100")) return finding(AccountFault::locked, "pwdAccountLockedTime", text);
    const auto since = parse_generalized_time(text);
    if (!since) return finding(AccountFault::unreadable, "pwdAccountLockedTime", text);
    const auto lasts = policy.lockout_duration.value_or(seconds(0));
    const bool over = lasts > seconds(0) && *since + lasts <= now;
    if (!bound && !over) return finding(AccountFault::locked, "pwdAccountLockedTime", text);
  }
  if (auto found = judge_flag(entry, "pwdReset", "pwdreset", AccountFault::must_change_password)) return found;
  if (auto found = judge_time(entry, "pwdStartTime", "pwdstarttime", [&](sys_seconds start) {
        return start > now ? std::optional(AccountFault::not_yet_active) : std::nullopt;
      })) {
    return found;
  }
  if (auto found = judge_time(entry, "pwdEndTime", "pwdendtime",
                              [&](sys_seconds end) { return end <= now ? std::optional(AccountFault::expired) : std::nullopt; })) {
    return found;
  }
  const auto max_age = policy.max_age.value_or(seconds(0));
  if (bound || max_age == seconds(0)) return std::nullopt;
  return judge_time(entry, "pwdChangedTime", "pwdchangedtime", [&](sys_seconds changed) {
    return changed + max_age <= now ? std::optional(AccountFault::password_expired) : std::nullopt;
  });
}

// shadow(5), RFC 2307: days since 1970; -1 and absent mean never. shadowInactive only says how long after that a log-in may still change
// the password, which is not what we give out certificates for.
Finding judge_shadow(const Entry& entry, sys_seconds now) {
  const std::int64_t today = std::chrono::floor<days>(now).time_since_epoch().count();
  struct Field {
    std::string_view attribute, key;
    std::int64_t value = -1;
  };
  std::array<Field, 3> fields{Field{"shadowExpire", "shadowexpire"}, Field{"shadowLastChange", "shadowlastchange"},
                              Field{"shadowMax", "shadowmax"}};
  for (auto& field : fields) {
    if (!entry.has(field.key)) continue;
    const auto value = number(entry.first(field.key));
    if (!value) return finding(AccountFault::unreadable, field.attribute, entry.first(field.key));
    field.value = *value;
  }
  const auto& [expire, changed, max] = fields;
  if (expire.value >= 0 && expire.value <= today) return finding(AccountFault::expired, "shadowExpire", std::to_string(expire.value));
  if (changed.value == 0) return finding(AccountFault::must_change_password, "shadowLastChange", "0");
  // 99999 is the habit of shadow(5) for "never"; so far in the future needs no case of its own, but sums must not overflow.
  constexpr std::int64_t far = 10'000'000;
  if (changed.value > 0 && max.value >= 0 && changed.value < far && max.value < far && today > changed.value + max.value) {
    return finding(AccountFault::password_expired, "shadowLastChange + shadowMax", std::to_string(changed.value + max.value));
  }
  return std::nullopt;
}

Finding judge_active_directory(const Entry& entry, sys_seconds now) {
  struct Field {
    std::string_view attribute, key;
    std::int64_t value = 0;
  };
  std::array<Field, 4> fields{Field{"userAccountControl", "useraccountcontrol"},
                              Field{"msDS-User-Account-Control-Computed", "msds-user-account-control-computed"},
                              Field{"accountExpires", "accountexpires"}, Field{"pwdLastSet", "pwdlastset", -1}};
  for (auto& field : fields) {
    if (!entry.has(field.key)) continue;
    const auto value = number(entry.first(field.key));
    if (!value) return finding(AccountFault::unreadable, field.attribute, entry.first(field.key));
    field.value = *value;
  }
  const auto& [control, computed, expires, last_set] = fields;
  // A user object without flags cannot be judged.
  if (!entry.has(control.key)) return AccountFinding{AccountFault::unreadable, "userAccountControl is missing or may not be read"};
  if ((control.value & 0x2) != 0) return finding(AccountFault::disabled, control.attribute, std::to_string(control.value));
  if (((control.value | computed.value) & 0x10) != 0)
    return finding(AccountFault::locked, computed.attribute, std::to_string(computed.value));
  if (((control.value | computed.value) & 0x800000) != 0) {
    return finding(AccountFault::password_expired, computed.attribute, std::to_string(computed.value));
  }
  // 100 ns since 1601; 0 and 2^63-1 mean never.
  constexpr std::int64_t never = 0x7FFFFFFFFFFFFFFF;
  constexpr std::int64_t from_1601_to_1970 = 11'644'473'600;
  if (expires.value != 0 && expires.value != never) {
    const sys_seconds end{seconds(expires.value / 10'000'000 - from_1601_to_1970)};
    if (end <= now) return finding(AccountFault::expired, expires.attribute, std::to_string(expires.value));
  }
  constexpr std::int64_t password_never_expires = 0x10000;
  if (last_set.value == 0 && (control.value & password_never_expires) == 0) {
    return finding(AccountFault::must_change_password, last_set.attribute, "0");
  }
  return std::nullopt;
}

}  // namespace

std::span<const std::string_view> account_state_attributes(DirectoryKind kind) {
  static const std::vector<std::string_view> with_ad = [] {
    std::vector<std::string_view> all(plain_attributes.begin(), plain_attributes.end());
    all.insert(all.end(), ad_attributes.begin(), ad_attributes.end());
    return all;
  }();
  if (kind == DirectoryKind::active_directory) return with_ad;
  return plain_attributes;
}

PasswordPolicyTimes password_policy_times(const Entry& policy) {
  PasswordPolicyTimes times;
  // What cannot be read counts as "for ever" for a lock, which is the default, and as "never" for the age, which the bind still judges.
  if (const auto value = number(policy.first("pwdlockoutduration")); value && *value >= 0 && *value < 1'000'000'000) {
    times.lockout_duration = seconds(*value);
  }
  if (const auto value = number(policy.first("pwdmaxage")); value && *value >= 0 && *value < 10'000'000'000)
    times.max_age = seconds(*value);
  return times;
}

std::optional<AccountFinding> judge_account(const Entry& entry, DirectoryKind kind, const PasswordPolicyTimes& policy, bool bound,
                                            std::chrono::sys_seconds now) {
  if (auto found = judge_ppolicy(entry, policy, bound, now)) return found;
  if (auto found = judge_flag(entry, "nsAccountLock", "nsaccountlock", AccountFault::disabled)) return found;
  if (auto found = judge_flag(entry, "loginDisabled", "logindisabled", AccountFault::disabled)) return found;
  if (auto found = judge_shadow(entry, now)) return found;
  const auto ended = [&](AccountFault fault) {
    return [now, fault](sys_seconds end) { return end <= now ? std::optional(fault) : std::nullopt; };
  };
  if (auto found = judge_time(entry, "krbPrincipalExpiration", "krbprincipalexpiration", ended(AccountFault::expired))) return found;
  // Whether an old password still binds (grace log-ins) is the directory's to say; without a bind it counts.
  if (!bound) {
    if (auto found = judge_time(entry, "passwordExpirationTime", "passwordexpirationtime", ended(AccountFault::password_expired)))
      return found;
    if (auto found = judge_time(entry, "krbPasswordExpiration", "krbpasswordexpiration", ended(AccountFault::password_expired)))
      return found;
    // 389 Directory Server: locked by failed binds until this time; 1970 means until an administrator unlocks.
    if (auto found = judge_time(entry, "accountUnlockTime", "accountunlocktime", [&](sys_seconds end) {
          return end > now || end == sys_seconds{} ? std::optional(AccountFault::locked) : std::nullopt;
        })) {
      return found;
    }
  }
  if (kind == DirectoryKind::active_directory) return judge_active_directory(entry, now);
  return std::nullopt;
}

std::optional<std::chrono::sys_seconds> parse_generalized_time(std::string_view text) {
  if (text.empty() || text.back() != 'Z') return std::nullopt;
  text.remove_suffix(1);
  if (const auto point = text.find_first_of(".,"); point != std::string_view::npos) {
    const auto fraction = text.substr(point + 1);
    if (fraction.empty() || fraction.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    text = text.substr(0, point);
  }
  if (text.size() != 14 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t digits) { return static_cast<int>(*number(text.substr(at, digits))); };
  const std::chrono::year_month_day date{std::chrono::year(part(0, 4)), std::chrono::month(static_cast<unsigned>(part(4, 2))),
                                         std::chrono::day(static_cast<unsigned>(part(6, 2)))};
  if (!date.ok() || part(8, 2) > 23 || part(10, 2) > 59 || part(12, 2) > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(part(8, 2)) + std::chrono::minutes(part(10, 2)) + seconds(part(12, 2));
}

std::optional<AccountFault> fault_of_ad_bind_error(std::string_view diagnostic) {
  const auto at = diagnostic.find(" data ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto code = diagnostic.substr(at + 6, 3);
  if (code == "530" || code == "531" || code == "533") return AccountFault::disabled;
  if (code == "532") return AccountFault::password_expired;
  if (code == "701") return AccountFault::expired;
  if (code == "773") return AccountFault::must_change_password;
  if (code == "775") return AccountFault::locked;
  return std::nullopt;
}

}  // namespace gatehouse::ca
