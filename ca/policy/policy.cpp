#include "ca/policy/policy.h"

#include <algorithm>
#include <cstdlib>

#include "ca/policy/policy_reader.h"
#include "ca/policy/principals.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::ca {

std::string_view proof_name(Proof proof) {
  using enum Proof;
  switch (proof) {
    case password:
      return "password";
    case kerberos:
      return "kerberos";
    case enrolled_key:
      return "enrolled-key";
    case renewal:
      return "renewal";
  }
  std::abort();
}

std::optional<Proof> proof_by_name(std::string_view name) {
  for (const Proof proof : {Proof::password, Proof::kerberos, Proof::enrolled_key, Proof::renewal}) {
    if (name == proof_name(proof)) return proof;
  }
  return std::nullopt;
}

std::string_view fault_name(PolicyFault fault) {
  using enum PolicyFault;
  switch (fault) {
    case no_role:
      return "no_role";
    case role_not_his:
      return "role_not_his";
    case proof_not_enough:
      return "proof_not_enough";
    case key_type:
      return "key_type";
    case principal:
      return "principal";
    case lifetime:
      return "lifetime";
    case reason_missing:
      return "reason_missing";
    case session_ended:
      return "session_ended";
    case host_name:
      return "host_name";
  }
  std::abort();
}

namespace {

tl::unexpected<PolicyRefusal> refuse(PolicyFault fault, std::string text) {
  return tl::unexpected<PolicyRefusal>(PolicyRefusal{fault, std::move(text)});
}

bool holds(const std::vector<std::string>& groups, const Person& person) {
  return std::any_of(groups.begin(), groups.end(), [&](const std::string& group) { return person.groups.count(group) != 0; });
}

bool suffices(const Role& role, const Person& person, Proof proof) {
  // Whatever a role says: a key in the directory speaks for a service account and never for a person.
  if (proof == Proof::enrolled_key && !person.is_service) return false;
  if (role.authenticators) return role.authenticators->count(proof) != 0;
  // A service account proves itself anew for each certificate.
  return person.is_service ? proof != Proof::renewal : proof != Proof::enrolled_key;
}

std::uint64_t unix_seconds(UnixTime time) { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.time_since_epoch().count())); }

// All that the role yields for this person. A value that is no principal makes the whole role useless rather than smaller: whoever put it
// there must look.
PolicyResult<std::vector<std::string>> principals_of(const Role& role, const Person& person) {
  std::vector<std::string> out;
  for (const auto& text : role.principals) {
    const auto parsed = PrincipalTemplate::parse(text);
    if (!parsed) return refuse(PolicyFault::principal, parsed.error().what);
    for (auto& name : parsed->filled_in(person)) {
      if (!is_acceptable_principal(name)) {
        return refuse(PolicyFault::principal,
                      "role " + role.name + ": " + text + " yields \"" + escaped(name) + "\", which is no principal");
      }
      if (is_forbidden_principal(name) && role.allowed_principals.count(name) == 0) {
        return refuse(PolicyFault::principal,
                      "role " + role.name + ": " + text + " yields \"" + name + "\", which allow_principals does not list");
      }
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
    }
  }
  if (out.empty()) return refuse(PolicyFault::principal, "role " + role.name + " yields no principal for " + person.name);
  if (out.size() > keys::max_principals) return refuse(PolicyFault::principal, "role " + role.name + " yields too many principals");
  return out;
}

