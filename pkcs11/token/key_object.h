/// Key objects on a token: what they are, and which one a URI names.
#pragma once

#include "pkcs11/client/messages.h"
#include "pkcs11/client/uri.h"
#include "pkcs11/token/mechanism.h"
#include "pkcs11/token/objects.h"
#include "pkcs11/token/slot.h"

namespace gatehouse::pkcs11 {

/// A private key that is fit to sign with, and its public key.
struct TokenKey {
  std::string label;  ///< CKA_LABEL of the private object
  ByteVector id;
  CK_OBJECT_HANDLE private_object;
  bool always_authenticate;
  Hashing hashing;
  keys::PublicKey public_key;
};

/// The one private key that `uri` names, paired with its public object by CKA_ID.
/// @error Remedy::new_session when nothing matched (also what a lost token looks like), permanent for several matches (both list what was
/// found), for a key that is extractable or not sensitive, cannot sign, or has no public object
TokenResult<TokenKey> find_key(const Session& session, const TokenInfo& token, const Uri& uri);

/// All private and public key objects that match, private and public of one id and label as one row.
TokenResult<std::vector<TokenObject>> list_keys(const Session& session, const TokenInfo& token, const Uri& uri);

/// The URI of just that object.
std::string uri_of(const TokenInfo& token, std::string_view label, Bytes id);

}  // namespace gatehouse::pkcs11
