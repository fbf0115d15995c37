#include "ca/api/json.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>

#include "daemon/audit.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t max_values = 4096;

/// Turns the parser's events into values; every event may stop the parser.
struct Builder {
  static constexpr std::size_t max_object_size = max_values;
  static constexpr std::size_t max_array_size = max_values;
  static constexpr std::size_t max_key_size = 256;
  static constexpr std::size_t max_string_size = 1024 * 1024;

  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  struct Open {
    JsonValue value;
    std::string name;             // under which the value goes into its parent
    std::set<std::string> names;  // of an object, seen so far
  };
  std::vector<Open> open;
  std::string name;   // of the next member
  std::string piece;  // of a key or string that came in parts
  std::optional<JsonValue> root;
  std::size_t values = 0;
  std::string mistake;

  bool stop(std::string why, Code& code) {
    mistake = std::move(why);
    code = boost::json::error::syntax;
    return false;
  }
  bool put(JsonValue value, Code& code) {
    if (++values > max_values) return stop("too many values", code);
    if (open.empty()) {
      root = std::move(value);
      return true;
    }
    if (auto* array = std::get_if<JsonArray>(&open.back().value.content)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonObject>(open.back().value.content).push_back({std::exchange(name, {}), std::move(value)});
    }
    return true;
  }
  bool begin(JsonValue value) {
    open.push_back({std::move(value), std::exchange(name, {}), {}});
    return true;
  }
  bool end(Code& code) {
    Open done = std::move(open.back());
    open.pop_back();
    name = std::move(done.name);
    return put(std::move(done.value), code);
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return begin({JsonObject{}}); }
  bool on_object_end(std::size_t, Code& code) { return end(code); }
  bool on_array_begin(Code&) { return begin({JsonArray{}}); }
  bool on_array_end(std::size_t, Code& code) { return end(code); }
  bool on_key_part(Text part, std::size_t, Code&) {
    piece.append(part.data(), part.size());
    return true;
  }
  bool on_key(Text part, std::size_t, Code& code) {
    piece.append(part.data(), part.size());
    name = std::exchange(piece, {});
    if (!open.back().names.insert(name).second) return stop("member \"" + escaped(name, 64) + "\" appears twice", code);
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code&) {
    piece.append(part.data(), part.size());
    return true;
  }
  bool on_string(Text part, std::size_t, Code& code) {
    piece.append(part.data(), part.size());
    return put({std::exchange(piece, {})}, code);
  }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t value, Text, Code& code) { return put({value}, code); }
  bool on_uint64(std::uint64_t value, Text, Code& code) { return put({value}, code); }
  bool on_double(double value, Text, Code& code) { return put({value}, code); }
  bool on_bool(bool value, Code& code) { return put({value}, code); }
  bool on_null(Code& code) { return put({nullptr}, code); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

bool has_control_character(std::string_view text, bool newlines) {
  return std::any_of(text.begin(), text.end(), [newlines](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && !(newlines && (c == '\n' || c == '\r'))) || octet == 0x7f;
  });
}

}  // namespace

Result<JsonObject> parse_json_object(std::string_view text, std::string_view what) {
  boost::json::parse_options options;
  options.max_depth = json_max_depth;
  boost::json::basic_parser<Builder> parser(options);
  boost::json::error_code code;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  const std::string where(what);
  if (!parser.handler().mistake.empty()) return problem(parser.handler().mistake, where);
  if (code) return problem("not valid JSON: " + code.message(), where);
  if (read != text.size()) return problem("text after the JSON object", where);
  auto& root = parser.handler().root;
  if (!parser.done() || !root) return problem("not valid JSON: incomplete", where);
  auto* object = std::get_if<JsonObject>(&root->content);
  if (object == nullptr) return problem("a JSON object is expected", where);
  return std::move(*object);
}

JsonReader::JsonReader(const JsonObject& object, std::string what) : object_(object), what_(std::move(what)), taken_(object.size()) {}

const JsonValue* JsonReader::find(std::string_view name) const {
  const auto found = std::find_if(object_.begin(), object_.end(), [&](const JsonMember& member) { return member.name == name; });
  return found == object_.end() ? nullptr : &found->value;
}

const JsonValue* JsonReader::take(std::string_view name) {
  for (std::size_t i = 0; i < object_.size(); ++i) {
    if (object_[i].name == name) {
      taken_[i] = true;
      return &object_[i].value;
    }
  }
  return nullptr;
}

const JsonValue* JsonReader::need(std::string_view name) {
  const JsonValue* value = take(name);
  if (value == nullptr) refuse("member \"" + std::string(name) + "\" is missing");
  return value;
}

std::string JsonReader::checked(const JsonValue& value, std::string_view name, std::size_t max_size, bool newlines) {
  const auto* text = std::get_if<std::string>(&value.content);
  const std::string member = "member \"" + std::string(name) + "\"";
  if (text == nullptr) {
    refuse(member + " must be a string");
  } else if (text->empty()) {
    refuse(member + " is empty");
  } else if (text->size() > max_size) {
    refuse(member + " is longer than " + std::to_string(max_size) + " octets");
  } else if (has_control_character(*text, newlines)) {
    refuse(member + " has a control character");
  } else {
    return *text;
  }
  return {};
}

