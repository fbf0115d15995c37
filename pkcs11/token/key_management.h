/// Makes and destroys keys on a token.
#pragma once

#include "pkcs11/token/signing.h"

namespace gatehouse::pkcs11 {

/// A new key pair: sensitive, never extractable, for signatures only. That it is so is read back from the token and tried with a test
/// signature; a key that fails either is destroyed again.
/// @error label or id is in use (it would make a URI match several keys); the token cannot make the type
TokenResult<TokenObject> generate_key(const Session& session, const TokenInfo& token, const GenerateKey& wanted, PinSource& pin);

/// Destroys private and public object of the one key that `uri` matches. @return how many objects went
/// @error none or several match (lists them)
TokenResult<std::uint32_t> destroy_key(const Session& session, const TokenInfo& token, const Uri& uri);

}  // namespace gatehouse::pkcs11
