#include "protocol/keys/private_key.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdlib>

#include "protocol/keys/secret_writer.h"

namespace gatehouse::keys {

namespace {

constexpr std::size_t ed25519_size = 32;

const char* openssl_curve(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
      return "P-256";
    case KeyType::ecdsa_p384:
      return "P-384";
    case KeyType::ecdsa_p521:
      return "P-521";
    case KeyType::ed25519:
    case KeyType::rsa:
      return nullptr;
  }
  std::abort();
}

/// In a secure BIGNUM, so that OpenSSL wipes its copies too.
crypto::BigNum secret_number(Bytes magnitude) {
  crypto::BigNum number = crypto::or_abort(crypto::BigNum(BN_secure_new()));
  if (BN_bin2bn(magnitude.data(), static_cast<int>(magnitude.size()), number.get()) == nullptr) std::abort();
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

SecretBytes octets_of(const BIGNUM* number) {
  SecretBytes octets(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, octets.fill().data());
  return octets;
}

SecretBytes number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) std::abort();
  return octets_of(crypto::BigNum(number).get());
}

ByteVector public_point(const EVP_PKEY* key) {
  ByteVector point(133);  // 04 and two P-521 coordinates
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1) std::abort();
  point.resize(size);
  return point;
}

/// @return null when OpenSSL refuses the values
crypto::EvpPkey key_pair_from(const char* algorithm, const crypto::ParamBuilder& builder) {
  const crypto::DiscardErrors discard;
  const crypto::Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const crypto::EvpPkeyCtx context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return crypto::EvpPkey(made);
}

void push(const crypto::ParamBuilder& builder, const char* name, const crypto::BigNum& number) {
  if (OSSL_PARAM_BLD_push_BN(builder.get(), name, number.get()) != 1) std::abort();
}

/// Raw r‖s of a DER ECDSA-Sig-Value, halves as long as the curve's coordinates.
ByteVector halves_of_der(Bytes der, std::size_t field_size) {
  const std::uint8_t* in = der.data();
  const crypto::EcdsaSig signature = crypto::or_abort(crypto::EcdsaSig(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size()))));
  ByteVector raw(2 * field_size);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), static_cast<int>(field_size)) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + field_size, static_cast<int>(field_size)) < 0) {
    std::abort();
  }
  return raw;
}

}  // namespace

PrivateKey::PrivateKey(crypto::EvpPkey key, PublicKey public_key) : key_(std::move(key)), public_key_(std::move(public_key)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

PrivateKey PrivateKey::generate(KeyType type, int rsa_bits) {
  if (type == KeyType::ed25519) {
    crypto::EvpPkey key = crypto::or_abort(crypto::EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")));
    std::array<std::uint8_t, ed25519_size> octets{};
    std::size_t size = octets.size();
    if (EVP_PKEY_get_raw_public_key(key.get(), octets.data(), &size) != 1) std::abort();
    return {std::move(key), PublicKey::from_ed25519(octets).value()};
  }
  if (type == KeyType::rsa) {
    crypto::EvpPkey key = crypto::or_abort(crypto::EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits))));
    const SecretBytes e = number_of(key.get(), OSSL_PKEY_PARAM_RSA_E);
    const SecretBytes n = number_of(key.get(), OSSL_PKEY_PARAM_RSA_N);
    return {std::move(key), PublicKey::from_rsa(e.reveal(), n.reveal()).value()};
  }
  crypto::EvpPkey key = crypto::or_abort(crypto::EvpPkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", openssl_curve(type))));
  const ByteVector point = public_point(key.get());
  return {std::move(key), PublicKey::from_ecdsa(type, point).value()};
}

