/// Who may have which certificate: policy.toml.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ca/directory/person.h"
#include "protocol/core/result.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::ca {

/// How a requester showed who he is.
enum class Proof : std::uint8_t { password, kerberos, enrolled_key, renewal };
/// "password", "kerberos", "enrolled-key", "renewal".
std::string_view proof_name(Proof proof);
std::optional<Proof> proof_by_name(std::string_view name);

using Seconds = std::chrono::seconds;
using UnixTime = std::chrono::sys_time<Seconds>;

/// How far a certificate begins before it was asked for, so that clocks may differ. MaxCertificateLifetime of servers allows for it.
inline constexpr Seconds back_dating{60};

/// [role.NAME]
struct Role {
  std::string name;
  std::vector<std::string> groups;                        ///< normalised DNs; any of them suffices
  std::vector<std::string> principals;                    ///< templates: "{uid}", "{ATTRIBUTE}", "db-{uid}", "deploy"
  std::set<std::string> allowed_principals;               ///< allow_principals: names that are forbidden otherwise ("root")
  Seconds lifetime{3600};                                 ///< when a request says nothing
  Seconds max_lifetime{3600};                             ///< at most; the default is lifetime
  Seconds session{12 * 3600};                             ///< how long renewals may go on
  std::vector<keys::CertificateOption> extensions;        ///< sorted by name
  std::vector<keys::CertificateOption> critical_options;  ///< sorted by name; cannot be dropped
  std::set<keys::KeyType> key_types;
  std::optional<std::set<Proof>>
      authenticators;  ///< unset: password, kerberos and renewal; for service accounts password, kerberos and enrolled-key
  bool reason_required = false;
  std::string issuer;  ///< the user CA key to sign with (its URI's object label); empty: the CA's first
};

/// [host_role.NAME]
struct HostRole {
  std::string name;
  std::vector<std::string> groups;  ///< normalised DNs of the groups whose members may ask
  std::vector<std::string> names;   ///< patterns, lower-case; * stands for characters of one label
  Seconds lifetime{30 * 24 * 3600};
  Seconds max_lifetime{30 * 24 * 3600};
  std::set<keys::KeyType> key_types;
  std::set<Proof> authenticators;
  std::string issuer;
};

/// A session that goes on: copied from the ledger, never from a request.
struct Session {
  std::string id;
  UnixTime start;
  UnixTime end;
  std::string role;
  /// What the certificate says that is renewed: what its request had narrowed stays narrowed.
  std::vector<std::string> principals{};  ///< empty: not narrowed
  std::optional<Seconds> lifetime{};      ///< unset: not narrowed
};

/// How long a certificate of ours is good for, back-dating not counted.
Seconds lifetime_of(const keys::CertificateFields& fields);

/// What somebody asks for. It may narrow the role and never widen it.
struct UserRequest {
  std::string role;                     ///< empty: the first in the file that he has and that accepts his proof
  std::vector<std::string> principals;  ///< empty: all of the role's
  std::optional<Seconds> lifetime;      ///< unset: the role's; longer than max_lifetime is refused
  std::string reason;
  keys::KeyType key_type = keys::KeyType::ed25519;
  Proof proof = Proof::password;
  std::optional<Session> renewed;  ///< with proof renewal
};

struct HostRequest {
  std::string role;
  std::vector<std::string> names;  ///< at least one
  std::optional<Seconds> lifetime;
  keys::KeyType key_type = keys::KeyType::ed25519;
  Proof proof = Proof::password;
};

/// What the certificate will say. `fields` has type, principals, times, options and extensions (session-end@gatehouse included); serial and
/// key id are the issuer's to fill in.
struct IssueDecision {
  std::string role;
  keys::CertificateFields fields;
  UnixTime session_start;  ///< user certificates
  UnixTime session_end;
  std::string issuer;
  std::string policy_hash;
};

enum class PolicyFault : std::uint8_t {
  no_role,       ///< in no group of any role
  role_not_his,  ///< the role asked for exists not, or not for him (one answer for both)
  proof_not_enough,
  key_type,
  principal,  ///< one asked for is not the role's, or the role yields none, or one that is forbidden or malformed
  lifetime,
  reason_missing,
  session_ended,
  host_name,
};
/// "no_role", …: a fixed word for problem documents and audit lines.
std::string_view fault_name(PolicyFault fault);

struct PolicyRefusal {
  PolicyFault fault;
  std::string text;  ///< for the requester and the log; escaped
};
template <class T>
using PolicyResult = Result<T, PolicyRefusal>;

/// One reading of the file; immutable.
class Policy {
 public:
  /// @error Problem with "FILE line N" and the mend: TOML, an unknown table or key, a DN that is none, an empty list, …
  static Result<Policy> parse(std::string_view text, const std::string& file);
  static Result<Policy> load(const std::string& file);

  PolicyResult<IssueDecision> decide(const Person& person, const UserRequest& request, UnixTime now) const;
  PolicyResult<IssueDecision> decide(const Person& person, const HostRequest& request, UnixTime now) const;
  bool is_admin(const Person& person) const;
  /// The roles whose groups hold the person, in the order of the file.
  std::vector<const Role*> roles_of(const Person& person) const;

  /// Attributes that templates name, for Directory's questions; lower-case, without the name itself.
  const std::vector<std::string>& attributes_wanted() const { return attributes_; }
  /// SHA-256 of the file, lower-case hex.
  const std::string& hash() const { return hash_; }
  const std::vector<Role>& roles() const { return roles_; }
  const std::vector<HostRole>& host_roles() const { return host_roles_; }

 private:
  std::vector<Role> roles_;           ///< in the order of the file
  std::vector<HostRole> host_roles_;  ///< in the order of the file
  std::set<std::string> admin_groups_;
  std::vector<std::string> attributes_;
  std::string hash_;
};

/// A principal that we would write into any certificate: 1 to 128 of a-z A-Z 0-9 . _ - @ : +, beginning with a letter, a digit or _, and a
/// $ at the end at most. So no comma, space, quote, asterisk, slash or control octet.
bool is_acceptable_principal(std::string_view name);
/// A host name or address as a principal: 1 to 253 of a-z 0-9 . - :, no empty label in a name.
bool is_acceptable_host_name(std::string_view name);

}  // namespace gatehouse::ca
