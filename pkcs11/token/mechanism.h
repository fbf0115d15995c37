/// Signature algorithms as PKCS#11 mechanisms. Over our own hash where the token lets us: CKM_ECDSA, CKM_RSA_PKCS over a DigestInfo,
/// CKM_EDDSA are on every token that was tried, while the mechanisms that hash are missing on many. A token in a strict mode may offer only
/// those.
#pragma once

#include "pkcs11/token/return_code.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::pkcs11 {

/// Who hashes what is signed.
enum class Hashing : std::uint8_t { ours, in_token };

CK_MECHANISM_TYPE mechanism_of(keys::SignatureAlgorithm algorithm, Hashing hashing);

/// What C_Sign is given for `data`: itself where the token hashes, and for Ed25519; else its digest (ECDSA) or the DER DigestInfo of its
/// digest (RSA; RFC 8017 section 9.2).
ByteVector token_input(keys::SignatureAlgorithm algorithm, Hashing hashing, Bytes data);

/// What the slot offers for keys of the type. @error it offers neither
TokenResult<Hashing> hashing_for(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, keys::KeyType type);

/// The length of what C_Sign gives back: 64; r‖s; the modulus' octets.
std::size_t raw_signature_size(const keys::PublicKey& key);

/// The octets of C_Sign as a signature blob. A short RSA result gets its leading zeros back.
/// @error another length than the key's
TokenResult<ByteVector> blob_from_token(keys::SignatureAlgorithm algorithm, const keys::PublicKey& key, Bytes raw);

}  // namespace gatehouse::pkcs11
