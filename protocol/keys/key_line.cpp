#include "protocol/keys/key_line.h"

#include <algorithm>

#include "protocol/core/wire.h"

namespace gatehouse::keys {

namespace {

constexpr std::string_view white = " \t\r\n";

/// Takes the next word off `text`.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(white), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(white));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

Result<ByteVector> blob_of_line(std::string_view line, std::size_t limit) {
  const std::string_view type = next_word(line);
  const std::string_view encoded = next_word(line);
  if (type.empty() || encoded.empty()) return problem("not a public key line: TYPE BASE64 [COMMENT] expected");
  if (line.find('\n') != line.npos && line.find_first_not_of(white, line.find('\n')) != line.npos) {
    return problem("more than one line where one public key was expected");
  }
  if (encoded.size() / 4 * 3 > limit + 2) return problem("public key too long");
  std::optional<ByteVector> blob = unbase64(encoded);
  if (!blob) return problem("the key's base64 is malformed");
  if (blob->size() > limit) return problem("public key too long");
  if (WireReader(*blob).text() != type) return problem("the key's blob is of another type than its line says (" + escaped(type, 64) + ")");
  return std::move(*blob);
}

std::string line_of_blob(std::string_view type, Bytes blob, std::string_view comment) {
  std::string line(type);
  line += ' ';
  line += base64(blob);
  if (!comment.empty()) {
    line += ' ';
    line += comment;
  }
  return line;
}

}  // namespace gatehouse::keys
