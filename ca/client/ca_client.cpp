#include "ca/client/ca_client.h"

#include <algorithm>

#include "ca/api/credentials.h"
#include "ca/api/json.h"
#include "ca/api/request.h"
#include "ca/client/https_connection.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

namespace name_space = keys::sshsig_namespace;
using Kind = ClientError::Kind;

tl::unexpected<ClientError> error(Kind kind, Problem what) {
  ClientError error;
  error.kind = kind;
  error.problem = std::move(what);
  error.try_again_later = kind == Kind::unreachable;
  return tl::unexpected<ClientError>(std::move(error));
}
tl::unexpected<ClientError> bad_answer(std::string what) { return error(Kind::bad_answer, {std::move(what), "answer of the CA", {}}); }

/// The CA's refusal.
ClientError refusal_of(const HttpAnswer& answer) {
  ClientError refusal;
  refusal.kind = Kind::refused;
  refusal.try_again_later = answer.status == 429 || answer.status == 503;
  if (const auto seconds = parse_decimal(answer.retry_after)) {
    refusal.retry_after = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  }
  const auto document = parse_problem_document(answer.body);
  if (!document) {
    refusal.problem = {"HTTP status " + std::to_string(answer.status), "CA", {}};
    return refusal;
  }
  refusal.type = document->type;
  refusal.request_id = document->request_id;
  refusal.problem = {std::string(problem_title(document->type)) + ": " + document->detail, "CA", {}};
  if (!document->request_id.empty()) refusal.problem.mend = "request " + document->request_id;
  return refusal;
}

std::string_view possession_namespace(Action action) {
  return action == Action::host_certificate ? name_space::host : name_space::possession;
}

/// It is what was asked for, and says what the answer says.
std::optional<std::string> fault_of(const CertificateAnswer& answer, keys::CertificateType type, const keys::PublicKey& subject) {
  const auto certificate = keys::Certificate::parse_line(answer.certificate);
  if (!certificate) return "the certificate is malformed: " + certificate.error().what;
  const auto& fields = certificate->fields();
  if (fields.type != type) return "the certificate is of the wrong type";
  if (!(certificate->subject() == subject)) return "the certificate is for another key";
  if (!certificate->verify_signature()) return "the certificate's signature is wrong";
  if (fields.serial != answer.serial || fields.valid_before != answer.valid_before || fields.principals != answer.principals) {
    return "the certificate differs from what the CA says of it";
  }
  return std::nullopt;
}

}  // namespace

class CaClient::Impl {
 public:
  Impl(Settings settings, HttpsConnection connection) : settings_(std::move(settings)), connection_(std::move(connection)) {}

  using Deadline = HttpsConnection::Deadline;
  Deadline deadline(std::chrono::seconds longer = {}) const { return std::chrono::steady_clock::now() + settings_.timeout + longer; }

  /// A GET may be asked twice: when the CA closed the connection just then, it is.
  ClientResult<HttpAnswer> get(const HttpCall& call, Deadline until) {
    for (int attempt = 1;; ++attempt) {
      if (auto connected = connection_.connect(until); !connected) return error(Kind::unreachable, connected.error());
      auto answer = connection_.call(call, until);
      if (answer) return std::move(*answer);
      if (attempt == 2) return error(Kind::unreachable, answer.error());
    }
  }

