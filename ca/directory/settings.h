/// How to reach the directory: table [directory] of the CA's configuration. docs/directory.md explains each key.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse::ca {

/// Whose dialect the directory speaks: which object classes are groups and which attributes hold the state of an account.
enum class DirectoryKind : std::uint8_t { openldap, ds389, active_directory };
/// "openldap", "389ds", "ad".
std::optional<DirectoryKind> directory_kind_by_name(std::string_view name);

/// Where membership is read.
enum class GroupLookup : std::uint8_t {
  search,     ///< groups that name the person: member, uniqueMember, memberUid, and gidNumber of the person's primary group
  member_of,  ///< the person's memberOf; nesting above it is still searched. Only where nobody can write his own memberOf
};
/// "search", "memberof".
std::optional<GroupLookup> group_lookup_by_name(std::string_view name);

struct DirectorySettings {
  using Milliseconds = std::chrono::milliseconds;

  DirectoryKind kind = DirectoryKind::openldap;
  /// "ldaps://HOST[:PORT]", or "ldap://HOST[:PORT]" with StartTLS demanded; in order of preference. HOST must be in the server's
  /// certificate; for localhost libldap demands the machine's own host name there, so write 127.0.0.1.
  std::vector<std::string> urls;
  /// For ldap://. Unset: true, but for loopback without a ca_file. False is accepted for loopback only.
  std::optional<bool> start_tls;
  std::string ca_file;  ///< PEM; empty: the system's certificates
  std::string base;
  std::string bind_dn;  ///< the service account; empty: search anonymously
  std::string
      bind_password_file;  ///< regular file of root or of our own account, no bits for group and others; read again at each connection

  std::string
      user_filter;  ///< {user} is replaced, escaped. Empty: "(uid={user})", for AD "(&(objectCategory=person)(sAMAccountName={user}))"
  std::string name_attribute;     ///< whose value is the person's name. Empty: "uid", for AD "sAMAccountName"
  bool lower_case_names = false;  ///< names are lowered after they were compared with the entry
  std::string user_base;          ///< empty: base
  std::string service_base;       ///< enrolled keys (sshPublicKey) count for entries below this DN only; empty: for none

  std::string group_base;  ///< empty: base
  GroupLookup group_lookup = GroupLookup::search;
  bool nested_groups = true;
  unsigned max_group_depth = 64;  ///< nested deeper: refused, never cut off
  unsigned max_groups = 2000;     ///< more: refused, never cut off

  std::string default_password_policy;  ///< DN of the ppolicy entry for accounts without pwdPolicySubentry; empty: none is read

  Milliseconds connect_timeout{3000};  ///< TCP, and again TLS
  Milliseconds bind_timeout{5000};
  Milliseconds search_timeout{5000};
  Milliseconds total_timeout{15000};  ///< for all of one question, over all servers
  unsigned max_idle_connections = 8;
};

/// Everything that can be known to be wrong without asking a server, and the empty fields filled in.
/// @error Problem with the key as `where` ("[directory] urls") and what to write instead
Result<DirectorySettings> checked(DirectorySettings settings);

}  // namespace gatehouse::ca
