#include "sshd/monitor/account_state.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatehouse::sshd {
namespace {

TEST(Shadow, AnAccountThatHasEndedIsRefusedTheDayAfter) {
  const ShadowState state{"*", 20000};
  EXPECT_FALSE(refused_by_shadow("alice", state, 20000, false));
  const auto refused = refused_by_shadow("alice", state, 20001, false);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "account_expired");
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

}  // namespace
}  // namespace gatehouse::sshd
