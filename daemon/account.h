/// System accounts and how a process becomes one of them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse {

struct Account {
  std::string name;
  uid_t uid;
  gid_t gid;
  std::string home;
  std::string shell;
};

/// The account by name, from NSS. @error Problem: no such account
Result<Account> find_account(const std::string& name);
/// The account of the effective uid.
Result<Account> own_account();

/// Groups, gid, then uid, for ever; checks that root cannot be taken back. Without root: nothing, unless the uid differs (a Problem).
/// @param supplementary  the group list; empty: none but the account's own
Result<void> become(const Account& account, std::span<const gid_t> supplementary = {});
/// chroot into an empty folder that nobody may write: `folder` must be root's and 0755 or less. Needs root.
Result<void> enter_empty_root(const std::string& folder);
/// PR_SET_DUMPABLE 0: no core, no ptrace, /proc/self owned by root.
void forbid_dumps();
/// PR_SET_NO_NEW_PRIVS.
void forbid_new_privileges();
/// Closes every descriptor but 0, 1, 2 and those listed.
void close_all_but(std::span<const int> keep);

}  // namespace gatehouse
