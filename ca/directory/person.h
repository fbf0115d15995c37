/// Who the directory says somebody is, and why it says nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/core/result.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::ca {

/// A person or service account whose account is in order. There is no Person for one that is locked, disabled or expired.
struct Person {
  std::string dn;                ///< as the directory writes it
  std::string normalised_dn;     ///< as normalised_dn() writes it
  std::string name;              ///< from the entry, never what was typed
  std::string entry_uuid;        ///< entryUUID, nsUniqueId or objectGUID, lower-case hex with hyphens; empty when the directory shows none
  std::set<std::string> groups;  ///< normalised DNs, nested ones included
  std::map<std::string, std::vector<std::string>> attributes;  ///< those asked for, by lower-case name; values are not judged
  bool is_service = false;                                     ///< the entry lies below service_base
  std::vector<keys::PublicKey> enrolled_keys;                  ///< sshPublicKey of a service account; values with options are left out
  std::optional<std::chrono::seconds> password_expires_in;     ///< warning of the directory
  std::optional<int> grace_log_ins;                            ///< log-ins left with an expired password
};

/// At which step a server failed us.
enum class DirectoryStage : std::uint8_t { configuration, connect, tls, service_bind, search, groups, user_bind, who_am_i };
std::string_view stage_name(DirectoryStage stage);

/// No answer, or one that may not be relied on (partial, malformed, ambiguous limits). Says nothing about the person.
struct DirectoryUnavailable {
  std::string server;  ///< the URL last tried
  DirectoryStage stage;
  std::string text;
};

enum class CredentialsFault : std::uint8_t {
  bad_name,          ///< the name has characters that we let through to no directory
  bad_password,      ///< empty, NUL-led, longer than max_password: refused before any directory saw it
  no_such_person,    ///< no entry
  ambiguous,         ///< more than one entry
  name_differs,      ///< the entry's name and the one given differ beyond case, or the entry has no usable name
  wrong_password,    ///< the directory refused the bind
  not_authenticated  ///< the bind succeeded but the directory then called us anonymous
};
std::string_view fault_name(CredentialsFault fault);

struct CredentialsRefused {
  CredentialsFault fault;
  std::string dn;          ///< of the entry, where one was found
  std::string entry_uuid;  ///< the key for throttles; empty where no entry was found
  std::string text;        ///< for our log
};

enum class AccountFault : std::uint8_t { locked, disabled, not_yet_active, expired, password_expired, must_change_password, unreadable };
std::string_view fault_name(AccountFault fault);

struct AccountRefused {
  AccountFault fault;
  std::string dn;
  std::string entry_uuid;
  std::string text;  ///< for our log: which attribute or control says so
};

/// Strangers get one answer for the last two; only the log and the audit line tell them apart.
using DirectoryError = std::variant<DirectoryUnavailable, CredentialsRefused, AccountRefused>;
template <class T>
using DirectoryResult = Result<T, DirectoryError>;

/// One line for the log; what a peer typed is escaped.
std::string describe(const DirectoryError& error);

/// Octets that a password may have.
inline constexpr std::size_t max_password = 1024;

}  // namespace gatehouse::ca
