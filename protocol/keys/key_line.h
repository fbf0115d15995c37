/// The text form of public keys and certificates in .pub files: type, base64 of the blob, comment.
#pragma once

#include <string>
#include <string_view>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::keys {

/// The blob of "TYPE BASE64 [COMMENT]"; white space around is ignored. The blob must begin with TYPE.
/// @error Problem: no such line, or a blob of more than `limit` octets
Result<ByteVector> blob_of_line(std::string_view line, std::size_t limit);
/// "TYPE BASE64" and the comment where there is one, no newline.
std::string line_of_blob(std::string_view type, Bytes blob, std::string_view comment);

}  // namespace gatehouse::keys
