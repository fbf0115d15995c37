#include "sshd/authorizer/decision.h"

#include <algorithm>
#include <charconv>

#include "protocol/auth/userauth.h"
#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "sshd/authorizer/principals_file.h"
#include "sshd/config/patterns.h"

namespace gatehouse::sshd {

namespace {

using keys::Certificate;
using keys::CertificateFields;

/// Nothing: go on.
using Objection = std::optional<Refusal>;

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string quoted(std::string_view text) { return "\"" + escaped(text, 128) + "\""; }

/// What is known while one request is judged.
struct Judgement {
  const AuthenticationRequest& request;
  const Trust& trust;
  const Settings& settings;
  std::uint64_t now;

  CertificateFacts facts;
  Grant grant;

  Refusal refuse(Reason reason, std::string detail) const { return {reason, std::move(detail), facts}; }
};

Objection check_sizes(const Judgement& at) {
  const AuthenticationRequest& request = at.request;
  if (request.public_key.size() > keys::max_certificate_blob || request.algorithm.size() > 64 || request.user.empty() ||
      request.user.size() > auth::max_user_name || (request.signature && request.signature->size() > auth::max_signature_blob)) {
    return at.refuse(Reason::malformed, "a field is empty or too long");
  }
  if (request.service != auth::connection_service) return at.refuse(Reason::malformed, "service " + quoted(request.service));
  return {};
}

/// The name decides before any octet of the key is parsed.
Result<keys::PublicKeyAlgorithm, Refusal> check_algorithm(const Judgement& at) {
  const std::string_view name = at.request.algorithm;
  const auto algorithm = keys::public_key_algorithm_by_name(name);
  if (!algorithm) return tl::unexpected(at.refuse(Reason::unsupported_algorithm, "algorithm " + quoted(name)));
  if (!algorithm->certificate) return tl::unexpected(at.refuse(Reason::no_certificate, "a plain key (" + std::string(name) + ")"));
  if (!contains(at.settings.pubkey_accepted_algorithms, name)) {
    return tl::unexpected(at.refuse(Reason::unsupported_algorithm, std::string(name) + " is not among PubkeyAcceptedAlgorithms"));
  }
  return *algorithm;
}

/// The trusted key whose octets the certificate names, or null. Nobody parses what the certificate has in that place: a certificate
/// there, however deep it nests, is no trusted key's blob.
const keys::PublicKey* find_ca(const std::vector<keys::PublicKey>& keys, Bytes blob) {
  const auto found = std::find_if(keys.begin(), keys.end(), [blob](const keys::PublicKey& each) { return equal(each.blob(), blob); });
  return found == keys.end() ? nullptr : &*found;
}

Objection check_ca(Judgement& at, const keys::CertificateEnvelope& envelope) {
  const keys::PublicKey* ca = find_ca(at.trust.trusted, envelope.signature_key);
  if (ca == nullptr) {
    ca = find_ca(at.trust.break_glass, envelope.signature_key);
    at.grant.break_glass = ca != nullptr;
  }
  if (ca == nullptr) return at.refuse(Reason::untrusted_ca, "signed by " + at.facts.ca_fingerprint + ", which is no trusted CA key");
  if (ca->type() == keys::KeyType::rsa && ca->bits() < at.settings.required_rsa_size) {
    return at.refuse(Reason::key_too_small, "the CA key has " + std::to_string(ca->bits()) + " bits, less than RequiredRSASize");
  }
  WireReader signature(envelope.signature);
  const std::string_view name = signature.text();
  const auto algorithm = keys::signature_by_name(name);
  if (!algorithm || !contains(at.settings.ca_signature_algorithms, name)) {
    return at.refuse(Reason::ca_algorithm, "the CA signed by " + quoted(name) + ", which is not among CASignatureAlgorithms");
  }
  if (!ca->verify(*algorithm, envelope.to_be_signed, envelope.signature)) {
    return at.refuse(Reason::untrusted_ca, "the signature is not that of CA " + at.facts.ca_fingerprint);
  }
  return {};
}

Objection check_time(const Judgement& at, const CertificateFields& fields) {
  if (at.now < fields.valid_after) {
    return at.refuse(Reason::not_yet_valid, "valid after " + std::to_string(fields.valid_after) + ", now is " + std::to_string(at.now));
  }
  if (at.now >= fields.valid_before) {
    return at.refuse(Reason::expired, "valid before " + std::to_string(fields.valid_before) + ", now is " + std::to_string(at.now));
  }
  // after <= now < before from here on, so the difference is a lifetime, also for 0 and 2^64-1.
  const seconds most = at.grant.break_glass && at.settings.break_glass_max_lifetime.count() > 0 ? at.settings.break_glass_max_lifetime
                                                                                                : at.settings.max_certificate_lifetime;
  const auto allowed = static_cast<std::uint64_t>(most.count());
  const std::uint64_t lifetime = fields.valid_before - fields.valid_after;
  if (lifetime > allowed + backdating_seconds) {
    return at.refuse(Reason::lifetime_exceeds_maximum,
                     "valid for " + std::to_string(lifetime) + " s, " + std::to_string(allowed) + " s and 5 minutes are allowed");
  }
  return {};
}

/// Without AuthorizedPrincipalsFile the user name must be a principal; with it, a principal must be listed in the file.
Objection check_principals(Judgement& at, const CertificateFields& fields, std::optional<PrincipalLine>& line) {
  if (fields.principals.empty()) return at.refuse(Reason::no_principals, "the certificate names nobody");
  if (at.settings.authorized_principals_file.empty()) {
    if (!contains(fields.principals, at.request.user)) {
      std::string names;
      for (const std::string& each : fields.principals) names += (names.empty() ? "" : ", ") + quoted(each);
      return at.refuse(Reason::principal_mismatch, quoted(at.request.user) + " is not among " + names.substr(0, 1024));
    }
    at.grant.principal = std::string(at.request.user);
    return {};
  }
  if (!at.request.principals_file) return at.refuse(Reason::principals_unavailable, "AuthorizedPrincipalsFile could not be read");
  const PrincipalsFile file = parse_principals_file(*at.request.principals_file);
  const auto found = std::find_if(file.lines.begin(), file.lines.end(),
                                  [&fields](const PrincipalLine& each) { return contains(fields.principals, each.principal); });
  if (found == file.lines.end()) {
    return at.refuse(Reason::principal_mismatch, "AuthorizedPrincipalsFile lists none of the certificate's principals" +
                                                     (file.notes.empty() ? "" : "; " + file.notes.front()));
  }
  line = *found;
  at.grant.principal = found->principal;
  return {};
}

Objection check_source(Judgement& at, const Certificate& certificate, const std::optional<PrincipalLine>& line) {
  if (const keys::CertificateOption* option = certificate.critical_option(keys::option::source_address)) {
    const auto list = keys::parse_source_address(option->value);
    if (!list) return at.refuse(Reason::source_address, "source-address: " + list.error().what);
    if (!keys::source_address_matches(option->value, at.request.address)) {
      return at.refuse(Reason::source_address, std::string(at.request.address) + " is not in " + escaped(option->value, 512));
    }
    at.grant.source_addresses = *list;
  }
  if (line && line->from) {
    const ListMatch by_address = address_list_matches(*line->from, at.request.address);
    if (by_address != ListMatch::yes) {
      return at.refuse(Reason::source_address, std::string(at.request.address) + " is not in from=\"" + escaped(*line->from, 512) +
                                                   "\" of AuthorizedPrincipalsFile");
    }
  }
  if (line && line->expiry_time && at.now >= *line->expiry_time) {
    return at.refuse(Reason::expired, "expiry-time of the line in AuthorizedPrincipalsFile is past");
  }
  return {};
}

Objection check_options(Judgement& at, const Certificate& certificate, const std::optional<PrincipalLine>& line) {
  for (const keys::CertificateOption& each : certificate.fields().critical_options) {
    if (each.name == keys::option::source_address) continue;
    if (each.name == keys::option::force_command) {
      at.grant.force_command = each.value;
      continue;
    }
    // verify-required too: it asks for a FIDO key, and those are not accepted here.
    return at.refuse(Reason::unknown_critical_option, quoted(each.name));
  }
  const auto permitted = [&certificate](std::string_view name) { return certificate.extension(name) != nullptr; };
  const Permits most = line ? line->permits : Permits{true, true, true, true, true};
  at.grant.permits.pty = most.pty && permitted(keys::extension::permit_pty);
  at.grant.permits.port_forwarding = most.port_forwarding && permitted(keys::extension::permit_port_forwarding);
  at.grant.permits.agent_forwarding = most.agent_forwarding && permitted(keys::extension::permit_agent_forwarding);
  at.grant.permits.x11_forwarding = most.x11_forwarding && permitted(keys::extension::permit_x11_forwarding);
  at.grant.permits.user_rc = most.user_rc && permitted(keys::extension::permit_user_rc);
  if (line && line->force_command) {
    if (at.grant.force_command && at.grant.force_command != line->force_command) {
      return at.refuse(Reason::forced_command_conflict, "certificate and AuthorizedPrincipalsFile force different commands");
    }
    at.grant.force_command = line->force_command;
  }
  if (const keys::CertificateOption* end = certificate.extension(keys::extension::session_end)) {
    std::uint64_t value = 0;
    const char* const last = end->value.data() + end->value.size();
    const auto [rest, error] = std::from_chars(end->value.data(), last, value);
    // Whoever reads no end there ends the session at valid-before, which is earlier.
    if (error == std::errc() && rest == last && !end->value.empty()) at.grant.session_end = value;
  }
  return {};
}

std::optional<std::string> revoked_by(const Certificate& certificate, const Trust& trust) {
  for (const auto& list : trust.revoked) {
    const std::string where = " by " + list->path;
    switch (list->list.check(certificate)) {
      case keys::Revocation::none:
        break;
      case keys::Revocation::key:
        return "the key is revoked" + where;
      case keys::Revocation::ca_key:
        return "the CA key is revoked" + where;
      case keys::Revocation::serial:
        return "serial " + std::to_string(certificate.fields().serial) + " is revoked" + where;
      case keys::Revocation::key_id:
        return "key id " + quoted(certificate.fields().key_id) + " is revoked" + where;
    }
  }
  return std::nullopt;
}

Objection check_revocation(const Judgement& at, const Certificate& certificate) {
  if (at.trust.krl_problem) return at.refuse(Reason::krl_unavailable, at.trust.krl_problem->line());
  if (auto revoked = revoked_by(certificate, at.trust)) return at.refuse(Reason::revoked, std::move(*revoked));
  return {};
}

Objection check_key(const Judgement& at, const keys::PublicKey& key) {
  if (key.type() == keys::KeyType::rsa && key.bits() < at.settings.required_rsa_size) {
    return at.refuse(Reason::key_too_small, std::to_string(key.bits()) + " bits, less than RequiredRSASize");
  }
  return {};
}

/// RFC 4252 section 7: over data that we build from what we hold ourselves. Only the algorithm's name and the key come from the peer, and
/// both were judged above.
bool user_signed(const Judgement& at, const Certificate& certificate, keys::SignatureAlgorithm algorithm) {
  auth::PublicKeyMethod method;
  method.algorithm = std::string(at.request.algorithm);
  method.key_blob = to_vector(at.request.public_key);
  if (at.request.host_bound) method.server_host_key = to_vector(at.request.host_key);
  const ByteVector data = auth::userauth_signed_data(at.request.session_id, at.request.user, at.request.service, method);
  return certificate.subject().verify(algorithm, data, *at.request.signature);
}

}  // namespace

Verdict decide(const AuthenticationRequest& request, const Trust& trust, const Settings& settings, std::uint64_t now) {
  Judgement at{request, trust, settings, now, {}, {}};
  if (auto no = check_sizes(at)) return *no;
  at.facts.fingerprint = keys::fingerprint_of(request.public_key);
  const auto algorithm = check_algorithm(at);
  if (!algorithm) return algorithm.error();
  if (trust.trust_problem) return at.refuse(Reason::trust_unavailable, trust.trust_problem->line());

  const auto envelope = keys::open_certificate(request.public_key);
  if (!envelope) return at.refuse(Reason::malformed, envelope.error().detail);
  at.facts.ca_fingerprint = keys::fingerprint_of(envelope->signature_key);
  if (envelope->subject_type != keys::key_type_of(algorithm->signature)) {
    return at.refuse(Reason::unsupported_algorithm, "algorithm " + quoted(request.algorithm) + " is not that of the certificate");
  }
  if (auto no = check_ca(at, *envelope)) return *no;

  // From here on a trusted CA vouches for what is read.
  const auto certificate = Certificate::parse(request.public_key);
  if (!certificate) return at.refuse(Reason::malformed, certificate.error().detail);
  const CertificateFields& fields = certificate->fields();
  at.facts.fingerprint = certificate->subject().fingerprint();
  at.facts.serial = fields.serial;
  at.facts.key_id = fields.key_id;
  if (fields.type != keys::CertificateType::user) return at.refuse(Reason::not_a_user_certificate, "a host certificate");

  std::optional<PrincipalLine> line;
  if (auto no = check_time(at, fields)) return *no;
  if (auto no = check_principals(at, fields, line)) return *no;
  if (auto no = check_source(at, *certificate, line)) return *no;
  if (auto no = check_options(at, *certificate, line)) return *no;
  if (auto no = check_revocation(at, *certificate)) return *no;
  if (auto no = check_key(at, certificate->subject())) return *no;
  if (request.signature && !user_signed(at, *certificate, algorithm->signature)) {
    return at.refuse(Reason::bad_signature, "the signature is not that of the certificate's key over this connection and request");
  }
  if (!request.account_exists || !auth::valid_user_name(request.user))
    return at.refuse(Reason::invalid_user, "no account " + quoted(request.user));
  if (!request.signature) return Acceptable{at.facts};

  at.grant.user = std::string(request.user);
  at.grant.certificate = at.facts;
  at.grant.key_type = std::string(keys::certificate_blob_name(envelope->subject_type));
  at.grant.ca_key_type = std::string(keys::key_blob_name(certificate->signature_key().type()));
  at.grant.signature_algorithm = std::string(keys::signature_name(algorithm->signature));
  at.grant.certificate_sha256 = crypto::hash(crypto::Digest::sha256, request.public_key);
  at.grant.valid_after = fields.valid_after;
  at.grant.valid_before = fields.valid_before;
  return at.grant;
}

std::optional<std::string> revoked_since(const Certificate& certificate, const Trust& trust) { return revoked_by(certificate, trust); }

}  // namespace gatehouse::sshd
