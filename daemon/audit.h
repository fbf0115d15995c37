/// Audit lines: one JSON object a line, appended with a single write, so that lines of many processes never mix.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse {

/// Builds one line. Members keep the order of the calls; `time` (RFC 3339, UTC, microseconds) and `event` come first. Any octets may be
/// given: what is not valid UTF-8 or would break a line is escaped, so that nothing a peer sends can break or forge a line.
class AuditLine {
 public:
  explicit AuditLine(std::string_view event);
  AuditLine& text(std::string_view name, std::string_view value);
  AuditLine& number(std::string_view name, std::int64_t value);
  AuditLine& boolean(std::string_view name, bool value);
  /// 64-bit serials are strings in JSON (2^53).
  AuditLine& serial(std::string_view name, std::uint64_t value) { return text(name, std::to_string(value)); }
  AuditLine& texts(std::string_view name, std::span<const std::string> values);
  /// The whole object with a newline.
  std::string line() const;

 private:
  std::string line_;
};

/// JSON string literal, quotes included; invalid UTF-8 becomes U+FFFD, control characters and U+2028/9 are escaped.
std::string json_quoted(std::string_view text);

/// An append-only sink.
class AuditLog {
 public:
  AuditLog() = default;
  /// Opens (0600, created when missing) for appending. @error Problem with path and mend
  static Result<AuditLog> open(const std::string& path);
  /// One write(2). @error Problem when the line is not whole on the file (disk full, gone)
  Result<void> write(const AuditLine& line);
  int fd() const { return file_.fd(); }

 private:
  UniqueFd file_;
  bool cut_ = false;  // the last write stopped in mid-line: the next one begins on a line of its own
};

}  // namespace gatehouse