  ClientResult<NonceAnswer> nonce(Deadline until) {
    const auto answer = get({"GET", "/v1/nonces", {}, nullptr, {}}, until);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status != 200) return tl::unexpected(refusal_of(*answer));
    auto nonce = parse_nonce_answer(answer->body);
    if (!nonce) return bad_answer(nonce.error().what);
    return std::move(*nonce);
  }

  /// Nonce, signatures, POST, all over one connection, whose channel binding the request names.
  ClientResult<HttpAnswer> post(const std::string& target, SignedRequest request, const Identity& identity, keys::Signer* subject) {
    const Deadline until = deadline();
    const auto fresh = nonce(until);
    if (!fresh) return tl::unexpected(fresh.error());
    if (!settings_.ca_id.empty() && fresh->audience != settings_.ca_id) {
      return error(Kind::bad_answer,
                   {"the CA calls itself \"" + escaped(fresh->audience) + "\" and not \"" + settings_.ca_id + "\"", "CA", {}});
    }
    if (auto connected = connection_.connect(until); !connected) return error(Kind::unreachable, connected.error());
    request.audience = fresh->audience;
    request.nonce = fresh->nonce;
    if (auto channel = connection_.channel(); !channel.empty()) request.channel = std::move(channel);
    Envelope envelope;
    SecretBytes authorization;
    if (const auto* key = std::get_if<KeyIdentity>(&identity); key != nullptr && request.action == Action::user_certificate) {
      request.account = key->account;
    }
    envelope.request = write_signed_request(request);
    if (subject != nullptr) {
      auto possession = keys::sshsig_sign(*subject, possession_namespace(request.action), envelope.request);
      if (!possession) return error(Kind::own_side, possession.error());
      envelope.possession = std::move(*possession);
    }
    if (const auto* password = std::get_if<PasswordIdentity>(&identity)) {
      authorization = basic_authorization(password->user, *password->password);
    } else {
      auto proof = identity_signature(request.action, identity, envelope.request);
      if (!proof) return tl::unexpected(proof.error());
      envelope.identity = std::move(*proof);
    }
    auto answer = connection_.call({"POST", target, {}, authorization.empty() ? nullptr : &authorization, write_envelope(envelope)}, until);
    if (!answer) return error(Kind::unreachable, answer.error());
    if (answer->status != 200 && answer->status != 201) return tl::unexpected(refusal_of(*answer));
    return std::move(*answer);
  }

  ClientResult<CertificateAnswer> certificate(SignedRequest request, const CertificateWish& wish, const Identity& identity,
                                              keys::Signer& subject) {
    const bool host = request.action == Action::host_certificate;
    request.public_key = subject.public_key();
    if (!wish.role.empty()) request.role = wish.role;
    request.principals = wish.principals;
    request.lifetime = wish.lifetime;
    if (!wish.reason.empty()) request.reason = wish.reason;
    const auto answer = post(host ? "/v1/certificates/host" : "/v1/certificates/user", std::move(request), identity, &subject);
    if (!answer) return tl::unexpected(answer.error());
    auto issued = parse_certificate_answer(answer->body);
    if (!issued) return bad_answer(issued.error().what);
    const auto type = host ? keys::CertificateType::host : keys::CertificateType::user;
    if (const auto fault = fault_of(*issued, type, subject.public_key())) return bad_answer(*fault);
    return std::move(*issued);
  }

  ClientResult<std::optional<SignedDocument>> document(HttpCall call, std::chrono::seconds wait) {
    auto answer = get(call, deadline(wait));
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == 304) return std::optional<SignedDocument>();
    if (answer->status != 200) return tl::unexpected(refusal_of(*answer));
    auto signature = unbase64(answer->signature);
    if (!signature || signature->empty()) return bad_answer("the header Gatehouse-Signature is missing or no base64");
    return std::optional<SignedDocument>(SignedDocument{to_vector(as_bytes(answer->body)), std::move(*signature), answer->etag});
  }

 private:
  ClientResult<ByteVector> identity_signature(Action action, const Identity& identity, Bytes octets) {
    const std::string_view purpose = action == Action::revoke ? name_space::admin : name_space::identity;
    Result<ByteVector> blob = problem("no identity");
    if (const auto* key = std::get_if<KeyIdentity>(&identity)) {
      blob = keys::sshsig_sign(*key->key, purpose, octets);
    } else if (const auto* current = std::get_if<CertificateIdentity>(&identity)) {
      const auto algorithm = keys::preferred_signature(current->key->public_key().type());
      const auto signature = current->key->sign(algorithm, keys::sshsig_to_be_signed(purpose, octets));
      if (!signature) return error(Kind::own_side, signature.error());
      blob = keys::sshsig_blob(current->certificate->blob(), purpose, *signature);
    }
    if (!blob) return error(Kind::own_side, blob.error());
    return std::move(*blob);
  }

  Settings settings_;
  HttpsConnection connection_;
};