ProtocolResult<PrivateKey> PrivateKey::from_ed25519(Bytes public_octets, Bytes private_octets) {
  ProtocolResult<PublicKey> public_key = PublicKey::from_ed25519(public_octets);
  if (!public_key) return tl::unexpected(public_key.error());
  // The private field is the 32 octet seed of RFC 8032 and the public key once more.
  if (private_octets.size() != 2 * ed25519_size) return violation(Violation::bad_encoding, "Ed25519 private key: wrong length");
  crypto::EvpPkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, private_octets.data(), ed25519_size));
  std::array<std::uint8_t, ed25519_size> derived{};
  std::size_t size = derived.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), derived.data(), &size) != 1 || !equal(derived, public_octets) ||
      !equal(private_octets.subspan(ed25519_size), public_octets)) {
    return violation(Violation::bad_encoding, "Ed25519 private key: does not belong to its public key");
  }
  return PrivateKey(std::move(key), std::move(*public_key));
}

ProtocolResult<PrivateKey> PrivateKey::from_ecdsa(const PublicKey& public_key, Bytes scalar) {
  const crypto::DiscardErrors discard;
  WireReader blob(public_key.blob());
  blob.string();
  blob.string();
  const Bytes point = blob.string();
  const crypto::BigNum number = secret_number(scalar);
  const crypto::ParamBuilder builder = crypto::or_abort(crypto::ParamBuilder(OSSL_PARAM_BLD_new()));
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, openssl_curve(public_key.type()), 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    std::abort();
  }
  push(builder, OSSL_PKEY_PARAM_PRIV_KEY, number);
  crypto::EvpPkey key = key_pair_from("EC", builder);
  const crypto::EvpPkeyCtx check(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
  if (!check || EVP_PKEY_check(check.get()) != 1) {
    return violation(Violation::bad_encoding, "ECDSA private key: does not belong to its public key");
  }
  return PrivateKey(std::move(key), public_key);
}

ProtocolResult<PrivateKey> PrivateKey::from_rsa(const PublicKey& public_key, const RsaNumbers& numbers) {
  WireReader blob(public_key.blob());
  blob.string();
  const crypto::BigNum e = secret_number(blob.mpint());
  const crypto::BigNum n = secret_number(blob.mpint());
  // Bounds first: what follows costs time that grows with the numbers.
  const std::size_t limit = static_cast<std::size_t>(public_key.bits() + 7) / 8;
  for (const Bytes number : {numbers.d, numbers.iqmp, numbers.p, numbers.q}) {
    if (number.empty() || number.size() > limit) return violation(Violation::bad_encoding, "RSA private key: number out of bounds");
  }
  const crypto::BigNum d = secret_number(numbers.d);
  const crypto::BigNum iqmp = secret_number(numbers.iqmp);
  const crypto::BigNum p = secret_number(numbers.p);
  const crypto::BigNum q = secret_number(numbers.q);
  const std::unique_ptr<BN_CTX, crypto::FreeWith<BN_CTX_free>> work(BN_CTX_secure_new());
  const crypto::BigNum product = secret_number({});
  const crypto::BigNum p_less_one = secret_number({});
  const crypto::BigNum q_less_one = secret_number({});
  const crypto::BigNum dmp1 = secret_number({});
  const crypto::BigNum dmq1 = secret_number({});
  if (!work || BN_mul(product.get(), p.get(), q.get(), work.get()) != 1) std::abort();
  const bool factors = BN_cmp(product.get(), n.get()) == 0 && !BN_is_one(p.get()) && !BN_is_one(q.get());
  // OpenSSL would go the slow way round a wrong coefficient and sign correctly; a file that lies is refused all the same.
  if (!factors || BN_mod_mul(product.get(), iqmp.get(), q.get(), p.get(), work.get()) != 1 || !BN_is_one(product.get())) {
    return violation(Violation::bad_encoding, "RSA private key: does not belong to its public key");
  }
  if (BN_sub(p_less_one.get(), p.get(), BN_value_one()) != 1 || BN_sub(q_less_one.get(), q.get(), BN_value_one()) != 1 ||
      BN_mod(dmp1.get(), d.get(), p_less_one.get(), work.get()) != 1 || BN_mod(dmq1.get(), d.get(), q_less_one.get(), work.get()) != 1) {
    std::abort();
  }
  const crypto::ParamBuilder builder = crypto::or_abort(crypto::ParamBuilder(OSSL_PARAM_BLD_new()));
  push(builder, OSSL_PKEY_PARAM_RSA_N, n);
  push(builder, OSSL_PKEY_PARAM_RSA_E, e);
  push(builder, OSSL_PKEY_PARAM_RSA_D, d);
  push(builder, OSSL_PKEY_PARAM_RSA_FACTOR1, p);
  push(builder, OSSL_PKEY_PARAM_RSA_FACTOR2, q);
  push(builder, OSSL_PKEY_PARAM_RSA_EXPONENT1, dmp1);
  push(builder, OSSL_PKEY_PARAM_RSA_EXPONENT2, dmq1);
  push(builder, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, iqmp);
  crypto::EvpPkey key = key_pair_from("RSA", builder);
  if (!key) return violation(Violation::bad_encoding, "RSA private key");
  PrivateKey made(std::move(key), public_key);
  // d is proved by use: a signature that verifies. The full check of OpenSSL would test p and q for primality.
  if (!made.sign(SignatureAlgorithm::rsa_sha2_256, as_bytes("proof"))) {
    return violation(Violation::bad_encoding, "RSA private key: does not belong to its public key");
  }
  return made;
}

