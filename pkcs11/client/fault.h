/// Why the signer did not sign.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::pkcs11 {

enum class FaultKind : std::uint8_t {
  refused,       ///< purpose or limits forbid it; asking again is of no use
  bad_request,   ///< malformed, or a key that this signer does not serve
  token_away,    ///< the token is known to be away; try later
  pin_rejected,  ///< the token refused the PIN; an operator must change the PIN source
  key_missing,   ///< the token is there and the key is not, or is not fit for use
  busy,          ///< the request's time ended before its turn came, or a limit of rate; try later
  failed,        ///< the token answered with another error, or with a signature that does not verify
  unreachable,   ///< no signer process answered (only said by SignerClient)
};
/// "refused", "token away", …
std::string_view fault_name(FaultKind kind);

struct SignerFault {
  FaultKind kind = FaultKind::failed;
  std::string detail;  ///< for a person; holds no secret

  /// "token away: CKR_TOKEN_NOT_PRESENT …" at "signer".
  Problem problem() const;
  /// Whether the same request may succeed later without anybody changing a configuration.
  bool try_again() const;
  bool operator==(const SignerFault&) const = default;
};

template <class T>
using SignerResult = Result<T, SignerFault>;

inline tl::unexpected<SignerFault> fault(FaultKind kind, std::string detail) {
  return tl::unexpected<SignerFault>(SignerFault{kind, std::move(detail)});
}

}  // namespace gatehouse::pkcs11
