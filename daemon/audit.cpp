#include "daemon/audit.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

namespace gatehouse {

namespace {

/// Octets of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) { return i < text.size() && at(i) >= low && at(i) <= high; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1000000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                     utc.tm_sec, micros);
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    const std::string_view sequence = text.substr(0, size == 0 ? 1 : size);
    const auto c = static_cast<unsigned char>(text[0]);
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", c);
    } else if (sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9") {  // line separators to some readers
      out += sequence == "\xe2\x80\xa8" ? "\\u2028" : "\\u2029";
    } else if (size == 2 && c == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) {  // C1 control characters
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[1]));
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  out += '"';
  return out;
}

AuditLine::AuditLine(std::string_view event) { line_ = "{\"time\":" + json_quoted(now_text()) + ",\"event\":" + json_quoted(event); }

AuditLine& AuditLine::text(std::string_view name, std::string_view value) {
  line_ += "," + json_quoted(name) + ":" + json_quoted(value);
  return *this;
}

AuditLine& AuditLine::number(std::string_view name, std::int64_t value) {
  line_ += "," + json_quoted(name) + ":" + std::to_string(value);
  return *this;
}

AuditLine& AuditLine::boolean(std::string_view name, bool value) {
  line_ += "," + json_quoted(name) + ":" + (value ? "true" : "false");
  return *this;
}

AuditLine& AuditLine::texts(std::string_view name, std::span<const std::string> values) {
  line_ += "," + json_quoted(name) + ":[";
  for (std::size_t i = 0; i < values.size(); ++i) line_ += (i == 0 ? "" : ",") + json_quoted(values[i]);
  line_ += "]";
  return *this;
}

std::string AuditLine::line() const { return line_ + "}\n"; }

Result<AuditLog> AuditLog::open(const std::string& path) {
  AuditLog log;
  log.file_.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.file_) {
    return problem(std::string("cannot open the audit log: ") + std::strerror(errno), path,
                   "make the folder and let this process write to it");
  }
  return log;
}

Result<void> AuditLog::write(const AuditLine& line) {
  if (!file_) return problem("no audit log is open");
  const std::string text = (cut_ ? "\n" : "") + line.line();
  ssize_t count;
  do {
    count = ::write(file_.fd(), text.data(), text.size());
  } while (count < 0 && errno == EINTR);
  cut_ = count > 0 ? count != static_cast<ssize_t>(text.size()) : cut_;
  if (count == static_cast<ssize_t>(text.size())) return {};
  return problem(std::string("cannot write the audit log: ") + (count < 0 ? std::strerror(errno) : "disk full"));
}

}  // namespace gatehouse
