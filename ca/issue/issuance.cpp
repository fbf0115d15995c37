#include "ca/issue/issuance.h"

#include <algorithm>

#include "daemon/log.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/random.h"

namespace gatehouse::ca {
namespace {

constexpr int max_draws = 4;
constexpr std::size_t nonce_octets = 32;

LedgerTime ledger_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

Intent intent_of(const Order& order, const keys::PublicKey& ca_key) {
  Intent intent;
  intent.request_id = order.request_id;
  intent.fields = order.decision.fields;
  intent.fields.key_id = key_id(order);
  intent.ca_key = to_vector(ca_key.blob());
  intent.subject_key = to_vector(order.subject.blob());
  intent.nonce = order.nonce;
  intent.session_id = order.session_id.empty() ? order.request_id : order.session_id;
  intent.session_start = order.decision.session_start;
  intent.session_end = order.decision.session_end;
  intent.proofs = {std::string(proof_name(order.proof))};
  intent.role = order.decision.role;
  intent.policy_hash = order.decision.policy_hash;
  intent.reason = order.reason;
  intent.requester_name = order.requester.name;
  intent.requester_dn = order.requester.dn;
  intent.requester_uuid = order.requester.entry_uuid;
  intent.source_address = order.source_address;
  return intent;
}

/// What the policy guarantees, asked again where it matters: a certificate without principals or end is good for anyone, for ever.
bool is_bounded(const keys::CertificateFields& fields) {
  return !fields.principals.empty() && fields.principals.size() <= keys::max_principals && fields.valid_after < fields.valid_before &&
         fields.valid_before != keys::forever;
}

CertificateAnswer answer_of(const Intent& intent, const keys::Certificate& certificate) {
  CertificateAnswer answer;
  answer.certificate = certificate.line(intent.fields.key_id);
  answer.request_id = intent.request_id;
  answer.serial = intent.fields.serial;
  answer.key_id = intent.fields.key_id;
  answer.role = intent.role;
  answer.principals = intent.fields.principals;
  answer.valid_after = intent.fields.valid_after;
  answer.valid_before = intent.fields.valid_before;
  if (certificate.extension(keys::extension::session_end) != nullptr) {
    answer.session_end = static_cast<std::uint64_t>(intent.session_end.time_since_epoch().count());
  }
  return answer;
}

}  // namespace

std::uint64_t random_serial() {
  for (;;) {
    if (const std::uint64_t serial = crypto::random_uint64(); serial != 0) return serial;
  }
}

std::string random_request_id() { return hex(crypto::random_bytes(10)); }

std::string key_id(const Order& order) {
  const auto& fields = order.decision.fields;
  const std::string tail = " role=" + order.decision.role + " req=" + order.request_id;
  const std::string proof = " proof=" + std::string(proof_name(order.proof));
  if (fields.type == keys::CertificateType::host) return "host=" + fields.principals.front() + tail + " by=" + order.requester.name + proof;
  return "user=" + order.requester.name + tail + proof;
}

Judged<keys::PublicKey> Issuance::signing_key(const IssueDecision& decision) {
  const auto all = token_.keys();
  if (!all) return tl::unexpected(all.error());
  const bool host = decision.fields.type == keys::CertificateType::host;
  const std::vector<CaKey>& candidates = host ? (*all)->host_ca : (*all)->user_ca;
  const auto chosen = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const CaKey& candidate) { return decision.issuer.empty() || candidate.label == decision.issuer; });
  if (chosen == candidates.end()) {
    return refuse(ProblemType::internal, "unknown_issuer",
                  "the policy names the CA key \"" + decision.issuer + "\", and there is none of that label");
  }
  return chosen->key;
}

Judged<CertificateAnswer> Issuance::issue(const Order& order, UnixTime now) {
  if (!is_bounded(order.decision.fields)) return refuse(ProblemType::internal, "unbounded", "the policy yields no principal or no end");
  const auto ca_key = signing_key(order.decision);
  if (!ca_key) return tl::unexpected(ca_key.error());
  Intent intent = intent_of(order, *ca_key);
  ByteVector to_be_signed;
  for (int draw = 1;; ++draw) {
    intent.fields.serial = random_serial();
    to_be_signed = keys::certificate_to_be_signed(order.subject, intent.fields, crypto::random_bytes(nonce_octets), *ca_key);
    intent.to_be_signed_sha256 = crypto::hash(crypto::Digest::sha256, to_be_signed);
    intent.time = ledger_now();
    const auto recorded = ledger_.record(intent);
    if (recorded) break;
    if (recorded.error().fault != LedgerFault::serial_taken || draw == max_draws) return tl::unexpected(refusal_of(recorded.error()));
  }
  const auto blob = sign_and_assemble(*ca_key, intent, to_be_signed);
  if (!blob) {
    if (const auto noted = ledger_.record(Failed{intent.request_id, blob.error().reason, ledger_now()}); !noted) {
      log::warning("request {}: no signature, and the ledger took no note of that: {}", intent.request_id, noted.error().text);
    }
    return tl::unexpected(blob.error());
  }
  // Whoever parses this next is a stranger: it must say what was decided, by our own parser and the CA's public key.
  const auto certificate = keys::Certificate::parse(*blob);
  if (!certificate || !certificate->verify_signature() || certificate->fields().serial != intent.fields.serial ||
      !(certificate->subject() == order.subject) ||
      certificate->fields().valid_before <= static_cast<std::uint64_t>(now.time_since_epoch().count())) {
    return refuse(ProblemType::internal, "bad_certificate", "the certificate that was made is not the one that was meant");
  }
  if (const auto recorded = ledger_.record(Issued{intent.request_id, *blob, ledger_now()}); !recorded) {
    return tl::unexpected(refusal_of(recorded.error()));
  }
  return answer_of(intent, *certificate);
}

Judged<ByteVector> Issuance::sign_and_assemble(const keys::PublicKey& ca_key, const Intent& intent, Bytes to_be_signed) {
  const auto signature = token_.sign_certificate(ca_key, to_be_signed);
  if (!signature) {
    log::warning("request {}: {}", intent.request_id, signature.error().detail);
    return tl::unexpected(signature.error());
  }
  return keys::assemble_certificate(to_be_signed, *signature);
}

}  // namespace gatehouse::ca
