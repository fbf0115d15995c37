#include "sshd/monitor/account_state.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <shadow.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

// A name service as some sites have it stands in front of the C library's: it knows no case, and its shadow part can be out of reach.
extern "C" passwd* getpwnam(const char* name) {
  using Function = passwd* (*)(const char*);
  static const auto next = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getpwnam"));
  return next(strcasecmp(name, "root") == 0 ? "root" : name);
}
extern "C" int getspnam_r(const char* name, spwd* entry, char* buffer, size_t size, spwd** found) noexcept {
  using Function = int (*)(const char*, spwd*, char*, size_t, spwd**);
  static const auto next = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getspnam_r"));
  *found = nullptr;
  if (strcmp(name, "shadow-out-of-reach") == 0) return EIO;
  if (strcmp(name, "no-shadow-file") == 0) return ENOENT;
  if (strcmp(name, "not-in-shadow") == 0) return 0;
  if (strcmp(name, "long-entry") == 0) {
    if (size < 5000) return ERANGE;
    *entry = spwd{};
    strcpy(buffer, "!");
    entry->sp_pwdp = buffer;
    entry->sp_expire = 0;
    *found = entry;
    return 0;
  }
  return next(name, entry, buffer, size, found);
}

namespace gatehouse::sshd {
namespace {

TEST(Shadow, AnAccountThatHasEndedIsRefusedTheDayAfter) {
  const ShadowState state{"*", 20000};
  EXPECT_FALSE(refused_by_shadow("alice", state, 20000, false));
  const auto refused = refused_by_shadow("alice", state, 20001, false);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "account_expired");
}

/// chage(1): "-E 0" is the documented way to lock an account, and -1 takes the end away.
TEST(Shadow, DayZeroIsAnEndLikeAnyOther) {
  const auto refused = refused_by_shadow("alice", {"*", 0}, 20000, true);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "account_expired");
  EXPECT_FALSE(refused_by_shadow("alice", {"*", std::nullopt}, 20000, true));
}

TEST(Shadow, NoEntryIsNoAnswerOnlyWhereThereIsNone) {
  for (const char* user : {"not-in-shadow", "no-shadow-file"}) {
    const auto state = shadow_state(user);
    ASSERT_TRUE(state) << user;
    EXPECT_FALSE(*state) << user;
  }
  EXPECT_FALSE(shadow_state("shadow-out-of-reach"));
  const auto state = shadow_state("long-entry");
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->password, "!");
  EXPECT_EQ((*state)->expires_on, 0);
}

TEST(AccountState, IsRefusedWhileShadowIsOutOfReach) {
  const UserAccount user{{"shadow-out-of-reach", 1000, 1000, "/", "/bin/sh"}, {}, {}};
  const auto refused = refused_by_account(user, Settings{}, {}, "192.0.2.1");
  if (geteuid() != 0) {
    EXPECT_FALSE(refused) << "without root there is only our own account, whose entry we may not read";
    return;
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "shadow_unavailable");
}

TEST(Shadow, ALockedPasswordRefusesAndSaysHowToMendIt) {
  for (const char* password : {"!", "!!", "!*", "!$6$abc"}) {
    const auto refused = refused_by_shadow("alice", {password, {}}, 20000, false);
    ASSERT_TRUE(refused) << password;
    EXPECT_EQ(refused->reason, "account_locked");
    EXPECT_NE(refused->detail.find("usermod -p '*' alice"), std::string::npos);
    EXPECT_FALSE(refused_by_shadow("alice", {password, {}}, 20000, true)) << "with PAM the account stack decides";
  }
}

TEST(Shadow, NoPasswordAtAllIsNoLock) {
  for (const char* password : {"*", "", "$6$abc"}) EXPECT_FALSE(refused_by_shadow("alice", {password, {}}, 20000, false)) << password;
}

TEST(PermitRootLoginRule, HoldsForUidZeroWhateverItsName) {
  const Account toor{"toor", 0, 0, "/root", "/bin/sh"};
  Settings settings;
  const auto refused = refused_as_root(toor, settings, false);
  ASSERT_TRUE(refused) << "the default is no";
  EXPECT_EQ(refused->reason, "root_login");
  settings.permit_root_login = PermitRootLogin::forced_commands_only;
  EXPECT_TRUE(refused_as_root(toor, settings, false));
  EXPECT_FALSE(refused_as_root(toor, settings, true));
  settings.permit_root_login = PermitRootLogin::prohibit_password;
  EXPECT_FALSE(refused_as_root(toor, settings, false));
}

TEST(PermitRootLoginRule, IsNothingToOthers) {
  EXPECT_FALSE(refused_as_root({"alice", 1000, 1000, "/home/alice", "/bin/sh"}, Settings{}, false));
}

TEST(AccountState, AsksListsBeforeAllElse) {
  UserAccount user{{"alice", 0, 0, "/", "/bin/sh"}, {0}, {"staff"}};
  Settings settings;
  settings.deny_users = {"alice"};
  const auto refused = refused_by_account(user, settings, {}, "192.0.2.1");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "denied");
}

TEST(AccountState, AShellThatIsNoProgramIsRefused) {
  UserAccount user{{"no-such-user-here", 1000, 1000, "/", "/no/such/shell"}, {}, {}};
  auto refused = refused_by_account(user, Settings{}, {}, "192.0.2.1");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "no_shell");
  user.account.shell = "/etc/passwd";
  refused = refused_by_account(user, Settings{}, {}, "192.0.2.1");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "no_shell");
}

TEST(FindUser, KnowsRootAndItsGroupsAndNobodyElse) {
  const auto root = find_user("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->account.uid, 0U);
  EXPECT_NE(std::find(root->group_names.begin(), root->group_names.end(), "root"), root->group_names.end());
  EXPECT_FALSE(find_user("no-such-user-here"));
}

TEST(FindUser, TakesNoOtherSpellingForTheSameName) {
  ASSERT_NE(getpwnam("ROOT"), nullptr) << "the name service knows no case";
  EXPECT_FALSE(find_user("ROOT"));
  EXPECT_FALSE(find_user("Root"));
}

}  // namespace
}  // namespace gatehouse::sshd
