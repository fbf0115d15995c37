/// What a CK_RV means for who has to go on: docs/architecture.md, "the token layer".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pkcs11/client/fault.h"
#include "pkcs11/token/cryptoki.h"

namespace gatehouse::pkcs11 {

/// Where on the ladder of recovery a failed call begins, lowest rung first.
enum class Remedy : std::uint8_t {
  none,         ///< no failure
  new_session,  ///< the session, the login or a handle is stale
  initialise,   ///< the token or the module is: C_Finalize and C_Initialize
  wait,         ///< short of sessions or memory
  change_pin,   ///< the PIN: never tried again by machine
  permanent,    ///< the request's or the key's fault
};

Remedy remedy(CK_RV code);

/// "CKR_DEVICE_REMOVED"; "CKR_VENDOR_DEFINED+0x2a"; "CK_RV 0x…" for the unknown.
std::string code_name(CK_RV code);

/// A call into the module that failed, or a look into the token that found the wrong thing.
struct TokenError {
  Remedy remedy = Remedy::permanent;
  std::string text;  ///< "C_Login: CKR_PIN_INCORRECT"
};

template <class T>
using TokenResult = Result<T, TokenError>;

inline tl::unexpected<TokenError> token_error(Remedy remedy, std::string text) {
  return tl::unexpected<TokenError>(TokenError{remedy, std::move(text)});
}
/// @param call  "C_Sign"
tl::unexpected<TokenError> call_failed(std::string_view call, CK_RV code);

}  // namespace gatehouse::pkcs11