CaClient::CaClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CaClient::CaClient(CaClient&&) noexcept = default;
CaClient& CaClient::operator=(CaClient&&) noexcept = default;
CaClient::~CaClient() = default;

Result<CaClient> CaClient::open(Settings settings) {
  auto address = parse_ca_url(settings.url);
  if (!address) return tl::unexpected(address.error());
  auto connection = HttpsConnection::open(std::move(*address), settings.ca_file);
  if (!connection) return tl::unexpected(connection.error());
  return CaClient(std::make_unique<Impl>(std::move(settings), std::move(*connection)));
}

ClientResult<CertificateAnswer> CaClient::user_certificate(const CertificateWish& wish, const Identity& identity, keys::Signer& subject) {
  SignedRequest request;
  request.action = Action::user_certificate;
  return impl_->certificate(std::move(request), wish, identity, subject);
}

ClientResult<CertificateAnswer> CaClient::renew(const keys::Certificate& current, keys::Signer& subject, const CertificateWish& wish) {
  return user_certificate(wish, CertificateIdentity{&current, &subject}, subject);
}

ClientResult<CertificateAnswer> CaClient::host_certificate(const CertificateWish& wish, const Identity& identity, keys::Signer& host_key) {
  SignedRequest request;
  request.action = Action::host_certificate;
  return impl_->certificate(std::move(request), wish, identity, host_key);
}

ClientResult<RevocationAnswer> CaClient::revoke(const RevocationWish& wish, const Identity& identity) {
  SignedRequest request;
  request.action = Action::revoke;
  request.serials = wish.serials;
  request.key_ids = wish.key_ids;
  request.keys = wish.keys;
  if (!wish.reason.empty()) request.reason = wish.reason;
  const auto answer = impl_->post("/v1/revocations", std::move(request), identity, nullptr);
  if (!answer) return tl::unexpected(answer.error());
  auto done = parse_revocation_answer(answer->body);
  if (!done) return bad_answer(done.error().what);
  return std::move(*done);
}

ClientResult<SignedDocument> CaClient::trust() {
  auto document = impl_->document({"GET", "/v1/trust", {}, nullptr, {}}, {});
  if (!document) return tl::unexpected(document.error());
  if (!*document) return bad_answer("\"not modified\" to a question without a condition");
  return std::move(**document);
}

ClientResult<std::optional<SignedDocument>> CaClient::krl(const std::string& known_etag, std::chrono::seconds wait) {
  const std::string query = wait.count() > 0 ? "?wait=" + std::to_string(wait.count()) : "";
  return impl_->document({"GET", "/v1/krl" + query, known_etag, nullptr, {}}, wait);
}

ClientResult<HealthAnswer> CaClient::health() {
  const auto answer = impl_->get({"GET", "/healthz", {}, nullptr, {}}, impl_->deadline());
  if (!answer) return tl::unexpected(answer.error());
  if (answer->content_type.find("problem") != std::string::npos) return tl::unexpected(refusal_of(*answer));
  auto health = parse_health_answer(answer->body);
  if (!health) return bad_answer(health.error().what);
  return std::move(*health);
}

ClientResult<NonceAnswer> CaClient::nonce() { return impl_->nonce(impl_->deadline()); }

Result<void> verify_document(const SignedDocument& document, std::string_view purpose, const std::vector<std::string>& pinned) {
  const auto signature = keys::parse_sshsig(document.signature);
  if (!signature) return problem("the signature of the document is malformed", "answer of the CA");
  const auto key = keys::sshsig_verify(*signature, purpose, document.content);
  if (!key) return problem("the signature does not fit the document", "answer of the CA");
  if (std::find(pinned.begin(), pinned.end(), key->fingerprint()) == pinned.end()) {
    return problem("the document is signed by " + key->fingerprint() + ", which is not pinned", "answer of the CA",
                   "if the CA's administrators confirm this key, pin it");
  }
  return {};
}

}  // namespace gatehouse::ca
