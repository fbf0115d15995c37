/// Name and password as they come in an Authorization header (RFC 7617).
#pragma once

#include <string>
#include <string_view>

#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

struct Password {
  static constexpr std::size_t max_user = 255;   ///< octets
  static constexpr std::size_t max_size = 1024;  ///< octets
  std::string user;
  SecretBytes secret;
};

/// The value of the header: "Basic " and base64 of user:password.
/// @error Problem: another scheme, no base64, no colon, a name that is empty, too long or has control characters; a password that is
/// empty, too long or has a NUL octet (RFC 4513 section 5.1.2: an empty one must never reach the directory)
Result<Password> parse_basic_authorization(std::string_view value);
/// The value of the header.
SecretBytes basic_authorization(std::string_view user, const SecretBytes& password);

}  // namespace gatehouse::ca
