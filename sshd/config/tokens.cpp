#include "sshd/config/tokens.h"

namespace gatehouse::sshd {

namespace {

constexpr std::string_view white = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

bool is_white(char c) { return white.find(c) != std::string_view::npos; }

}  // namespace

Result<std::optional<Line>> split_keyword(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) {
    return problem("the line holds a NUL octet", {}, "this is no text file; put back the configuration");
  }
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return std::optional<Line>();
  // OpenSSH takes a keyword in quotes too.
  std::size_t end;
  Line out;
  if (line.front() == '"') {
    end = line.find('"', 1);
    if (end == std::string_view::npos) return problem("a quote that does not end", {}, "add the closing \"");
    out.keyword = line.substr(1, end - 1);
    ++end;
  } else {
    end = line.find_first_of(" \t\r\f\v=");
    if (end == std::string_view::npos) end = line.size();
    out.keyword = line.substr(0, end);
  }
  out.rest = trimmed(line.substr(end));
  if (!out.rest.empty() && out.rest.front() == '=') out.rest = trimmed(out.rest.substr(1));
  return std::optional<Line>(out);
}

Result<std::vector<std::string>> split_arguments(std::string_view rest) {
  std::vector<std::string> out;
  std::size_t i = 0;
  while (true) {
    while (i < rest.size() && is_white(rest[i])) ++i;
    if (i >= rest.size() || rest[i] == '#') return out;
    std::string word;
    char quote = 0;
    for (; i < rest.size(); ++i) {
      const char c = rest[i];
      const char next = i + 1 < rest.size() ? rest[i + 1] : '\0';
      if (c == '\\' && (next == '"' || next == '\'' || next == '\\' || (quote == 0 && next == ' '))) {
        word += next;
        ++i;
      } else if (quote == 0 && is_white(c)) {
        break;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    }
    if (quote != 0) return problem(std::string("a quote that does not end: ") + quote, {}, std::string("add the closing ") + quote);
    out.push_back(std::move(word));
  }
}

std::string quoted_argument(std::string_view argument) {
  if (!argument.empty() && argument.find_first_of(" \t\r\f\v\"'\\#") == std::string_view::npos) return std::string(argument);
  std::string out = "\"";
  for (const char c : argument) {
    if (c == '"' || c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace gatehouse::sshd
