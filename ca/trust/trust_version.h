/// The version of the trust bundle: rises with each change of its content, never falls, and survives a restart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::ca {

/// Kept in a small file of the issuer's data folder: "VERSION SHA256-OF-CONTENT".
class TrustVersion {
 public:
  explicit TrustVersion(std::string path) : path_(std::move(path)) {}
  /// The version of a bundle with this content: the kept one when nothing changed, else max(last + 1, `now_ms`), durable on return.
  /// @param content  all that a change of must be noticed: not the times
  /// @error Problem: the file cannot be read or written, or is malformed; guessing a version could make takers refuse or go back
  Result<std::uint64_t> of(std::string_view content, std::uint64_t now_ms);

 private:
  std::string path_;
};

}  // namespace gatehouse::ca
