/// JSON as this API reads it (RFC 8259, strictly): one document, UTF-8, no member twice in an object, few levels, bounded sizes.
/// Boost.JSON's own value keeps the last of two equal members without a word, so values are built here from its parser's events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

struct JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;
/// Members in the order of the text; names are unique.
using JsonObject = std::vector<JsonMember>;

struct JsonValue {
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, JsonArray, JsonObject> content;
};
struct JsonMember {
  std::string name;
  JsonValue value;
};

inline constexpr std::size_t json_max_depth = 6;

/// The object that `text` is. @param what  names the document in errors: "body", "request"
/// @error Problem: not JSON, left-over text, not an object, a member twice, deeper than json_max_depth, more than 4096 values
Result<JsonObject> parse_json_object(std::string_view text, std::string_view what);

/// Reads an object member by member; like WireReader it keeps the first mistake and finish() tells it. Each member is taken once, and
/// what nobody took is an unknown member, which is a mistake as well unless ignore_unknown() was called.
class JsonReader {
 public:
  /// @param object  is borrowed  @param what  names it in errors
  JsonReader(const JsonObject& object, std::string what);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// A required text of 1 to `max_size` octets without control characters.
  std::string text(std::string_view name, std::size_t max_size);
  std::optional<std::string> optional_text(std::string_view name, std::size_t max_size);
  /// A required text of up to `max_size` octets that may hold newlines (armoured signatures).
  std::string lines(std::string_view name, std::size_t max_size);
  std::optional<std::string> optional_lines(std::string_view name, std::size_t max_size);
  /// A list of up to `max_count` texts as text() takes them; empty when the member is missing.
  std::vector<std::string> optional_texts(std::string_view name, std::size_t max_count, std::size_t max_size);
  std::uint64_t number(std::string_view name, std::uint64_t max);
  std::optional<std::uint64_t> optional_number(std::string_view name, std::uint64_t max);
  /// A 64-bit number as a text in decimal, as serials travel.
  std::uint64_t serial(std::string_view name);
  bool boolean(std::string_view name);
  /// A nested object; empty when missing (a mistake then).
  const JsonObject& object(std::string_view name);
  const JsonArray& array(std::string_view name, std::size_t max_count);

  /// A mistake of our caller's own finding; the first one counts.
  void refuse(std::string why);
  void ignore_unknown() { ignore_unknown_ = true; }
  Result<void> finish();

 private:
  const JsonValue* find(std::string_view name) const;
  const JsonValue* take(std::string_view name);
  const JsonValue* need(std::string_view name);
  std::string checked(const JsonValue& value, std::string_view name, std::size_t max_size, bool newlines);

  const JsonObject& object_;
  std::string what_;
  std::vector<bool> taken_;
  std::string mistake_;
  bool ignore_unknown_ = false;
};

/// Writes one object; members keep the order of the calls.
class JsonWriter {
 public:
  JsonWriter& text(std::string_view name, std::string_view value);
  JsonWriter& texts(std::string_view name, const std::vector<std::string>& values);
  JsonWriter& number(std::string_view name, std::uint64_t value);
  /// 64-bit serials and versions are strings in JSON (2^53).
  JsonWriter& serial(std::string_view name, std::uint64_t value) { return text(name, std::to_string(value)); }
  JsonWriter& boolean(std::string_view name, bool value);
  /// A value that is JSON already.
  JsonWriter& raw(std::string_view name, std::string_view json);
  /// The object with its braces.
  std::string take();

 private:
  void name(std::string_view name);
  std::string out_;
};

/// Decimal text to number: digits only, no sign, no leading zero but "0" itself, fits in 64 bits.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace gatehouse::ca
