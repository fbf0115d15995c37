#include "pkcs11/token/public_object.h"

#include <fmt/format.h>

#include <array>

namespace gatehouse::pkcs11 {

namespace {

using keys::KeyType;

struct Curve {
  KeyType type;
  std::string_view parameters;  ///< hexadecimal DER
};

// OIDs of RFC 5480 section 2.1.1.1 and RFC 8410 section 3; Luna's own OID for Ed25519; the PrintableString of PKCS#11 3.0 section 2.3.10.
constexpr std::array curves{
    Curve{KeyType::ecdsa_p256, "06082a8648ce3d030107"},
    Curve{KeyType::ecdsa_p384, "06052b81040022"},
    Curve{KeyType::ecdsa_p521, "06052b81040023"},
    Curve{KeyType::ed25519, "06032b6570"},
    Curve{KeyType::ed25519, "130c656477617264733235353139"},
    Curve{KeyType::ed25519, "06092b06010401da470f01"},
};

std::size_t field_size(KeyType type) { return type == KeyType::ecdsa_p256 ? 32 : type == KeyType::ecdsa_p384 ? 48 : 66; }

tl::unexpected<TokenError> unknown(std::string what) { return token_error(Remedy::permanent, std::move(what)); }

/// The attribute, which must be there.
TokenResult<ByteVector> needed(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const char* name) {
  auto value = read_attribute(session, object, type);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return unknown(fmt::format("the public key object has no {}", name));
  return **std::move(value);
}

TokenResult<keys::PublicKey> made(ProtocolResult<keys::PublicKey> key) {
  if (!key) return unknown("the public key object holds no valid key: " + key.error().detail);
  return *std::move(key);
}

TokenResult<keys::PublicKey> read_rsa(const Session& session, CK_OBJECT_HANDLE object) {
  const auto modulus = needed(session, object, CKA_MODULUS, "CKA_MODULUS");
  if (!modulus) return tl::unexpected(modulus.error());
  const auto exponent = needed(session, object, CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT");
  if (!exponent) return tl::unexpected(exponent.error());
  return made(keys::PublicKey::from_rsa(*exponent, *modulus));
}

TokenResult<keys::PublicKey> read_curve(const Session& session, CK_OBJECT_HANDLE object) {
  const auto parameters = needed(session, object, CKA_EC_PARAMS, "CKA_EC_PARAMS");
  if (!parameters) return tl::unexpected(parameters.error());
  const auto type = curve_of(*parameters);
  if (!type) return unknown("the curve with CKA_EC_PARAMS " + hex(*parameters) + " is not used for SSH");
  const auto attribute = needed(session, object, CKA_EC_POINT, "CKA_EC_POINT");
  if (!attribute) return tl::unexpected(attribute.error());
  const auto point = *type == KeyType::ed25519 ? ed25519_point(*attribute) : ecdsa_point(*attribute, field_size(*type));
  if (!point) return unknown(fmt::format("CKA_EC_POINT has an unknown form ({} octets)", attribute->size()));
  return made(*type == KeyType::ed25519 ? keys::PublicKey::from_ed25519(*point) : keys::PublicKey::from_ecdsa(*type, *point));
}

}  // namespace

std::optional<ByteVector> ed25519_point(Bytes attribute) {
  if (attribute.size() == 32) return to_vector(attribute);
  if (attribute.size() == 34 && attribute[0] == 0x04 && attribute[1] == 0x20) return to_vector(attribute.subspan(2));
  if (attribute.size() == 35 && attribute[0] == 0x03 && attribute[1] == 0x21 && attribute[2] == 0) return to_vector(attribute.subspan(3));
  return std::nullopt;
}

std::optional<ByteVector> ecdsa_point(Bytes attribute, std::size_t field_size) {
  const std::size_t raw = 2 * field_size + 1;
  const std::size_t header = raw < 0x80 ? 2 : 3;  // 04 len, or 04 81 len
  if (attribute.size() == raw && attribute[0] == 0x04) return to_vector(attribute);
  if (attribute.size() == raw - 1) {  // seen on old openCryptoki tokens
    ByteVector point{0x04};
    point.insert(point.end(), attribute.begin(), attribute.end());
    return point;
  }
  if (attribute.size() != raw + header || attribute[0] != 0x04) return std::nullopt;
  const bool length_fits = header == 2 ? attribute[1] == raw : attribute[1] == 0x81 && attribute[2] == raw;
  if (!length_fits || attribute[header] != 0x04) return std::nullopt;
  return to_vector(attribute.subspan(header));
}

std::optional<KeyType> curve_of(Bytes parameters) {
  const std::string text = hex(parameters);
  for (const Curve& curve : curves) {
    if (curve.parameters == text) return curve.type;
  }
  return std::nullopt;
}

std::vector<ByteVector> curve_parameters(KeyType type) {
  std::vector<ByteVector> forms;
  for (const Curve& curve : curves) {
    if (curve.type == type) forms.push_back(*unhex(curve.parameters));
  }
  return forms;
}

TokenResult<keys::PublicKey> read_public_key(const Session& session, CK_OBJECT_HANDLE object) {
  const auto type = read_number(session, object, CKA_KEY_TYPE);
  if (!type) return tl::unexpected(type.error());
  if (!*type) return unknown("the public key object has no CKA_KEY_TYPE");
  switch (**type) {
    case CKK_RSA:
      return read_rsa(session, object);
    case CKK_EC:
    case CKK_EC_EDWARDS:
      return read_curve(session, object);
    default:
      return unknown(fmt::format("key type {:#x} is not used for SSH", **type));
  }
}

}  // namespace gatehouse::pkcs11
