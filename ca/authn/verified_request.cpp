#include "ca/authn/verified_request.h"

#include "protocol/keys/certificate.h"

namespace gatehouse::ca {
namespace {

namespace name_space = keys::sshsig_namespace;

/// Which signature shows that the subject key is there; a revocation certifies no key.
std::optional<std::string_view> possession_namespace(Action action) {
  switch (action) {
    case Action::user_certificate:
      return name_space::possession;
    case Action::host_certificate:
      return name_space::host;
    case Action::revoke:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string_view identity_namespace(Action action) { return action == Action::revoke ? name_space::admin : name_space::identity; }

Judged<std::optional<keys::PublicKey>> verify_possession(const AskSigned& ask) {
  const auto wanted = possession_namespace(ask.action);
  if (!wanted) {
    if (!ask.envelope.possession.empty()) return refuse(ProblemType::malformed, "malformed", "possession has no place in a revocation");
    return std::optional<keys::PublicKey>();
  }
  if (ask.envelope.possession.empty()) {
    return refuse(ProblemType::possession_not_proven, "no_possession",
                  "member \"possession\" is missing: sign the request with the subject key in namespace " + std::string(*wanted));
  }
  const auto signature = keys::parse_sshsig(ask.envelope.possession);
  if (!signature) return refuse(ProblemType::malformed, "malformed", "possession: not an SSH signature");
  if (!keys::PublicKey::parse(signature->public_key_blob) && !keys::open_certificate(signature->public_key_blob)) {
    return refuse(ProblemType::unsupported_key, "unsupported_key", "possession: keys of this type or size get no certificate");
  }
  auto key = keys::sshsig_verify(*signature, *wanted, ask.envelope.request);
  if (!key) {
    return refuse(ProblemType::possession_not_proven, "bad_possession",
                  "possession: not a signature over these octets in namespace " + std::string(*wanted));
  }
  return std::optional<keys::PublicKey>(std::move(*key));
}

Judged<void> check_subject(const keys::PublicKey& key) {
  if (key.type() == keys::KeyType::rsa && (key.bits() < min_subject_rsa_bits || key.bits() > max_subject_rsa_bits)) {
    return refuse(ProblemType::unsupported_key, "unsupported_key",
                  "RSA keys must have " + std::to_string(min_subject_rsa_bits) + " to " + std::to_string(max_subject_rsa_bits) +
                      " bits, this one has " + std::to_string(key.bits()));
  }
  return {};
}

}  // namespace

Judged<VerifiedRequest> verify_request(const AskSigned& ask, const std::string& audience, const NonceMint& nonces, NonceMint::Time now) {
  const auto possessor = verify_possession(ask);
  if (!possessor) return tl::unexpected(possessor.error());
  VerifiedRequest verified;
  if (!ask.envelope.identity.empty()) {
    auto signature = keys::parse_sshsig(ask.envelope.identity);
    if (!signature) return refuse(ProblemType::malformed, "malformed", "identity: not an SSH signature");
    const auto key = keys::sshsig_verify(*signature, identity_namespace(ask.action), ask.envelope.request);
    if (!key) return refuse_credentials("bad_identity_signature", "identity: not a signature over these octets in the namespace for it");
    verified.identity = std::move(*signature);
    verified.identity_key = to_vector(key->blob());
  }
  auto request = parse_signed_request(ask.envelope.request);
  if (!request) return refuse(ProblemType::malformed, "malformed", request.error().line());
  if (request->action != ask.action) {
    return refuse(ProblemType::malformed, "malformed", "the action of the request is not the one of this address");
  }
  if (request->audience != audience) {
    return refuse(ProblemType::wrong_audience, "wrong_audience",
                  "the request is for \"" + escaped(request->audience) + "\", this is " + audience);
  }
  if (request->channel && !equal_in_constant_time(*request->channel, ask.caller.channel)) {
    return refuse(ProblemType::malformed, "wrong_channel", "the request was made for another TLS connection");
  }
  switch (nonces.judge(request->nonce, now)) {
    case NonceMint::Verdict::good:
      break;
    case NonceMint::Verdict::expired:
      return refuse(ProblemType::bad_nonce, "expired_nonce", "the nonce has expired: ask for a new one");
    case NonceMint::Verdict::not_ours:
      return refuse(ProblemType::bad_nonce, "unknown_nonce", "the nonce is none of this CA's");
  }
  if (*possessor) {
    if (!(*request->public_key == **possessor)) {
      return refuse(ProblemType::possession_not_proven, "bad_possession", "possession is signed by another key than public_key");
    }
    if (auto fit = check_subject(**possessor); !fit) return tl::unexpected(fit.error());
  }
  verified.request = std::move(*request);
  return verified;
}

}  // namespace gatehouse::ca