Result<ByteVector> PrivateKey::sign(SignatureAlgorithm algorithm, Bytes data) {
  const crypto::DiscardErrors discard;
  if (key_type_of(algorithm) != public_key_.type()) return problem("the key cannot sign by the algorithm that was asked for");
  const crypto::EvpMdCtx context = crypto::or_abort(crypto::EvpMdCtx(EVP_MD_CTX_new()));
  const std::optional<crypto::Digest> digest = signature_digest(algorithm);
  ByteVector raw(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
  std::size_t size = raw.size();
  if (EVP_DigestSignInit(context.get(), nullptr, digest ? crypto::openssl_digest(*digest) : nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), raw.data(), &size, data.data(), data.size()) != 1) {
    return problem("OpenSSL cannot sign with the key");
  }
  raw.resize(size);
  if (openssl_curve(public_key_.type()) != nullptr) raw = halves_of_der(raw, static_cast<std::size_t>(public_key_.bits() + 7) / 8);
  ByteVector blob = signature_blob(algorithm, raw);
  // A fault during the computation can give the key away (RSA with CRT above all): nobody sees what does not verify.
  if (!public_key_.verify(algorithm, data, blob)) return problem("the signature just made does not verify");
  return blob;
}

SecretBytes PrivateKey::certificate_agent_fields() const {
  SecretWriter fields;
  switch (public_key_.type()) {
    case KeyType::ed25519: {
      SecretBytes pair(2 * ed25519_size);
      std::size_t size = ed25519_size;
      if (EVP_PKEY_get_raw_private_key(key_.get(), pair.fill().data(), &size) != 1) std::abort();
      size = ed25519_size;
      if (EVP_PKEY_get_raw_public_key(key_.get(), pair.fill().data() + ed25519_size, &size) != 1) std::abort();
      fields.string(pair.reveal().subspan(ed25519_size)).string(pair.reveal());
      break;
    }
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384:
    case KeyType::ecdsa_p521:
      fields.mpint(number_of(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY).reveal());
      break;
    case KeyType::rsa:
      for (const char* name :
           {OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2}) {
        fields.mpint(number_of(key_.get(), name).reveal());
      }
      break;
  }
  return fields.take();
}

SecretBytes PrivateKey::agent_fields() const {
  SecretWriter fields;
  WireReader blob(public_key_.blob());
  fields.string(blob.string());
  if (public_key_.type() == KeyType::rsa) {
    const Bytes e = blob.mpint();
    fields.mpint(blob.mpint()).mpint(e);  // n before e here, e before n in the public key
  } else if (public_key_.type() != KeyType::ed25519) {
    fields.raw(blob.rest());  // curve and point
  }
  const SecretBytes rest = certificate_agent_fields();
  fields.raw(rest.reveal());
  return fields.take();
}

}  // namespace gatehouse::keys
