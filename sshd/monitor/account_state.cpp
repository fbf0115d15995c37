#include "sshd/monitor/account_state.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "sshd/config/patterns.h"

namespace gatehouse::sshd {
namespace {

constexpr const char* nologin_file = "/etc/nologin";
constexpr std::size_t max_shadow_entry = 64 * 1024;

std::vector<gid_t> groups_of(const Account& account) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) < 0) {
    if (count <= static_cast<int>(groups.size())) count = static_cast<int>(groups.size()) * 2;
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

std::optional<AccountRefusal> refused_by_shell(const Account& account) {
  const std::string shell = account.shell.empty() ? "/bin/sh" : account.shell;
  struct stat about {};
  if (stat(shell.c_str(), &about) != 0) return AccountRefusal{"no_shell", fmt::format("shell {} does not exist", shell)};
  if (!S_ISREG(about.st_mode) || (about.st_mode & 0111) == 0) {
    return AccountRefusal{"no_shell", fmt::format("shell {} is no program", shell)};
  }
  return std::nullopt;
}

std::optional<AccountRefusal> refused_by_nologin(const Account& account) {
  if (account.uid == 0 || access(nologin_file, F_OK) != 0) return std::nullopt;
  return AccountRefusal{"nologin", fmt::format("{} exists", nologin_file)};
}

}  // namespace

std::optional<UserAccount> find_user(const std::string& user) {
  auto account = find_account(user);
  if (!account || account->name != user) return std::nullopt;
  UserAccount result;
  result.groups = groups_of(*account);
  for (const gid_t group : result.groups) {
    if (const ::group* entry = getgrgid(group)) result.group_names.emplace_back(entry->gr_name);
  }
  result.account = std::move(*account);
  return result;
}

Result<std::optional<ShadowState>> shadow_state(const std::string& user) {
  std::vector<char> buffer(1024);
  spwd entry{};
  spwd* found = nullptr;
  int error;
  while ((error = getspnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE && buffer.size() < max_shadow_entry) {
    buffer.resize(buffer.size() * 2);
  }
  if (found == nullptr) {
    // ENOENT: there is no shadow file at all. Anything else is no answer, and the account may be locked.
    if (error == 0 || error == ENOENT || error == ESRCH) return std::optional<ShadowState>();
    return problem(fmt::format("getspnam: {}", std::strerror(error)), "shadow", "see nsswitch.conf");
  }
  ShadowState state;
  state.password = entry.sp_pwdp == nullptr ? "" : entry.sp_pwdp;
  if (entry.sp_expire >= 0) state.expires_on = entry.sp_expire;
  return std::optional(std::move(state));
}

std::optional<AccountRefusal> refused_by_shadow(const std::string& user, const ShadowState& state, long today, bool use_pam) {
  if (state.expires_on && today > *state.expires_on) {  // day 0 is one, too: chage -E 0 is how an account is locked
    return AccountRefusal{"account_expired", fmt::format("the account ended on day {} of 1970; chage -E -1 {}", *state.expires_on, user)};
  }
  if (!use_pam && !state.password.empty() && state.password.front() == '!') {
    return AccountRefusal{"account_locked", fmt::format("the password in /etc/shadow begins with '!', which locks the account; "
                                                        "for a login by certificate alone: usermod -p '*' {}",
                                                        user)};
  }
  return std::nullopt;
}

std::optional<AccountRefusal> refused_as_root(const Account& account, const Settings& settings, bool command_forced) {
  if (account.uid != 0) return std::nullopt;
  switch (settings.permit_root_login) {
    case PermitRootLogin::yes:
    case PermitRootLogin::prohibit_password:
      return std::nullopt;
    case PermitRootLogin::forced_commands_only:
      if (command_forced) return std::nullopt;
      return AccountRefusal{"root_login", "PermitRootLogin forced-commands-only, and no command is forced"};
    case PermitRootLogin::no:
      break;
  }
  return AccountRefusal{"root_login", "PermitRootLogin no"};
}

std::optional<AccountRefusal> refused_by_account(const UserAccount& user, const Settings& settings, const Grant& grant,
                                                 const std::string& peer_address) {
  const std::string_view keyword = refused_by_lists(settings, user.account.name, user.group_names, peer_address, peer_address);
  if (!keyword.empty()) return AccountRefusal{"denied", std::string(keyword)};
  const bool forced = grant.force_command.has_value() || settings.force_command.has_value();
  if (auto refusal = refused_as_root(user.account, settings, forced)) return refusal;
  const long today = std::chrono::duration_cast<std::chrono::hours>(std::chrono::system_clock::now().time_since_epoch()).count() / 24;
  const auto shadow = shadow_state(user.account.name);
  if (!shadow && geteuid() == 0) return AccountRefusal{"shadow_unavailable", shadow.error().line()};  // else we are not meant to read it
  if (shadow && *shadow) {
    if (auto refusal = refused_by_shadow(user.account.name, **shadow, today, settings.use_pam)) return refusal;
  }
  if (auto refusal = refused_by_shell(user.account)) return refusal;
  return refused_by_nologin(user.account);
}

}  // namespace gatehouse::sshd