PolicyResult<std::vector<std::string>> narrowed(std::vector<std::string> all, const std::vector<std::string>& wanted, const Role& role) {
  if (wanted.empty()) return all;
  std::vector<std::string> out;
  for (const auto& name : wanted) {
    if (std::find(all.begin(), all.end(), name) == all.end()) {
      return refuse(PolicyFault::principal, "\"" + escaped(name) + "\" is no principal of role " + role.name);
    }
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

PolicyResult<Seconds> lifetime_of(const std::optional<Seconds>& wanted, Seconds usual, Seconds longest, const std::string& role) {
  const Seconds lifetime = wanted.value_or(usual);
  if (lifetime <= Seconds(0)) return refuse(PolicyFault::lifetime, "a lifetime of nothing");
  if (lifetime > longest) {
    return refuse(PolicyFault::lifetime,
                  std::to_string(lifetime.count()) + " s are longer than the " + std::to_string(longest.count()) + " s of role " + role);
  }
  return lifetime;
}

}  // namespace

Result<Policy> Policy::parse(std::string_view text, const std::string& file) {
  auto read = read_policy(text, file);
  if (!read) return tl::unexpected(read.error());
  Policy policy;
  policy.roles_ = std::move(read->roles);
  policy.host_roles_ = std::move(read->host_roles);
  policy.admin_groups_ = std::move(read->admin_groups);
  policy.hash_ = hex(crypto::hash(crypto::Digest::sha256, as_bytes(text)));
  std::set<std::string> attributes;
  for (const auto& role : policy.roles_) {
    for (const auto& principal : role.principals) {
      const auto parsed = PrincipalTemplate::parse(principal);
      if (parsed && !parsed->attribute().empty()) attributes.insert(parsed->attribute());
    }
  }
  policy.attributes_.assign(attributes.begin(), attributes.end());
  return policy;
}

std::vector<const Role*> Policy::roles_of(const Person& person) const {
  std::vector<const Role*> out;
  for (const auto& role : roles_) {
    if (holds(role.groups, person)) out.push_back(&role);
  }
  return out;
}

Seconds lifetime_of(const keys::CertificateFields& fields) { return Seconds(fields.valid_before - fields.valid_after) - back_dating; }

bool Policy::is_admin(const Person& person) const {
  return std::any_of(admin_groups_.begin(), admin_groups_.end(), [&](const std::string& group) { return person.groups.count(group) != 0; });
}

PolicyResult<IssueDecision> Policy::decide(const Person& person, const UserRequest& request, UnixTime now) const {
  const auto mine = roles_of(person);
  if (mine.empty()) return refuse(PolicyFault::no_role, person.name + " is in no group of any role");
  if (request.proof == Proof::renewal && !request.renewed) return refuse(PolicyFault::session_ended, "a renewal without a session");
  // A renewal goes on with the role that its session began with.
  const std::string& wanted = request.proof == Proof::renewal ? request.renewed->role : request.role;
  if (request.proof == Proof::renewal && !request.role.empty() && request.role != wanted) {
    return refuse(PolicyFault::role_not_his, "a renewal stays in its role");
  }
  const Role* role = nullptr;
  if (wanted.empty()) {
    const auto found = std::find_if(mine.begin(), mine.end(), [&](const Role* r) { return suffices(*r, person, request.proof); });
    if (found == mine.end()) {
      return refuse(PolicyFault::proof_not_enough, "no role of " + person.name + " accepts " + std::string(proof_name(request.proof)));
    }
    role = *found;
  } else {
    const auto found = std::find_if(mine.begin(), mine.end(), [&](const Role* r) { return r->name == wanted; });
    if (found == mine.end()) return refuse(PolicyFault::role_not_his, person.name + " does not have role \"" + escaped(wanted) + "\"");
    role = *found;
    if (!suffices(*role, person, request.proof)) {
      return refuse(PolicyFault::proof_not_enough, "role " + role->name + " does not accept " + std::string(proof_name(request.proof)));
    }
  }
  if (role->key_types.count(request.key_type) == 0) {
    return refuse(PolicyFault::key_type,
                  "role " + role->name + " takes no key of type " + std::string(keys::key_blob_name(request.key_type)));
  }
  if (role->reason_required && request.reason.empty()) return refuse(PolicyFault::reason_missing, "role " + role->name + " needs a reason");

  auto all = principals_of(*role, person);
  if (!all) return tl::unexpected(all.error());
  if (request.renewed && !request.renewed->principals.empty()) {
    const auto& before = request.renewed->principals;
    std::erase_if(*all, [&](const std::string& name) { return std::find(before.begin(), before.end(), name) == before.end(); });
    if (all->empty()) return refuse(PolicyFault::principal, "role " + role->name + " no longer has a principal of this session");
  }
  auto principals = narrowed(std::move(*all), request.principals, *role);
  if (!principals) return tl::unexpected(principals.error());
  auto lifetime = lifetime_of(request.lifetime, role->lifetime, role->max_lifetime, role->name);
  if (!lifetime) return tl::unexpected(lifetime.error());
  if (request.renewed && request.renewed->lifetime) *lifetime = std::min(*lifetime, *request.renewed->lifetime);

  IssueDecision decision;
  decision.role = role->name;
  decision.issuer = role->issuer;
  decision.policy_hash = hash_;
  decision.session_start = request.renewed ? request.renewed->start : now;
  decision.session_end = decision.session_start + role->session;
  // The session's end is the ledger's word; a policy that has become stricter since may only bring it nearer.
  if (request.renewed) decision.session_end = std::min(decision.session_end, request.renewed->end);
  if (decision.session_end <= now) return refuse(PolicyFault::session_ended, "the session has ended: log in again");

  auto& fields = decision.fields;
  fields.type = keys::CertificateType::user;
  fields.principals = std::move(*principals);
  fields.valid_after = unix_seconds(now - back_dating);
  fields.valid_before = unix_seconds(std::min(now + *lifetime, decision.session_end));
  fields.critical_options = role->critical_options;
  fields.extensions = role->extensions;
  fields.extensions.push_back({std::string(keys::extension::session_end), std::to_string(unix_seconds(decision.session_end)), true});
  std::sort(fields.extensions.begin(), fields.extensions.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return decision;
}

PolicyResult<IssueDecision> Policy::decide(const Person& person, const HostRequest& request, UnixTime now) const {
  const HostRole* role = nullptr;
  bool any = false;
  for (const auto& candidate : host_roles_) {
    if (!holds(candidate.groups, person)) continue;
    any = true;
    if (request.role.empty() ? candidate.authenticators.count(request.proof) != 0 : candidate.name == request.role) {
      role = &candidate;
      break;
    }
  }
  if (!any) return refuse(PolicyFault::no_role, person.name + " is in no group of any host role");
  if (role == nullptr && request.role.empty()) {
    return refuse(PolicyFault::proof_not_enough, "no host role of " + person.name + " accepts " + std::string(proof_name(request.proof)));
  }
  if (role == nullptr) return refuse(PolicyFault::role_not_his, person.name + " does not have host role \"" + escaped(request.role) + "\"");
  const bool service_only = request.proof == Proof::enrolled_key && !person.is_service;
  if (service_only || role->authenticators.count(request.proof) == 0) {
    return refuse(PolicyFault::proof_not_enough, "host role " + role->name + " does not accept " + std::string(proof_name(request.proof)));
  }
  if (role->key_types.count(request.key_type) == 0) {
    return refuse(PolicyFault::key_type,
                  "host role " + role->name + " takes no key of type " + std::string(keys::key_blob_name(request.key_type)));
  }
  if (request.names.empty()) return refuse(PolicyFault::host_name, "no host name: the certificate would be good for every host");
  if (request.names.size() > keys::max_principals) return refuse(PolicyFault::host_name, "too many host names");
  IssueDecision decision;
  auto& fields = decision.fields;
  for (const auto& name : request.names) {
    if (!is_acceptable_host_name(name)) return refuse(PolicyFault::host_name, "\"" + escaped(name) + "\" is no host name in lower case");
    const bool allowed =
        std::any_of(role->names.begin(), role->names.end(), [&](const std::string& p) { return host_name_matches(p, name); });
    if (!allowed) return refuse(PolicyFault::host_name, "host role " + role->name + " does not cover \"" + name + "\"");
    if (std::find(fields.principals.begin(), fields.principals.end(), name) == fields.principals.end()) fields.principals.push_back(name);
  }
  const auto lifetime = lifetime_of(request.lifetime, role->lifetime, role->max_lifetime, role->name);
  if (!lifetime) return tl::unexpected(lifetime.error());
  decision.role = role->name;
  decision.issuer = role->issuer;
  decision.policy_hash = hash_;
  decision.session_start = now;
  decision.session_end = now + *lifetime;
  fields.type = keys::CertificateType::host;
  fields.valid_after = unix_seconds(now - back_dating);
  fields.valid_before = unix_seconds(decision.session_end);
  return decision;
}

}  // namespace gatehouse::ca
