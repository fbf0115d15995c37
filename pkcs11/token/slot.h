/// Which slot holds the token that a URI names.
#pragma once

#include <string>

#include "pkcs11/client/uri.h"
#include "pkcs11/token/return_code.h"

namespace gatehouse::pkcs11 {

struct TokenInfo {
  CK_SLOT_ID slot;
  std::string label, manufacturer, model, serial;  ///< without the padding
  CK_FLAGS flags;
};

/// The one token that the URI names; slots move, so a token is never named by its slot.
/// @error none (also when there is no slot at all: a lost token shows up so), or several; says what was found
TokenResult<TokenInfo> find_token(const CK_FUNCTION_LIST& functions, const Uri& uri);

}  // namespace gatehouse::pkcs11
