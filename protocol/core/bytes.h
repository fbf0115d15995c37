/// Views of octets and their text forms (hex, base64).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse {

/// Octets that somebody else owns.
using Bytes = std::span<const std::uint8_t>;
/// Octets that we own. Secrets live in SecretBytes instead.
using ByteVector = std::vector<std::uint8_t>;

/// The octets of a text, without a terminating NUL.
inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
/// The same octets seen as text; nothing is checked.
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline ByteVector to_vector(Bytes bytes) { return {bytes.begin(), bytes.end()}; }
inline std::string to_string(Bytes bytes) { return std::string(as_text(bytes)); }

/// Equal in length and content. Not for secrets: equal_in_constant_time (secret.h).
bool equal(Bytes a, Bytes b);

/// Lower-case hexadecimal, two digits an octet.
std::string hex(Bytes bytes);
/// @return nothing for an odd number of digits or a character that is no hexadecimal digit
std::optional<ByteVector> unhex(std::string_view text);

/// RFC 4648 section 4 with padding, on one line.
std::string base64(Bytes bytes);
/// @return nothing for characters outside the alphabet, missing or misplaced padding, or non-zero trailing bits
std::optional<ByteVector> unbase64(std::string_view text);

/// Text that a peer chose, made safe for one line of a log: everything but printable ASCII becomes \xNN, a backslash becomes \\, and
/// what is longer than `limit` octets is cut and ends in "…".
std::string escaped(std::string_view text, std::size_t limit = 256);

}  // namespace gatehouse
