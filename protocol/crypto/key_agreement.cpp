#include "protocol/crypto/key_agreement.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {

namespace {

struct Row {
  KexMethod method;
  std::string_view name;
  Digest digest;
  SharedSecretEncoding encoding;
  const char* curve;       // OpenSSL's name; null for X25519
  std::size_t share_size;  // octets of a public share: the only length accepted
};
constexpr std::array<Row, 5> rows{{
    {KexMethod::curve25519_sha256, "curve25519-sha256", Digest::sha256, SharedSecretEncoding::mpint, nullptr, 32},
    {KexMethod::curve25519_sha256_libssh, "curve25519-sha256@libssh.org", Digest::sha256, SharedSecretEncoding::mpint, nullptr, 32},
    {KexMethod::ecdh_nistp256, "ecdh-sha2-nistp256", Digest::sha256, SharedSecretEncoding::mpint, "P-256", 65},
    {KexMethod::ecdh_nistp384, "ecdh-sha2-nistp384", Digest::sha384, SharedSecretEncoding::mpint, "P-384", 97},
    {KexMethod::ecdh_nistp521, "ecdh-sha2-nistp521", Digest::sha512, SharedSecretEncoding::mpint, "P-521", 133},
}};

const Row& row(KexMethod method) {
  for (const Row& candidate : rows) {
    if (candidate.method == method) return candidate;
  }
  std::abort();
}

EvpPkey generate(const Row& how) {
  return or_abort(
      EvpPkey(how.curve == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519") : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", how.curve)));
}

ByteVector share_of(const Row& how, const EVP_PKEY* key) {
  ByteVector share(how.share_size);
  std::size_t size = share.size();
  const int done = how.curve == nullptr ? EVP_PKEY_get_raw_public_key(key, share.data(), &size)
                                        : EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, share.data(), share.size(), &size);
  if (done != 1 || size != share.size()) std::abort();
  return share;
}

/// The peer's share as a key; null when it is none.
EvpPkey peer_key(const Row& how, Bytes share) {
  if (share.size() != how.share_size) return nullptr;
  if (how.curve == nullptr) return EvpPkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, share.data(), share.size()));
  // RFC 5656 section 4: compressed points MAY be used; nobody does. The length rules out the point at infinity, one octet of zero.
  if (share[0] != 0x04) return nullptr;
  const ParamBuilder builder = or_abort(ParamBuilder(OSSL_PARAM_BLD_new()));
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, how.curve, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, share.data(), share.size()) != 1) {
    std::abort();
  }
  const Params params = or_abort(Params(OSSL_PARAM_BLD_to_param(builder.get())));
  const EvpPkeyCtx context = or_abort(EvpPkeyCtx(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1) std::abort();
  // Refuses a point that is not on the curve; the NIST curves have cofactor 1, so that is all there is to check.
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  return EvpPkey(key);
}

ProtocolResult<SecretBytes> agree(const Row& how, EVP_PKEY* own, Bytes peer_share) {
  const DiscardErrors discard;
  const EvpPkey peer = peer_key(how, peer_share);
  if (!peer) return violation(Violation::bad_key_share, "not a public key of the method's group");
  const EvpPkeyCtx context = or_abort(EvpPkeyCtx(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr)));
  std::size_t size = 0;
  if (EVP_PKEY_derive_init(context.get()) != 1) std::abort();
  if (EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 || EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    return violation(Violation::bad_key_share, "not a public key of the method's group");
  }
  SecretBytes secret(size);
  // RFC 8731 section 3: the all-zero check of RFC 7748 section 6 MUST abort; OpenSSL makes it here, and we make sure of it.
  if (EVP_PKEY_derive(context.get(), secret.fill().data(), &size) != 1 || size != secret.size() ||
      equal_in_constant_time(secret.reveal(), SecretBytes(size).reveal())) {
    return violation(Violation::bad_key_share, "the shared secret is zero");
  }
  return secret;
}

}  // namespace

std::string_view kex_method_name(KexMethod method) { return row(method).name; }

std::optional<KexMethod> kex_method_by_name(std::string_view name) {
  for (const Row& candidate : rows) {
    if (candidate.name == name) return candidate.method;
  }
  return std::nullopt;
}

std::span<const KexMethod> all_kex_methods() {
  static constexpr std::array<KexMethod, rows.size()> all = [] {
    std::array<KexMethod, rows.size()> methods{};
    for (std::size_t i = 0; i < rows.size(); ++i) methods[i] = rows[i].method;
    return methods;
  }();
  return all;
}

Digest kex_digest(KexMethod method) { return row(method).digest; }

SharedSecretEncoding shared_secret_encoding(KexMethod method) { return row(method).encoding; }

SecretBytes encode_shared_secret(KexMethod method, const SecretBytes& shared_secret) {
  Bytes octets = shared_secret.reveal();
  bool sign_octet = false;
  if (shared_secret_encoding(method) == SharedSecretEncoding::mpint) {
    while (!octets.empty() && octets.front() == 0) octets = octets.subspan(1);
    sign_octet = !octets.empty() && octets.front() >= 0x80;
  }
  const std::size_t length = octets.size() + (sign_octet ? 1 : 0);
  SecretBytes encoded(4 + length);
  const std::span<std::uint8_t> out = encoded.fill();
  out[0] = static_cast<std::uint8_t>(length >> 24);
  out[1] = static_cast<std::uint8_t>(length >> 16);
  out[2] = static_cast<std::uint8_t>(length >> 8);
  out[3] = static_cast<std::uint8_t>(length);
  std::copy(octets.begin(), octets.end(), out.subspan(4 + (sign_octet ? 1 : 0)).begin());
  return encoded;
}

struct KeyAgreement::Content {
  KexMethod method;
  EvpPkey key;
  ByteVector share;
};

KeyAgreement::KeyAgreement(std::unique_ptr<Content> content) : content_(std::move(content)) {}
KeyAgreement::KeyAgreement(KeyAgreement&&) noexcept = default;
KeyAgreement& KeyAgreement::operator=(KeyAgreement&&) noexcept = default;
KeyAgreement::~KeyAgreement() = default;

KeyAgreement KeyAgreement::start(KexMethod method) {
  EvpPkey key = generate(row(method));
  ByteVector share = share_of(row(method), key.get());
  return KeyAgreement(std::make_unique<Content>(Content{method, std::move(key), std::move(share)}));
}

KexMethod KeyAgreement::method() const { return content_->method; }

Bytes KeyAgreement::share() const { return content_->share; }

ProtocolResult<SecretBytes> KeyAgreement::finish(Bytes server_share) && {
  const std::unique_ptr<Content> content = std::move(content_);
  return agree(row(content->method), content->key.get(), server_share);
}

ProtocolResult<KeyAgreementAnswer> answer_key_agreement(KexMethod method, Bytes client_share) {
  const Row& how = row(method);
  const EvpPkey key = generate(how);
  ProtocolResult<SecretBytes> shared_secret = agree(how, key.get(), client_share);
  if (!shared_secret) return tl::unexpected(shared_secret.error());
  return KeyAgreementAnswer{share_of(how, key.get()), std::move(*shared_secret)};
}

}  // namespace gatehouse::crypto
