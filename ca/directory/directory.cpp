#include "ca/directory/directory.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "ca/directory/account_state.h"
#include "ca/directory/connection.h"
#include "ca/directory/dn.h"
#include "ca/directory/groups.h"
#include "ca/directory/ldap_handle.h"
#include "ca/directory/servers.h"
#include "daemon/log.h"
#include "daemon/pin_source.h"
#include "protocol/core/bytes.h"
#include "protocol/crypto/random.h"

namespace gatehouse::ca {

namespace {

using keys::PublicKey;

template <class Error>
tl::unexpected<DirectoryError> refuse(Error error) {
  return tl::unexpected<DirectoryError>(DirectoryError(std::move(error)));
}

// Keeps what a name of ours says out of the filter's syntax; there may be more than one {user}.
std::string filled_in(std::string filter, std::string_view user) {
  constexpr std::string_view mark = "{user}";
  const std::string value = filter_escaped(user);
  for (std::size_t at = filter.find(mark); at != std::string::npos; at = filter.find(mark, at + value.size())) {
    filter.replace(at, mark.size(), value);
  }
  return filter;
}

// [MS-DTYP] 2.3.4: the first three fields of a GUID are little-endian.
std::string guid_text(std::string_view octets) {
  constexpr int order[] = {3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15};
  std::string out;
  for (const int i : order) {
    if (i < 0) {
      out.push_back('-');
    } else {
      const auto octet = static_cast<std::uint8_t>(octets[static_cast<std::size_t>(i)]);
      out += hex(Bytes(&octet, 1));
    }
  }
  return out;
}

std::string unique_id(const Entry& entry) {
  for (const std::string_view name : {"entryuuid", "nsuniqueid", "ipauniqueid"}) {
    if (entry.values(name).size() == 1) return lower_case(escaped(entry.first(name), 64));
  }
  if (entry.first("objectguid").size() == 16) return guid_text(entry.first("objectguid"));
  return {};
}

// openssh-lpk: one key a value, with options before it and newlines after it where somebody put them.
std::vector<PublicKey> enrolled_keys(const Entry& entry) {
  std::vector<PublicKey> keys;
  for (std::string_view line : entry.values("sshpublickey")) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    // A value with options ("from=…", "command=…") asks for limits that we would not keep: it is no key here.
    const auto key = PublicKey::parse_line(line);
    if (key) {
      keys.push_back(*key);
    } else {
      log::warning("{}: an sshPublicKey is left out: {}", escaped(entry.dn), key.error().line());
    }
  }
  return keys;
}

bool is_begun_by_nul(const SecretBytes& password) { return password.reveal().front() == 0; }

}  // namespace

class Directory::Impl {
 public:
  Impl(DirectorySettings settings, std::vector<ServerUrl> urls, std::string service_base)
      : settings_(std::move(settings)), service_base_(std::move(service_base)), servers_(settings_, std::move(urls)) {}

  DirectoryResult<Person> log_in(std::string_view user, const SecretBytes& password, std::span<const std::string> attributes) {
    if (!is_acceptable_user_name(user)) return bad_name(user);
    // RFC 4513 5.1.2: a simple bind with a name and no password is an "unauthenticated" one that many servers let succeed.
    if (password.empty() || password.size() > max_password || is_begun_by_nul(password)) {
      return refuse(CredentialsRefused{CredentialsFault::bad_password, {}, {}, "the password is empty, begins with NUL, or is too long"});
    }
    const auto deadline = Clock::now() + settings_.total_timeout;
    auto found = find(user, attributes, deadline);
    if (!found) {
      // The same work for a name that is not there, so that time does not tell: a bind that cannot succeed and locks nobody out.
      if (std::holds_alternative<CredentialsRefused>(found.error())) bind_in_vain(deadline);
      return tl::unexpected(found.error());
    }
    auto bound = bind_as(*found, password, deadline);
    if (!bound) return tl::unexpected(bound.error());
    return complete(*found, *bound, attributes, deadline);
  }

  DirectoryResult<Person> look_up(std::string_view user, std::span<const std::string> attributes) {
    if (!is_acceptable_user_name(user)) return bad_name(user);
    const auto deadline = Clock::now() + settings_.total_timeout;
    auto found = find(user, attributes, deadline);
    if (!found) return tl::unexpected(found.error());
    return complete(*found, std::nullopt, attributes, deadline);
  }

