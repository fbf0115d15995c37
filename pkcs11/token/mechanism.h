/// Signature algorithms as PKCS#11 mechanisms over our own hash: CKM_ECDSA, CKM_RSA_PKCS over a DigestInfo, CKM_EDDSA. Every token that has
/// the key type has these; the mechanisms that hash are missing on many.
#pragma once

#include "pkcs11/token/return_code.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::pkcs11 {

CK_MECHANISM_TYPE mechanism_of(keys::SignatureAlgorithm algorithm);

/// What C_Sign is given for `data`: its digest (ECDSA), the DER DigestInfo of its digest (RSA; RFC 8017 section 9.2), itself (Ed25519).
ByteVector token_input(keys::SignatureAlgorithm algorithm, Bytes data);

/// The length of what C_Sign gives back: 64; r‖s; the modulus' octets.
std::size_t raw_signature_size(const keys::PublicKey& key);

/// The octets of C_Sign as a signature blob. A short RSA result gets its leading zeros back.
/// @error another length than the key's
TokenResult<ByteVector> blob_from_token(keys::SignatureAlgorithm algorithm, const keys::PublicKey& key, Bytes raw);

}  // namespace gatehouse::pkcs11
