#include "ca/authn/authenticator.h"

#include <algorithm>

namespace gatehouse::ca {
namespace {

std::uint64_t unix_seconds(UnixTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

/// The name in the directory may have gone to somebody else since.
bool same_entry(const Person& person, const Intent& intent) {
  if (!person.entry_uuid.empty() && !intent.requester_uuid.empty()) return person.entry_uuid == intent.requester_uuid;
  return person.dn == intent.requester_dn;
}

}  // namespace

Refusal refusal_of(const DirectoryError& error) {
  if (std::holds_alternative<DirectoryUnavailable>(error)) {
    return {{ProblemType::directory_unavailable,
             "the directory (LDAP) does not answer as it should; nothing was issued",
             {},
             std::chrono::seconds(5)},
            "directory_unavailable",
            describe(error),
            false};
  }
  std::string reason = std::holds_alternative<CredentialsRefused>(error)
                           ? std::string(fault_name(std::get<CredentialsRefused>(error).fault))
                           : "account_" + std::string(fault_name(std::get<AccountRefused>(error).fault));
  return refuse_credentials(std::move(reason), describe(error)).value();
}

Refusal refusal_of(const LedgerError& error) {
  if (error.fault == LedgerFault::unavailable) {
    return {{ProblemType::ledger_unavailable, "the ledger cannot be read or written; nothing was issued", {}, std::chrono::seconds(5)},
            std::string(fault_name(error.fault)),
            error.text,
            false};
  }
  if (error.fault == LedgerFault::nonce_used) {
    return {{ProblemType::bad_nonce, "the nonce was used before: ask for a new one", {}, {}},
            std::string(fault_name(error.fault)),
            error.text,
            false};
  }
  return {{ProblemType::internal, "the ledger refused the row", {}, {}}, std::string(fault_name(error.fault)), error.text, false};
}

Judged<Identified> Authenticator::identify(const VerifiedRequest& verified, const std::optional<Password>& password,
                                           std::span<const std::string> attributes, UnixTime now) const {
  if (password && verified.identity) {
    return refuse(ProblemType::malformed, "malformed", "give either a password or an identity signature, not both");
  }
  if (password) return by_password(verified.request, *password, attributes);
  if (!verified.identity) return refuse_credentials("no_credentials", "neither a password nor an identity signature");
  const bool plain_key = equal(verified.identity->public_key_blob, verified.identity_key);
  return plain_key ? by_enrolled_key(verified, attributes) : by_certificate(verified, attributes, now);
}

Judged<Identified> Authenticator::by_password(const SignedRequest& request, const Password& password,
                                              std::span<const std::string> attributes) const {
  if (request.account && *request.account != password.user) {
    return refuse(ProblemType::malformed, "malformed", "member \"account\" and the name with the password differ");
  }
  auto person = parts_.directory->log_in(password.user, password.secret, attributes);
  if (!person) return tl::unexpected(refusal_of(person.error()));
  return Identified{std::move(*person), Proof::password, std::nullopt};
}

Judged<Identified> Authenticator::by_enrolled_key(const VerifiedRequest& verified, std::span<const std::string> attributes) const {
  if (!verified.request.account) {
    return refuse(ProblemType::malformed, "malformed", "member \"account\" is missing: whose key made the identity signature?");
  }
  auto person = parts_.directory->look_up(*verified.request.account, attributes);
  if (!person) return tl::unexpected(refusal_of(person.error()));
  const auto is_it = [&](const keys::PublicKey& key) { return equal(key.blob(), verified.identity_key); };
  if (!person->is_service)
    return refuse_credentials("not_a_service_account", person->dn + " is not below service_base: enrolled keys do not count");
  if (std::none_of(person->enrolled_keys.begin(), person->enrolled_keys.end(), is_it)) {
    return refuse_credentials("key_not_enrolled", "the key is not among the enrolled keys of " + person->dn);
  }
  return Identified{std::move(*person), Proof::enrolled_key, std::nullopt};
}

/// A certificate of ours: which CA signed is looked at before anything else in it is.
Judged<keys::Certificate> Authenticator::presented_certificate(const VerifiedRequest& verified) const {
  const Bytes blob = verified.identity->public_key_blob;
  const auto envelope = keys::open_certificate(blob);
  if (!envelope) return refuse_credentials("malformed_certificate", "identity: " + envelope.error().detail);
  const auto ours = parts_.user_ca_keys();
  if (!ours) return tl::unexpected(ours.error());
  const auto signer =
      std::find_if(ours->begin(), ours->end(), [&](const keys::PublicKey& key) { return equal(key.blob(), envelope->signature_key); });
  if (signer == ours->end() || !signer->verify_any(envelope->to_be_signed, envelope->signature)) {
    return refuse_credentials("untrusted_ca", "identity: the certificate is not signed by a user CA key of ours");
  }
  auto certificate = keys::Certificate::parse(blob);
  if (!certificate) return refuse_credentials("malformed_certificate", "identity: " + certificate.error().detail);
  if (certificate->fields().type != keys::CertificateType::user) {
    return refuse_credentials("not_a_user_certificate", "identity: a host certificate identifies nobody");
  }
  return std::move(*certificate);
}

Judged<Identified> Authenticator::by_certificate(const VerifiedRequest& verified, std::span<const std::string> attributes,
                                                 UnixTime now) const {
  const auto certificate = presented_certificate(verified);
  if (!certificate) return tl::unexpected(certificate.error());
  const auto& fields = certificate->fields();
  // A new key needs a new log-in: who can use the old key for a moment (a forwarded agent) must not get one for a key of his own.
  if (verified.request.public_key && !(*verified.request.public_key == certificate->subject())) {
    return refuse_credentials("other_subject_key", "a renewal is for the certificate's own key");
  }
  const bool ended = fields.valid_before <= unix_seconds(now);
  const bool renewal = verified.request.action != Action::revoke;
  if (ended && !(renewal && renew_after_end_)) return refuse_credentials("expired_certificate", "identity: the certificate has ended");
  const auto record = parts_.ledger->find_serial(fields.serial);
  if (!record) return tl::unexpected(refusal_of(record.error()));
  if (!*record || !(*record)->issued || !equal((*record)->issued->certificate, certificate->blob())) {
    return refuse_credentials("not_in_the_ledger", "identity: the ledger has no such certificate");
  }
  const auto revoked = parts_.revoked(*certificate);
  if (!revoked) return tl::unexpected(revoked.error());
  if (*revoked) return refuse_credentials("revoked", "identity: the certificate is revoked");
  const Intent& intent = (*record)->intent;
  // Who revokes one certificate means the session: the ones before it are for the same key and could be renewed just as well.
  const auto session_revoked = parts_.ledger->session_is_revoked(intent.session_id);
  if (!session_revoked) return tl::unexpected(refusal_of(session_revoked.error()));
  if (*session_revoked) return refuse_credentials("revoked", "identity: a certificate of the session is revoked");
  if (renewal && intent.session_end <= now) {
    return refuse(ProblemType::session_ended, "session_ended", "the session has ended: log in again");
  }
  auto person = parts_.directory->look_up(intent.requester_name, attributes);
  if (!person) return tl::unexpected(refusal_of(person.error()));
  if (!same_entry(*person, intent)) {
    return refuse_credentials("another_entry", "the name " + intent.requester_name + " belongs to another entry now: " + person->dn);
  }
  Session session{intent.session_id, intent.session_start, intent.session_end, intent.role, intent.fields.principals, {}};
  session.lifetime = lifetime_of(intent.fields);
  return Identified{std::move(*person), Proof::renewal, std::move(session)};
}

}  // namespace gatehouse::ca
