/// Keywords that say who may log in.
#include <algorithm>

#include "sshd/config/features.h"
#include "sshd/config/patterns.h"
#include "sshd/config/setters.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

constexpr Word<PermitRootLogin> root_logins[] = {
    {"no", PermitRootLogin::no},
    {"yes", PermitRootLogin::yes},
    {"prohibit-password", PermitRootLogin::prohibit_password},
    {"without-password", PermitRootLogin::prohibit_password},
    {"forced-commands-only", PermitRootLogin::forced_commands_only},
};

Result<void> set_permit_root_login(Draft& draft, const Arguments& arguments) {
  const auto value = parse_word<PermitRootLogin>(arguments[0], root_logins);
  if (!value) return tl::unexpected(value.error());
  draft.settings.permit_root_login = *value;
  return {};
}

template <auto Member>
Result<void> add_names(Draft& draft, const Arguments& arguments) {
  for (const std::string& entry : arguments) {
    if (entry.front() == '!') {
      // sshd takes it for a name that begins with "!", which matches nobody: never what is meant.
      return problem("\"" + escaped(entry, 64) + "\": names cannot be negated here", {}, "use the Deny keyword, or a Match block");
    }
    const auto at = entry.rfind('@');
    if (at != std::string::npos && entry.find('/', at) != std::string::npos) {
      if (const auto sound = check_address_list(std::string_view(entry).substr(at + 1)); !sound) return sound;
    }
    (draft.settings.*Member).push_back(entry);
  }
  return {};
}

Result<void> set_max_age(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    draft.settings.revoked_keys_max_age.reset();
    return {};
  }
  const auto age = parse_time(arguments[0]);
  if (!age) return tl::unexpected(age.error());
  if (*age == seconds(0)) return problem("no revocation list is that new", {}, "give a time as 1h, or none");
  draft.settings.revoked_keys_max_age = *age;
  return {};
}

template <auto Member>
Result<void> set_lifetime(Draft& draft, const Arguments& arguments) {
  const auto lifetime = equal_ignoring_case(arguments[0], "none") ? Result<seconds>(seconds(0)) : parse_time(arguments[0]);
  if (!lifetime) return tl::unexpected(lifetime.error());
  if (*lifetime == seconds(0)) {
    return problem("certificates without a limit are refused", {}, "give the longest life that a certificate may have, as in 24h or 90d");
  }
  draft.settings.*Member = *lifetime;
  return {};
}

Result<void> set_principals_file(Draft& draft, const Arguments& arguments) {
  const std::string& path = arguments[0];
  if (equal_ignoring_case(path, "none")) {
    draft.settings.authorized_principals_file.clear();
    return {};
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') continue;
    const char token = i + 1 < path.size() ? path[i + 1] : '\0';
    if (token != '%' && token != 'h' && token != 'u' && token != 'U') {
      return problem("\"" + escaped(path.substr(i, 2)) + "\" is no token of AuthorizedPrincipalsFile", {}, "tokens are %h, %u, %U and %%");
    }
    ++i;
  }
  draft.settings.authorized_principals_file = path;
  return {};
}

Result<void> set_use_pam(Draft& draft, const Arguments& arguments) {
  return set_feature_switch<&Settings::use_pam, feature::pam>(draft, arguments);
}

Result<void> set_pam_service(Draft& draft, const Arguments& arguments) {
  if (arguments[0].find('/') != std::string::npos)
    return problem("a PAM service name has no /", {}, "give the name of a file in /etc/pam.d");
  draft.settings.pam_service_name = arguments[0];
  return {};
}

constexpr Keyword table[] = {
    {"TrustedUserCAKeys", Form::list, Repeat::first, Scope::match, Names::files, set_paths<&Settings::trusted_user_ca_keys>},
    {"RevokedKeys", Form::list, Repeat::first, Scope::match, Names::files, set_paths<&Settings::revoked_keys>},
    {"RevokedKeysMaxAge", Form::one, Repeat::first, Scope::match, Names::nothing, set_max_age},
    {"MaxCertificateLifetime", Form::one, Repeat::first, Scope::match, Names::nothing, set_lifetime<&Settings::max_certificate_lifetime>},
    {"BreakGlassCAKeys", Form::list, Repeat::first, Scope::match, Names::files, set_paths<&Settings::break_glass_ca_keys>},
    {"BreakGlassMaxLifetime", Form::one, Repeat::first, Scope::match, Names::nothing, set_lifetime<&Settings::break_glass_max_lifetime>},
    {"AuthorizedPrincipalsFile", Form::one, Repeat::first, Scope::match, Names::nothing, set_principals_file},
    {"AllowUsers", Form::list, Repeat::every, Scope::match, Names::nothing, add_names<&Settings::allow_users>},
    {"DenyUsers", Form::list, Repeat::every, Scope::match, Names::nothing, add_names<&Settings::deny_users>},
    {"AllowGroups", Form::list, Repeat::every, Scope::match, Names::nothing, add_names<&Settings::allow_groups>},
    {"DenyGroups", Form::list, Repeat::every, Scope::match, Names::nothing, add_names<&Settings::deny_groups>},
    {"PermitRootLogin", Form::one, Repeat::first, Scope::match, Names::nothing, set_permit_root_login},
    {"MaxAuthTries", Form::one, Repeat::first, Scope::match, Names::nothing, set_number<&Settings::max_auth_tries, 1, 1000>},
    {"StrictModes", Form::one, Repeat::first, Scope::global, Names::nothing, set_switch<&Settings::strict_modes>},
    {"UsePAM", Form::one, Repeat::first, Scope::global, Names::nothing, set_use_pam},
    {"PAMServiceName", Form::one, Repeat::first, Scope::match, Names::nothing, set_pam_service},
    {"RefuseConnection", Form::one, Repeat::first, Scope::match, Names::nothing, set_switch<&Settings::refuse_connection>},
    {"Banner", Form::one, Repeat::first, Scope::match, Names::files, set_path_or_none<&Settings::banner>},
};

}  // namespace

std::span<const Keyword> login_keywords() { return table; }

}  // namespace gatehouse::sshd