  DirectoryHealth probe() {
    const auto answered = servers_.ask(Clock::now() + settings_.total_timeout, [&](Connection& connection) -> ServerResult<void> {
      Search search;
      search.base = settings_.base;
      search.scope = Scope::base;
      search.filter = "(objectClass=*)";
      search.attributes = {"1.1"};
      search.size_limit = 1;
      auto answer = connection.search(search);
      if (!answer) return tl::unexpected(answer.error());
      if (answer->entries.size() != 1) return tl::unexpected(base_missing(settings_.base));
      return {};
    });
    if (answered) return {true, *answered, {}};
    const auto* away = std::get_if<DirectoryUnavailable>(&answered.error());
    return {false, away != nullptr ? away->server : std::string(), describe(answered.error())};
  }

 private:
  struct Found {
    Entry entry;
    std::string normalised_dn;
    std::string name;
    std::string uuid;
    std::string server;
    PasswordPolicyTimes policy;
  };

  static tl::unexpected<DirectoryError> bad_name(std::string_view user) {
    return refuse(CredentialsRefused{CredentialsFault::bad_name, {}, {}, "user name: " + escaped(user)});
  }

  static ServerFailure base_missing(const std::string& base) {
    return {DirectoryStage::search, "the base " + base + " is not there, or the service account may not see it", false};
  }

  std::vector<std::string> attributes_to_ask(std::span<const std::string> wanted) const {
    std::vector<std::string> all{settings_.name_attribute, "entryUUID", "nsUniqueId", "ipaUniqueID", "gidNumber"};
    if (settings_.kind == DirectoryKind::active_directory) all.emplace_back("objectGUID");
    if (settings_.group_lookup == GroupLookup::member_of) all.emplace_back("memberOf");
    if (!service_base_.empty()) all.emplace_back("sshPublicKey");
    for (const auto& name : account_state_attributes(settings_.kind)) all.emplace_back(name);
    all.insert(all.end(), wanted.begin(), wanted.end());
    return all;
  }

  // The one entry of that name, with the ppolicy settings that apply to it.
  DirectoryResult<Found> find(std::string_view user, std::span<const std::string> attributes, Clock::time_point deadline) {
    SearchAnswer answer;
    PasswordPolicyTimes policy;
    const auto answered = servers_.ask(deadline, [&](Connection& connection) -> ServerResult<void> {
      Search search;
      search.base = settings_.user_base;
      search.filter = filled_in(settings_.user_filter, user);
      search.attributes = attributes_to_ask(attributes);
      search.size_limit = 2;  // the second proves that the name is ambiguous
      auto result = connection.search(search);
      if (!result) return tl::unexpected(result.error());
      if (result->base_missing) return tl::unexpected(base_missing(settings_.user_base));
      answer = std::move(*result);
      if (answer.entries.size() != 1) return {};
      auto times = read_password_policy(connection, answer.entries.front());
      if (!times) return tl::unexpected(times.error());
      policy = *times;
      return {};
    });
    if (!answered) return tl::unexpected(answered.error());
    if (answer.entries.size() > 1 || answer.size_limit_reached) {
      return refuse(CredentialsRefused{CredentialsFault::ambiguous, {}, {}, "more than one entry for " + escaped(user)});
    }
    if (answer.referrals && settings_.kind != DirectoryKind::active_directory) {
      // Another server holds a part of the tree that was not searched: one entry here is not "exactly one".
      return refuse(DirectoryUnavailable{*answered, DirectoryStage::search, "part of the accounts is on another server (referral)"});
    }
    if (answer.entries.empty()) {
      return refuse(CredentialsRefused{CredentialsFault::no_such_person, {}, {}, "no entry for " + escaped(user)});
    }
    return judged_name(std::move(answer.entries.front()), user, *answered, policy);
  }

