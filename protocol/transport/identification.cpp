#include "protocol/transport/identification.h"

#include <algorithm>
#include <cstring>

namespace gatehouse::transport {

namespace {

constexpr std::string_view prefix = "SSH-";
constexpr std::string_view version_2 = "SSH-2.0-";
constexpr std::string_view version_1_99 = "SSH-1.99-";
constexpr std::string_view software = "SSH-2.0-Gatehouse_0.1";

bool printable(char c) { return c >= ' ' && c < 0x7f; }
bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

}  // namespace

std::string our_identification(std::string_view comments) {
  std::string line(software);
  if (comments.empty()) return line;
  line += ' ';
  for (const char c : comments) {
    if (line.size() == max_identification - 2) break;
    line += printable(c) ? c : '?';
  }
  return line;
}

ProtocolResult<bool> IdentificationReader::line_complete() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  if (!starts_with(line_, prefix)) {
    // "The server MAY send other lines of data before sending the version string."
    if (role_ == Role::server) return violation(Violation::bad_identification, escaped(line_));
    if (++lines_before_ > max_lines_before) return violation(Violation::bad_identification, "too many lines before the identification");
    line_.clear();
    return false;
  }
  if (!std::all_of(line_.begin(), line_.end(), printable)) return violation(Violation::bad_identification, escaped(line_));
  const bool known = starts_with(line_, version_2) || (role_ == Role::client && starts_with(line_, version_1_99));
  if (!known) return violation(Violation::unsupported_version, escaped(line_));
  if (line_ == version_2 || line_ == version_1_99) return violation(Violation::bad_identification, escaped(line_));
  return true;
}

ProtocolResult<IdentificationReader::Progress> IdentificationReader::feed(Bytes input) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    const char c = static_cast<char>(input[i]);
    if (c == '\n') {
      const auto complete = line_complete();
      if (!complete) return tl::unexpected(complete.error());
      if (*complete) return Progress{i + 1, true};
      continue;
    }
    line_ += c;
    const bool could_be_it = starts_with(prefix, std::string_view(line_).substr(0, prefix.size()));
    if (!could_be_it && role_ == Role::server)
      return violation(Violation::bad_identification, escaped(as_text(input.first(std::min<std::size_t>(input.size(), 64)))));
    if (line_.size() > (could_be_it ? max_identification - 1 : max_line_before)) {
      return violation(Violation::bad_identification, "line too long: " + escaped(line_, 64));
    }
  }
  return Progress{input.size(), false};
}

}  // namespace gatehouse::transport
