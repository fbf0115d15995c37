/// Random octets of OpenSSL's generators (see core/fork_safety.h).
#pragma once

#include <cstdint>
#include <span>

#include "protocol/core/bytes.h"
#include "protocol/core/secret.h"

namespace gatehouse::crypto {

/// Fills `out` from the public generator (nonces, cookies, padding); a generator that fails ends the process.
void random_fill(std::span<std::uint8_t> out);
ByteVector random_bytes(std::size_t count);
std::uint64_t random_uint64();
/// From the private generator.
SecretBytes random_secret(std::size_t count);

}  // namespace gatehouse::crypto