  // Directories match without case and more; the name that counts is the entry's, and what was typed may differ from it in case only.
  DirectoryResult<Found> judged_name(Entry entry, std::string_view user, const std::string& server,
                                     const PasswordPolicyTimes& policy) const {
    Found found;
    found.server = server;
    found.policy = policy;
    found.uuid = unique_id(entry);
    const auto differs = [&](std::string text) {
      return refuse(CredentialsRefused{CredentialsFault::name_differs, entry.dn, found.uuid, std::move(text)});
    };
    for (const auto& [name, values] : entry.attributes) {
      if (name.find(";range=") != std::string::npos) {
        return refuse(DirectoryUnavailable{server, DirectoryStage::search, "the directory cut off the values of " + name});
      }
    }
    const auto& names = entry.values(lower_case(settings_.name_attribute));
    const auto match = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return equal_but_for_case(name, user); });
    if (match == names.end()) return differs("the entry has no " + settings_.name_attribute + " equal to " + escaped(user));
    // Of several names the first is the account's; whoever types another of them would otherwise choose his principal.
    if (names.size() > 1) return differs("the entry has more than one " + settings_.name_attribute);
    if (!is_acceptable_user_name(*match)) return differs("unusable " + settings_.name_attribute + " " + escaped(*match));
    const auto normal = normalised_dn(entry.dn);
    if (!normal) return refuse(DirectoryUnavailable{server, DirectoryStage::search, "the entry's DN cannot be read: " + escaped(entry.dn)});
    found.normalised_dn = *normal;
    found.name = settings_.lower_case_names ? lower_case(*match) : *match;
    found.entry = std::move(entry);
    return found;
  }

  ServerResult<PasswordPolicyTimes> read_password_policy(Connection& connection, const Entry& entry) const {
    const std::string dn = entry.has("pwdpolicysubentry") ? entry.first("pwdpolicysubentry") : settings_.default_password_policy;
    if (dn.empty()) return PasswordPolicyTimes{};
    Search search;
    search.base = dn;
    search.scope = Scope::base;
    search.filter = "(objectClass=*)";
    search.attributes = {"pwdLockoutDuration", "pwdMaxAge"};
    search.size_limit = 1;
    auto answer = connection.search(search);
    if (!answer) return tl::unexpected(answer.error());
    // A policy entry that may not be read leaves a lock in force until it is taken away.
    return answer->entries.size() == 1 ? password_policy_times(answer->entries.front()) : PasswordPolicyTimes{};
  }

  DirectoryResult<BindAnswer> bind_as(const Found& found, const SecretBytes& password, Clock::time_point deadline) {
    auto connection = servers_.connect_for_user(deadline, found.server);
    if (!connection) return tl::unexpected(connection.error());
    const std::string url = connection->server().text;
    const auto away = [&](const ServerFailure& failure) { return refuse(DirectoryUnavailable{url, failure.stage, failure.text}); };
    // Never repeated elsewhere once it is sent: it may have counted as a failure already.
    auto answer = connection->bind(found.entry.dn, password.reveal(), DirectoryStage::user_bind);
    if (!answer) return away(answer.error());
    if (answer->fault) return refuse(AccountRefused{*answer->fault, found.entry.dn, found.uuid, answer->text});
    if (!answer->accepted) {
      // ppolicy does not always say that it refused for the state of the account, whatever the password; the entry does.
      const auto refuses_all = [](AccountFault fault) {
        return fault != AccountFault::password_expired && fault != AccountFault::must_change_password;
      };
      if (const auto state = judge(found, false); state && refuses_all(state->fault)) {
        return refuse(AccountRefused{state->fault, found.entry.dn, found.uuid, state->text + "; " + answer->text});
      }
      return refuse(CredentialsRefused{CredentialsFault::wrong_password, found.entry.dn, found.uuid, answer->text});
    }
    const auto identity = connection->who_am_i();
    if (!identity) return away(identity.error());
    if (!is_identity_of(*identity, found)) {
      return refuse(CredentialsRefused{CredentialsFault::not_authenticated, found.entry.dn, found.uuid,
                                       "after the bind the directory calls us \"" + escaped(*identity) + "\""});
    }
    return std::move(*answer);
  }

  // Anonymous is "" (RFC 4532) or "dn:" without a DN; another person's DN is no proof for this one.
  static bool is_identity_of(const std::string& identity, const Found& found) {
    if (identity.starts_with("dn:")) {
      const auto dn = normalised_dn(std::string_view(identity).substr(3));
      return dn && *dn == found.normalised_dn;
    }
    return identity.starts_with("u:") && identity.size() > 2;
  }

  void bind_in_vain(Clock::time_point deadline) {
    auto connection = servers_.connect_for_user(deadline, {});
    if (!connection) return;
    const std::string nobody = "cn=" + hex(crypto::random_bytes(16)) + "," + settings_.user_base;
    const SecretBytes password = crypto::random_secret(16);
    (void)connection->bind(nobody, password.reveal(), DirectoryStage::user_bind);
  }

  std::optional<AccountFinding> judge(const Found& found, bool bound) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return judge_account(found.entry, settings_.kind, found.policy, bound, now);
  }

  DirectoryResult<Person> complete(const Found& found, const std::optional<BindAnswer>& bound, std::span<const std::string> attributes,
                                   Clock::time_point deadline) {
    if (const auto state = judge(found, bound.has_value()))
      return refuse(AccountRefused{state->fault, found.entry.dn, found.uuid, state->text});
    Person person;
    const auto answered = servers_.ask(deadline, [&](Connection& connection) -> ServerResult<void> {
      auto groups = groups_of(connection, settings_, found.entry, found.entry.first(lower_case(settings_.name_attribute)));
      if (!groups) return tl::unexpected(groups.error());
      person.groups = std::move(*groups);
      return {};
    });
    if (!answered) return tl::unexpected(answered.error());
    person.dn = found.entry.dn;
    person.normalised_dn = found.normalised_dn;
    person.name = found.name;
    person.entry_uuid = found.uuid;
    for (const auto& name : attributes) {
      if (const auto& values = found.entry.values(lower_case(name)); !values.empty()) person.attributes[lower_case(name)] = values;
    }
    person.is_service = dn_is_within(found.normalised_dn, service_base_);
    if (person.is_service) person.enrolled_keys = enrolled_keys(found.entry);
    if (bound) {
      person.password_expires_in = bound->password_expires_in;
      person.grace_log_ins = bound->grace_log_ins;
    }
    return person;
  }

  const DirectorySettings settings_;
  const std::string service_base_;  // normalised; empty: none
  Servers servers_;
};

