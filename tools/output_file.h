/// Files that others read while we write them.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::tools {

/// Writes beside `path`, syncs, renames: a reader sees the old content or the new, and a failure leaves the old. @error Problem with path
Result<void> replace_file(const std::string& path, Bytes content, mode_t mode);
/// @param limit  octets; a longer file is a Problem
Result<ByteVector> read_file(const std::string& path, std::size_t limit);

}  // namespace gatehouse::tools
