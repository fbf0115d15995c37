#include "ca/directory/account_state.h"

#include <gtest/gtest.h>

namespace gatehouse::ca {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// 2026-01-15 12:00:00 UTC, day 20468 since 1970.
const sys_seconds now{seconds(1768478400)};

Entry entry(std::map<std::string, std::vector<std::string>> attributes) { return {"uid=x,dc=test", std::move(attributes)}; }

std::optional<AccountFault> judged(std::map<std::string, std::vector<std::string>> attributes, bool bound = false,
                                   DirectoryKind kind = DirectoryKind::openldap, const PasswordPolicyTimes& policy = {}) {
  const auto found = judge_account(entry(std::move(attributes)), kind, policy, bound, now);
  return found ? std::optional(found->fault) : std::nullopt;
}

TEST(GeneralizedTime, ReadsWhatDirectoriesWrite) {
  EXPECT_EQ(parse_generalized_time("20260115120000Z"), now);
  EXPECT_EQ(parse_generalized_time("20260115120000.123Z"), now);
  EXPECT_EQ(parse_generalized_time("20260115120000,5Z"), now);
  EXPECT_EQ(parse_generalized_time("19700101000000Z"), sys_seconds{});
  for (const auto* text : {"", "Z", "20260115120000", "20260115120000+0100", "2026011512Z", "20261315120000Z", "20260230120000Z",
                           "20260115240000Z", "20260115120000.Z", "2026-01-15T120000Z"}) {
    EXPECT_FALSE(parse_generalized_time(text)) << text;
  }
}

TEST(AccountState, OfAnEntryWithoutSignsIsFine) { EXPECT_EQ(judged({}), std::nullopt); }

TEST(AccountStatePpolicy, PermanentLockHoldsAlsoAfterABind) {
  for (const bool bound : {false, true}) {
    EXPECT_EQ(judged({{"pwdaccountlockedtime", {"000001010000Z"}}}, bound), AccountFault::locked);
    EXPECT_EQ(judged({{"pwdaccountlockedtime", {"00000101000000Z"}}}, bound), AccountFault::locked);
  }
}

TEST(AccountStatePpolicy, LockOfACertainTimeEndsWithItsDuration) {
  const PasswordPolicyTimes minutes{seconds(600), std::nullopt};
  const auto locked_at = [&](const char* time, bool bound, const PasswordPolicyTimes& policy) {
    return judged({{"pwdaccountlockedtime", {time}}}, bound, DirectoryKind::openldap, policy);
  };
  EXPECT_EQ(locked_at("20260115115500Z", false, minutes), AccountFault::locked);
  EXPECT_EQ(locked_at("20260115115001Z", false, minutes), AccountFault::locked);
  EXPECT_EQ(locked_at("20260115115000Z", false, minutes), std::nullopt);
  EXPECT_EQ(locked_at("20250115115000Z", false, {}), AccountFault::locked);                          // no duration: until unlocked
  EXPECT_EQ(locked_at("20250115115000Z", false, {seconds(0), std::nullopt}), AccountFault::locked);  // 0: the same
  EXPECT_EQ(locked_at("20260115115500Z", true, minutes), std::nullopt);  // the directory let him in: it keeps the time itself
  EXPECT_EQ(locked_at("yesterday", true, minutes), AccountFault::unreadable);
}

TEST(AccountStatePpolicy, StartEndResetAndAgeCount) {
  EXPECT_EQ(judged({{"pwdstarttime", {"20260115120001Z"}}}, true), AccountFault::not_yet_active);
  EXPECT_EQ(judged({{"pwdstarttime", {"20260115120000Z"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"pwdendtime", {"20260115120000Z"}}}, true), AccountFault::expired);
  EXPECT_EQ(judged({{"pwdendtime", {"20260115120001Z"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"pwdreset", {"TRUE"}}}, true), AccountFault::must_change_password);
  EXPECT_EQ(judged({{"pwdreset", {"FALSE"}}}, true), std::nullopt);
  const PasswordPolicyTimes month{std::nullopt, seconds(30 * 86400)};
  EXPECT_EQ(judged({{"pwdchangedtime", {"20251201000000Z"}}}, false, DirectoryKind::openldap, month), AccountFault::password_expired);
  EXPECT_EQ(judged({{"pwdchangedtime", {"20260101000000Z"}}}, false, DirectoryKind::openldap, month), std::nullopt);
  EXPECT_EQ(judged({{"pwdchangedtime", {"20251201000000Z"}}}, true, DirectoryKind::openldap, month), std::nullopt);
}

TEST(AccountStateShadow, CountsInDays) {
  EXPECT_EQ(judged({{"shadowexpire", {"20469"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"shadowexpire", {"20468"}}}, true), AccountFault::expired);
  EXPECT_EQ(judged({{"shadowexpire", {"0"}}}, true), AccountFault::expired);
  EXPECT_EQ(judged({{"shadowexpire", {"-1"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"shadowexpire", {"soon"}}}, true), AccountFault::unreadable);
  EXPECT_EQ(judged({{"shadowexpire", {""}}}, true), AccountFault::unreadable);
  EXPECT_EQ(judged({{"shadowlastchange", {"0"}}}, true), AccountFault::must_change_password);
  EXPECT_EQ(judged({{"shadowlastchange", {"20400"}}, {"shadowmax", {"60"}}}, true), AccountFault::password_expired);
  EXPECT_EQ(judged({{"shadowlastchange", {"20400"}}, {"shadowmax", {"68"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"shadowlastchange", {"20400"}}, {"shadowmax", {"99999"}}}, true), std::nullopt);
  EXPECT_EQ(judged({{"shadowlastchange", {"20400"}}, {"shadowmax", {"9223372036854775807"}}}, true), std::nullopt);
}

TEST(AccountState389, LocksAndEnds) {
  constexpr auto kind = DirectoryKind::ds389;
  EXPECT_EQ(judged({{"nsaccountlock", {"TRUE"}}}, true, kind), AccountFault::disabled);
  EXPECT_EQ(judged({{"nsaccountlock", {"true"}}}, true, kind), AccountFault::disabled);
  EXPECT_EQ(judged({{"nsaccountlock", {"false"}}}, true, kind), std::nullopt);
  EXPECT_EQ(judged({{"nsaccountlock", {"maybe"}}}, true, kind), AccountFault::unreadable);
  EXPECT_EQ(judged({{"krbprincipalexpiration", {"20260115115959Z"}}}, true, kind), AccountFault::expired);
  EXPECT_EQ(judged({{"passwordexpirationtime", {"20260115115959Z"}}}, false, kind), AccountFault::password_expired);
  EXPECT_EQ(judged({{"passwordexpirationtime", {"20260115115959Z"}}}, true, kind), std::nullopt);
  EXPECT_EQ(judged({{"accountunlocktime", {"20260115120001Z"}}}, false, kind), AccountFault::locked);
  EXPECT_EQ(judged({{"accountunlocktime", {"19700101000000Z"}}}, false, kind), AccountFault::locked);
  EXPECT_EQ(judged({{"accountunlocktime", {"20260115115959Z"}}}, false, kind), std::nullopt);
}

TEST(AccountStateActiveDirectory, ReadsTheFlags) {
  constexpr auto kind = DirectoryKind::active_directory;
  const auto ad = [&](std::map<std::string, std::vector<std::string>> more) {
    std::map<std::string, std::vector<std::string>> all{{"useraccountcontrol", {"512"}}, {"pwdlastset", {"133000000000000000"}}};
    for (auto& [name, values] : more) all[name] = values;
    return judged(all, true, kind);
  };
  EXPECT_EQ(ad({}), std::nullopt);
  EXPECT_EQ(judged({}, true, kind), AccountFault::unreadable);
  EXPECT_EQ(ad({{"useraccountcontrol", {"514"}}}), AccountFault::disabled);
  EXPECT_EQ(ad({{"msds-user-account-control-computed", {"16"}}}), AccountFault::locked);
  EXPECT_EQ(ad({{"msds-user-account-control-computed", {"8388608"}}}), AccountFault::password_expired);
  EXPECT_EQ(ad({{"accountexpires", {"0"}}}), std::nullopt);
  EXPECT_EQ(ad({{"accountexpires", {"9223372036854775807"}}}), std::nullopt);
  EXPECT_EQ(ad({{"accountexpires", {"134129519990000000"}}}), AccountFault::expired);  // one second before `now`
  EXPECT_EQ(ad({{"accountexpires", {"134129520010000000"}}}), std::nullopt);           // one second after it
  EXPECT_EQ(ad({{"pwdlastset", {"0"}}}), AccountFault::must_change_password);
  EXPECT_EQ(ad({{"pwdlastset", {"0"}}, {"useraccountcontrol", {"66048"}}}), std::nullopt);  // DONT_EXPIRE_PASSWORD
}

TEST(AccountStateActiveDirectory, ReadsTheTextOfARefusedBind) {
  const auto text = [](const char* code) {
    return "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data " + std::string(code) + ", v4563";
  };
  EXPECT_EQ(fault_of_ad_bind_error(text("52e")), std::nullopt);
  EXPECT_EQ(fault_of_ad_bind_error(text("525")), std::nullopt);
  EXPECT_EQ(fault_of_ad_bind_error(text("533")), AccountFault::disabled);
  EXPECT_EQ(fault_of_ad_bind_error(text("532")), AccountFault::password_expired);
  EXPECT_EQ(fault_of_ad_bind_error(text("701")), AccountFault::expired);
  EXPECT_EQ(fault_of_ad_bind_error(text("773")), AccountFault::must_change_password);
  EXPECT_EQ(fault_of_ad_bind_error(text("775")), AccountFault::locked);
  EXPECT_EQ(fault_of_ad_bind_error("Invalid credentials"), std::nullopt);
}

}  // namespace
}  // namespace gatehouse::ca