Directory::Directory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Directory::~Directory() = default;

Result<std::unique_ptr<Directory>> Directory::open(DirectorySettings given) {
  if (std::getenv("LDAPNOINIT") == nullptr) {
    return problem("libldap would read ldap.conf and LDAP* variables", "[directory]", "call isolate_from_ldap_configuration() first");
  }
  auto settings = checked(std::move(given));
  if (!settings) return tl::unexpected(settings.error());
  if (!settings->bind_password_file.empty()) {
    auto file = open_pin_source(settings->bind_password_file, ::geteuid(), "bind password");
    if (!file) return tl::unexpected(Problem{file.error().line(), "[directory] bind_password_file", {}});
    if (auto password = read_pin(file->fd(), "bind password"); !password) {
      return tl::unexpected(Problem{password.error().line(), "[directory] bind_password_file", {}});
    }
  }
  std::vector<ServerUrl> urls;
  for (const auto& text : settings->urls) urls.push_back(*parse_server_url(text));
  std::string service_base;
  if (!settings->service_base.empty()) service_base = *normalised_dn(settings->service_base);
  return std::unique_ptr<Directory>(new Directory(std::make_unique<Impl>(std::move(*settings), std::move(urls), std::move(service_base))));
}

DirectoryResult<Person> Directory::log_in(std::string_view user, const SecretBytes& password, std::span<const std::string> attributes) {
  return impl_->log_in(user, password, attributes);
}
DirectoryResult<Person> Directory::look_up(std::string_view user, std::span<const std::string> attributes) {
  return impl_->look_up(user, attributes);
}
DirectoryHealth Directory::probe() { return impl_->probe(); }

void isolate_from_ldap_configuration() {
  ::setenv("LDAPNOINIT", "1", 1);
  ::signal(SIGPIPE, SIG_IGN);  // libldap writes to sockets that a server may have closed
  LDAP* handle = nullptr;
  // The library initialises itself in its first call, which is not safe beside a second one.
  if (ldap_initialize(&handle, nullptr) == LDAP_SUCCESS) const LdapHandle owner(handle);
}

}  // namespace gatehouse::ca
