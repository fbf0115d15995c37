#include "ca/issue/token.h"

#include <algorithm>

#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

constexpr std::chrono::seconds keys_live{5};
constexpr std::size_t max_idle = 32;

Refusal token_refusal(std::string reason, const std::string& words, std::string detail) {
  return {{ProblemType::token_unavailable, words + "; nothing was issued", {}, std::chrono::seconds(5)},
          std::move(reason),
          std::move(detail),
          false};
}

}  // namespace

std::vector<std::string> KeyUris::all() const {
  std::vector<std::string> uris;
  const auto add = [&uris](const std::string& uri) {
    if (!uri.empty() && std::find(uris.begin(), uris.end(), uri) == uris.end()) uris.push_back(uri);
  };
  for (const std::string& uri : user_ca) add(uri);
  for (const std::string& uri : host_ca) add(uri);
  add(trust);
  add(krl);
  return uris;
}

Refusal refusal_of(const pkcs11::SignerFault& fault) {
  using enum pkcs11::FaultKind;
  switch (fault.kind) {
    case refused:
    case bad_request:
      return {{ProblemType::signing_refused,
               "the signer's limits do not allow this signature; its administrators must look at its log",
               {},
               {}},
              "signer_refused",
              fault.detail,
              false};
    case token_away:
      return token_refusal("token_away", "the token of the CA is away", fault.detail);
    case pin_rejected:
      return token_refusal("pin_rejected", "the token of the CA refuses the PIN", fault.detail);
    case key_missing:
      return token_refusal("key_missing", "a key of the CA is not on the token", fault.detail);
    case busy:
      return token_refusal("token_busy", "the token of the CA is busy", fault.detail);
    case failed:
      return token_refusal("token_failed", "the token of the CA failed to sign", fault.detail);
    case unreachable:
      return token_refusal("signer_unreachable", "the signer of the CA does not answer", fault.detail);
  }
  return token_refusal("token_failed", "the token of the CA failed", fault.detail);
}

/// Gives the client back when the question is over; one whose connection broke connects again by itself.
class Token::Borrowed {
 public:
  explicit Borrowed(Token& owner) : owner_(owner), client_(owner.borrow()) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { owner_.give_back(std::move(client_)); }
  pkcs11::SignerClient* operator->() const { return client_.get(); }

 private:
  Token& owner_;
  std::unique_ptr<pkcs11::SignerClient> client_;
};

std::unique_ptr<pkcs11::SignerClient> Token::borrow() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<pkcs11::SignerClient>(socket_);
  auto client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

void Token::give_back(std::unique_ptr<pkcs11::SignerClient> client) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < max_idle) idle_.push_back(std::move(client));
}

void Token::forget_keys() {
  const std::lock_guard lock(mutex_);
  keys_.reset();
}

Judged<std::shared_ptr<const CaKeys>> Token::keys() {
  {
    const std::lock_guard lock(mutex_);
    if (keys_ && Clock::now() - read_at_ < keys_live) return keys_;
  }
  auto fresh = read_keys();
  if (!fresh) return fresh;
  const std::lock_guard lock(mutex_);
  keys_ = *fresh;
  read_at_ = Clock::now();
  return fresh;
}

Judged<std::shared_ptr<const CaKeys>> Token::read_keys() {
  const auto found = Borrowed(*this)->list_keys();
  if (!found) return tl::unexpected(refusal_of(found.error()));
  std::string missing;
  const auto find = [&](const std::string& uri) -> std::optional<CaKey> {
    for (const pkcs11::RemoteKey& candidate : *found) {
      if (candidate.uri == uri) return CaKey{candidate.label, candidate.key};
    }
    if (missing.empty()) missing = uri;
    return std::nullopt;
  };
  std::vector<CaKey> user_ca;
  std::vector<CaKey> host_ca;
  for (const std::string& uri : uris_.user_ca) {
    if (auto key = find(uri)) user_ca.push_back(std::move(*key));
  }
  for (const std::string& uri : uris_.host_ca) {
    if (auto key = find(uri)) host_ca.push_back(std::move(*key));
  }
  auto trust = find(uris_.trust);
  auto krl = find(uris_.krl);
  if (!missing.empty()) {
    const auto health = Borrowed(*this)->health();
    const std::string why = health ? std::string(pkcs11::rung_name(health->rung)) + " " + health->detail : health.error().detail;
    if (health && health->rung == pkcs11::Rung::pin_rejected) {
      return tl::unexpected(refusal_of(pkcs11::SignerFault{pkcs11::FaultKind::pin_rejected, why}));
    }
    if (!health || !health->serving()) return tl::unexpected(refusal_of(pkcs11::SignerFault{pkcs11::FaultKind::token_away, why}));
    return tl::unexpected(refusal_of(pkcs11::SignerFault{pkcs11::FaultKind::key_missing, missing}));
  }
  return std::make_shared<const CaKeys>(CaKeys{std::move(user_ca), std::move(host_ca), std::move(*trust), std::move(*krl)});
}

Judged<ByteVector> Token::sign_certificate(const keys::PublicKey& key, Bytes to_be_signed) {
  const auto algorithm = keys::preferred_signature(key.type());
  auto signature = Borrowed(*this)->sign_certificate(key.blob(), algorithm, to_be_signed);
  if (!signature) {
    forget_keys();
    return tl::unexpected(refusal_of(signature.error()));
  }
  if (!key.verify(algorithm, to_be_signed, *signature)) {
    return tl::unexpected(
        token_refusal("bad_signature", "the token of the CA made a signature that is wrong", "signature does not verify"));
  }
  return std::move(*signature);
}

Judged<ByteVector> Token::sign_document(const keys::PublicKey& key, std::string_view name_space, Bytes message) {
  const auto algorithm = keys::preferred_signature(key.type());
  const auto signature = Borrowed(*this)->sign_sshsig(key.blob(), algorithm, name_space, message);
  if (!signature) {
    forget_keys();
    return tl::unexpected(refusal_of(signature.error()));
  }
  if (!key.verify(algorithm, keys::sshsig_to_be_signed(name_space, message), *signature)) {
    return tl::unexpected(
        token_refusal("bad_signature", "the token of the CA made a signature that is wrong", "signature does not verify"));
  }
  return keys::sshsig_blob(key.blob(), name_space, *signature);
}

Token::Health Token::health() {
  const auto health = Borrowed(*this)->health();
  if (!health) return {false, refusal_of(health.error()).document.detail};
  std::string words(pkcs11::rung_name(health->rung));
  bool up = health->serving();
  for (const pkcs11::KeyHealth& key : health->keys) {
    if (key.found || !health->serving()) continue;
    up = false;
    words += "; key " + key.uri + ": " + key.trouble;
  }
  if (!health->detail.empty()) words += ": " + health->detail;
  return {up, words};
}

}  // namespace gatehouse::ca
