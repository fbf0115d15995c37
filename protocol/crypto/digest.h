/// Digests and HMAC over OpenSSL.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/core/bytes.h"
#include "protocol/core/secret.h"

namespace gatehouse::crypto {

enum class Digest : std::uint8_t { sha256, sha384, sha512 };

/// Octets of the digest's output: 32, 48 or 64.
std::size_t digest_size(Digest digest);
/// The digest of `data`. OpenSSL without SHA-2 is a broken installation: aborts.
ByteVector hash(Digest digest, Bytes data);
/// RFC 2104 with the digest.
ByteVector hmac(Digest digest, const SecretBytes& key, Bytes data);

}  // namespace gatehouse::crypto
