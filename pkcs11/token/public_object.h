/// Public key objects of a token as public keys.
#pragma once

#include "pkcs11/token/objects.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::pkcs11 {

/// What the attributes of a CKO_PUBLIC_KEY object say.
/// @error Remedy::permanent: a key type, curve or form that we do not know; else what the token answered
TokenResult<keys::PublicKey> read_public_key(const Session& session, CK_OBJECT_HANDLE object);

/// An Ed25519 point: 32 octets raw (PKCS#11 3.1), in an OCTET STRING (SoftHSM, OpenSC) or a BIT STRING (3.0). Told apart by length alone: a
/// raw key may begin like DER. Nothing for another form.
std::optional<ByteVector> ed25519_point(Bytes attribute);
/// A point 04‖X‖Y, raw or in a DER OCTET STRING, or X‖Y. @param field_size  octets of X
std::optional<ByteVector> ecdsa_point(Bytes attribute, std::size_t field_size);
/// The key type that CKA_EC_PARAMS names: an OID or a PrintableString; nothing for another curve.
std::optional<keys::KeyType> curve_of(Bytes parameters);

/// CKA_EC_PARAMS to generate a key of the type with, the most common form first.
std::vector<ByteVector> curve_parameters(keys::KeyType type);

}  // namespace gatehouse::pkcs11