std::string JsonReader::text(std::string_view name, std::size_t max_size) {
  const JsonValue* value = need(name);
  return value == nullptr ? std::string() : checked(*value, name, max_size, false);
}

std::optional<std::string> JsonReader::optional_text(std::string_view name, std::size_t max_size) {
  if (!has(name)) return std::nullopt;
  return text(name, max_size);
}

std::string JsonReader::lines(std::string_view name, std::size_t max_size) {
  const JsonValue* value = need(name);
  return value == nullptr ? std::string() : checked(*value, name, max_size, true);
}

std::optional<std::string> JsonReader::optional_lines(std::string_view name, std::size_t max_size) {
  if (!has(name)) return std::nullopt;
  return lines(name, max_size);
}

std::vector<std::string> JsonReader::optional_texts(std::string_view name, std::size_t max_count, std::size_t max_size) {
  if (!has(name)) return {};
  std::vector<std::string> texts;
  for (const JsonValue& value : array(name, max_count)) texts.push_back(checked(value, name, max_size, false));
  return texts;
}

std::uint64_t JsonReader::number(std::string_view name, std::uint64_t max) {
  const JsonValue* value = need(name);
  if (value == nullptr) return 0;
  std::optional<std::uint64_t> number;
  if (const auto* with_sign = std::get_if<std::int64_t>(&value->content); with_sign != nullptr && *with_sign >= 0) {
    number = static_cast<std::uint64_t>(*with_sign);
  }
  if (const auto* without = std::get_if<std::uint64_t>(&value->content)) number = *without;
  if (!number || *number > max) {
    refuse("member \"" + std::string(name) + "\" must be a whole number from 0 to " + std::to_string(max));
    return 0;
  }
  return *number;
}

std::optional<std::uint64_t> JsonReader::optional_number(std::string_view name, std::uint64_t max) {
  if (!has(name)) return std::nullopt;
  return number(name, max);
}

std::uint64_t JsonReader::serial(std::string_view name) {
  const auto value = parse_decimal(text(name, 20));
  if (!value) refuse("member \"" + std::string(name) + "\" must be a number of 64 bits, written as a string");
  return value.value_or(0);
}

bool JsonReader::boolean(std::string_view name) {
  const JsonValue* value = need(name);
  if (value == nullptr) return false;
  const auto* truth = std::get_if<bool>(&value->content);
  if (truth == nullptr) refuse("member \"" + std::string(name) + "\" must be true or false");
  return truth != nullptr && *truth;
}

const JsonObject& JsonReader::object(std::string_view name) {
  static const JsonObject none;
  const JsonValue* value = need(name);
  if (value == nullptr) return none;
  const auto* object = std::get_if<JsonObject>(&value->content);
  if (object == nullptr) refuse("member \"" + std::string(name) + "\" must be an object");
  return object == nullptr ? none : *object;
}

const JsonArray& JsonReader::array(std::string_view name, std::size_t max_count) {
  static const JsonArray none;
  const JsonValue* value = need(name);
  if (value == nullptr) return none;
  const auto* array = std::get_if<JsonArray>(&value->content);
  if (array == nullptr) {
    refuse("member \"" + std::string(name) + "\" must be a list");
    return none;
  }
  if (array->size() > max_count) {
    refuse("member \"" + std::string(name) + "\" has more than " + std::to_string(max_count) + " entries");
    return none;
  }
  return *array;
}

void JsonReader::refuse(std::string why) {
  if (mistake_.empty()) mistake_ = std::move(why);
}

Result<void> JsonReader::finish() {
  for (std::size_t i = 0; i < object_.size() && !ignore_unknown_; ++i) {
    if (!taken_[i]) refuse("member \"" + escaped(object_[i].name, 64) + "\" is not known");
  }
  if (!mistake_.empty()) return problem(mistake_, what_);
  return {};
}

void JsonWriter::name(std::string_view name) {
  out_ += out_.empty() ? "{" : ",";
  out_ += json_quoted(name);
  out_ += ':';
}

JsonWriter& JsonWriter::text(std::string_view member, std::string_view value) { return raw(member, json_quoted(value)); }

JsonWriter& JsonWriter::texts(std::string_view member, const std::vector<std::string>& values) {
  std::string list = "[";
  for (const std::string& value : values) {
    if (list.size() > 1) list += ',';
    list += json_quoted(value);
  }
  return raw(member, list + "]");
}

JsonWriter& JsonWriter::number(std::string_view member, std::uint64_t value) { return raw(member, std::to_string(value)); }

JsonWriter& JsonWriter::boolean(std::string_view member, bool value) { return raw(member, value ? "true" : "false"); }

JsonWriter& JsonWriter::raw(std::string_view member, std::string_view json) {
  name(member);
  out_ += json;
  return *this;
}

std::string JsonWriter::take() {
  if (out_.empty()) out_ = "{";
  return std::exchange(out_, {}) + "}";
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 20 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace gatehouse::ca
