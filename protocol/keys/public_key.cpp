#include "protocol/keys/public_key.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "protocol/core/wire.h"
#include "protocol/crypto/openssl_handle.h"
#include "protocol/keys/key_line.h"

namespace gatehouse::keys {

namespace {

constexpr std::size_t ed25519_public_size = 32;
constexpr std::size_t ed25519_signature_size = 64;
/// RFC 8017 sets no bound to e; 64 bits is what other implementations take, and keeps a verification cheap.
constexpr std::size_t max_rsa_exponent_size = 8;

/// y coordinates of the points of small order, the two not reduced modulo p included (little endian, the sign of x masked off). Under such
/// a key there are signatures that fit every message, so that a proof of possession would prove nothing.
constexpr std::array<std::string_view, 7> ed25519_small_order{
    std::string_view{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                     32},
    std::string_view{"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                     32},
    std::string_view{"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
                     "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
                     32},
    std::string_view{"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
                     "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
                     32},
    std::string_view{"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32},
    std::string_view{"\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32},
    std::string_view{"\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32},
};

bool is_of_small_order(Bytes ed25519_point) {
  ByteVector y = to_vector(ed25519_point);
  y.back() &= 0x7f;
  return std::find(ed25519_small_order.begin(), ed25519_small_order.end(), as_text(y)) != ed25519_small_order.end();
}

struct Curve {
  std::string_view wire_name;  // RFC 5656 section 6.1
  const char* openssl_name;
  std::size_t field_size;  // octets of a coordinate
  int bits;
};

std::optional<Curve> curve_of(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
      return Curve{"nistp256", "P-256", 32, 256};
    case KeyType::ecdsa_p384:
      return Curve{"nistp384", "P-384", 48, 384};
    case KeyType::ecdsa_p521:
      return Curve{"nistp521", "P-521", 66, 521};
    case KeyType::ed25519:
    case KeyType::rsa:
      return std::nullopt;
  }
  std::abort();
}

int bit_length(Bytes magnitude) {
  if (magnitude.empty()) return 0;
  int bits = static_cast<int>(magnitude.size() - 1) * 8;
  for (unsigned top = magnitude.front(); top != 0; top >>= 1) ++bits;
  return bits;
}

Bytes without_leading_zeros(Bytes magnitude) {
  while (!magnitude.empty() && magnitude.front() == 0) magnitude = magnitude.subspan(1);
  return magnitude;
}

crypto::BigNum bignum(Bytes magnitude) {
  crypto::BigNum number(BN_bin2bn(magnitude.data(), static_cast<int>(magnitude.size()), nullptr));
  if (!number) std::abort();
  return number;
}

/// @return null when OpenSSL refuses the values
crypto::EvpPkey public_from(const char* algorithm, const crypto::ParamBuilder& builder) {
  const crypto::DiscardErrors discard;
  const crypto::Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const crypto::EvpPkeyCtx context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return crypto::EvpPkey(made);
}

/// A DER ECDSA-Sig-Value out of the two mpints of RFC 5656 section 3.1.2; empty when they are malformed or no possible r and s.
ByteVector ecdsa_der(Bytes wire, const Curve& curve) {
  WireReader reader(wire);
  const Bytes r = reader.mpint();
  const Bytes s = reader.mpint();
  if (!reader.finish() || r.empty() || s.empty() || r.size() > curve.field_size || s.size() > curve.field_size) return {};
  const crypto::EcdsaSig signature(ECDSA_SIG_new());
  if (!signature || ECDSA_SIG_set0(signature.get(), bignum(r).release(), bignum(s).release()) != 1) std::abort();
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0) return {};
  ByteVector der(static_cast<std::size_t>(size));
  std::uint8_t* out = der.data();
  i2d_ECDSA_SIG(signature.get(), &out);
  return der;
}

}  // namespace

struct PublicKey::Content {
  KeyType type;
  int bits;
  ByteVector blob;
  crypto::EvpPkey key;
};

ProtocolResult<PublicKey> PublicKey::from_ed25519(Bytes public_key) {
  if (public_key.size() != ed25519_public_size) return violation(Violation::bad_encoding, "Ed25519 public key: wrong length");
  if (is_of_small_order(public_key)) return violation(Violation::bad_encoding, "Ed25519 public key: point of small order");
  crypto::EvpPkey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  if (!key) return violation(Violation::bad_encoding, "Ed25519 public key");
  WireWriter blob;
  blob.string(key_blob_name(KeyType::ed25519)).string(public_key);
  return PublicKey(std::make_shared<const Content>(Content{KeyType::ed25519, 256, blob.take(), std::move(key)}));
}

ProtocolResult<PublicKey> PublicKey::from_ecdsa(KeyType type, Bytes point) {
  const std::optional<Curve> curve = curve_of(type);
  if (!curve) std::abort();
  // RFC 5656 section 3.1: compressed points MAY be used; nobody does, and two blobs for one key would be one too many.
  if (point.size() != 1 + 2 * curve->field_size || point[0] != 0x04) {
    return violation(Violation::bad_encoding, "ECDSA public key: not an uncompressed point of the curve's length");
  }
  const crypto::ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl_name, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    std::abort();
  }
  crypto::EvpPkey key = public_from("EC", builder);
  if (!key) return violation(Violation::bad_encoding, "ECDSA public key: point not on the curve");
  WireWriter blob;
  blob.string(key_blob_name(type)).string(curve->wire_name).string(point);
  return PublicKey(std::make_shared<const Content>(Content{type, curve->bits, blob.take(), std::move(key)}));
}

ProtocolResult<PublicKey> PublicKey::from_rsa(Bytes exponent, Bytes modulus) {
  exponent = without_leading_zeros(exponent);
  modulus = without_leading_zeros(modulus);
  const int bits = bit_length(modulus);
  if (bits < min_rsa_bits || bits > max_rsa_bits) return violation(Violation::bad_encoding, "RSA modulus: size out of bounds");
  if ((modulus.back() & 1) == 0) return violation(Violation::bad_encoding, "RSA modulus: even");
  if (exponent.empty() || exponent.size() > max_rsa_exponent_size || (exponent.back() & 1) == 0 || bit_length(exponent) < 2) {
    return violation(Violation::bad_encoding, "RSA exponent: not odd, or out of bounds");
  }
  const crypto::BigNum n = bignum(modulus);
  const crypto::BigNum e = bignum(exponent);
  const crypto::ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    std::abort();
  }
  crypto::EvpPkey key = public_from("RSA", builder);
  if (!key) return violation(Violation::bad_encoding, "RSA public key");
  WireWriter blob;
  blob.string(key_blob_name(KeyType::rsa)).mpint(exponent).mpint(modulus);
  return PublicKey(std::make_shared<const Content>(Content{KeyType::rsa, bits, blob.take(), std::move(key)}));
}

ProtocolResult<PublicKey> PublicKey::parse(Bytes blob) {
  if (blob.size() > max_key_blob) return violation(Violation::bad_encoding, "key blob: too long");
  WireReader reader(blob);
  const std::string_view name = reader.text();
  const std::optional<KeyType> type = key_type_by_blob_name(name);
  if (!type) return violation(Violation::bad_encoding, "key blob: unknown type " + escaped(name, 64));
  switch (*type) {
    case KeyType::ed25519: {
      const Bytes public_key = reader.string();
      if (!reader.finish()) break;
      return from_ed25519(public_key);
    }
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384:
    case KeyType::ecdsa_p521: {
      const std::string_view curve = reader.text();
      const Bytes point = reader.string();
      if (!reader.finish()) break;
      if (curve != curve_of(*type)->wire_name) return violation(Violation::bad_encoding, "ECDSA public key: curve is not the type's");
      return from_ecdsa(*type, point);
    }
    case KeyType::rsa: {
      const Bytes exponent = reader.mpint();
      const Bytes modulus = reader.mpint();
      if (!reader.finish()) break;
      return from_rsa(exponent, modulus);
    }
  }
  return violation(Violation::bad_encoding, "key blob: malformed");
}

Result<PublicKey> PublicKey::parse_line(std::string_view line) {
  const Result<ByteVector> blob = blob_of_line(line, max_key_blob);
  if (!blob) return tl::unexpected(blob.error());
  ProtocolResult<PublicKey> key = parse(*blob);
  if (!key) return problem("not a public key that is supported here: " + key.error().detail);
  return std::move(*key);
}

KeyType PublicKey::type() const { return content_->type; }
Bytes PublicKey::blob() const { return content_->blob; }
int PublicKey::bits() const { return content_->bits; }
std::string PublicKey::fingerprint() const { return fingerprint_of(blob()); }
std::string PublicKey::line(std::string_view comment) const { return line_of_blob(key_blob_name(type()), blob(), comment); }

bool PublicKey::verify(SignatureAlgorithm algorithm, Bytes data, Bytes signature_blob) const {
  if (key_type_of(algorithm) != type()) return false;
  const crypto::DiscardErrors discard;
  WireReader reader(signature_blob);
  const std::string_view name = reader.text();
  const Bytes encoded = reader.string();
  if (!reader.finish() || name != signature_name(algorithm)) return false;

  ByteVector raw;
  if (const std::optional<Curve> curve = curve_of(type())) {
    raw = ecdsa_der(encoded, *curve);
    if (raw.empty()) return false;
  } else if (type() == KeyType::rsa) {
    // RFC 8332 section 3 asks for the modulus' length; some signers strip leading zero octets, and stock servers put them back.
    const std::size_t size = static_cast<std::size_t>(bits() + 7) / 8;
    if (encoded.empty() || encoded.size() > size) return false;
    raw.assign(size - encoded.size(), 0);
    raw.insert(raw.end(), encoded.begin(), encoded.end());
  } else {
    if (encoded.size() != ed25519_signature_size) return false;
    raw = to_vector(encoded);
  }
  const crypto::EvpMdCtx context(EVP_MD_CTX_new());
  const std::optional<crypto::Digest> digest = signature_digest(algorithm);
  const EVP_MD* const md = digest ? crypto::openssl_digest(*digest) : nullptr;
  // PKCS#1 v1.5 is OpenSSL's default padding for RSA.
  return context && EVP_DigestVerifyInit(context.get(), nullptr, md, nullptr, content_->key.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw.data(), raw.size(), data.data(), data.size()) == 1;
}

std::optional<SignatureAlgorithm> PublicKey::verify_any(Bytes data, Bytes signature_blob) const {
  const std::optional<SignatureAlgorithm> named = signature_by_name(WireReader(signature_blob).text());
  if (!named || !verify(*named, data, signature_blob)) return std::nullopt;
  return named;
}

std::string fingerprint_of(Bytes blob) {
  std::string text = base64(crypto::hash(crypto::Digest::sha256, blob));
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

ByteVector signature_blob(SignatureAlgorithm algorithm, Bytes raw_signature) {
  WireWriter blob;
  blob.string(signature_name(algorithm));
  if (curve_of(key_type_of(algorithm))) {
    const std::size_t half = raw_signature.size() / 2;
    WireWriter numbers;
    numbers.mpint(raw_signature.first(half)).mpint(raw_signature.subspan(half));
    blob.string(numbers.view());
  } else {
    blob.string(raw_signature);
  }
  return blob.take();
}

}  // namespace gatehouse::keys
