#include "ca/issuer/config_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "ca/api/json.h"

namespace gatehouse::ca {
namespace {

std::string at(const std::string& file, unsigned line) { return file + " line " + std::to_string(line); }

/// "[token] pin_source" for "token.pin_source".
std::string shown(const std::string& key) {
  const std::size_t dot = key.find('.');
  return "[" + key.substr(0, dot) + "] " + key.substr(dot + 1);
}

/// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t cost = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, cost});
    }
  }
  return row.back();
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t milliseconds;
  };
  constexpr std::array<Unit, 5> units{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_decimal(text.substr(0, digits));
  for (const Unit& unit : units) {
    if (count && *count <= 1'000'000'000 && text.substr(digits) == unit.name) return std::chrono::milliseconds(*count * unit.milliseconds);
  }
  return std::nullopt;
}

}  // namespace

Result<ConfigReader> ConfigReader::parse(std::string_view text, const std::string& file) {
  ConfigReader reader;
  reader.file_ = file;
  try {
    const toml::table root = toml::parse(text, std::string_view(file));
    for (const auto& [table_name, node] : root) {
      const auto* table = node.as_table();
      const unsigned table_line = node.source().begin.line;
      if (table == nullptr)
        return problem("'" + std::string(table_name.str()) + "' stands outside of a table", at(file, table_line), "put it below a [table]");
      for (const auto& [name, entry] : *table) {
        const std::string key = std::string(table_name.str()) + "." + std::string(name.str());
        Value value;
        value.line = entry.source().begin.line;
        if (const auto* string = entry.as_string()) {
          value.content = string->get();
        } else if (const auto* integer = entry.as_integer()) {
          value.content = integer->get();
        } else if (const auto* boolean = entry.as_boolean()) {
          value.content = boolean->get();
        } else if (const auto* array = entry.as_array()) {
          std::vector<std::string> list;
          for (const auto& element : *array) {
            const auto* item = element.as_string();
            if (item == nullptr) return problem(shown(key) + " must be a list of texts", at(file, value.line), "write [\"…\", \"…\"]");
            list.push_back(item->get());
          }
          value.content = std::move(list);
        } else {
          return problem(shown(key) + " must be a text, a whole number, true, false or a list of texts", at(file, value.line));
        }
        reader.values_.emplace(key, std::move(value));
      }
    }
  } catch (const toml::parse_error& mistake) {
    return problem(std::string(mistake.description()), at(file, mistake.source().begin.line), "correct the TOML");
  }
  return reader;
}

std::string ConfigReader::where(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? file_ : at(file_, found->second.line);
}

std::map<std::string, std::string> ConfigReader::places() const {
  std::map<std::string, std::string> places;
  for (const auto& entry : values_) places.emplace(entry.first, where(entry.first));
  return places;
}

void ConfigReader::refuse(const std::string& key, std::string what, std::string mend) {
  if (!mistake_) mistake_ = Problem{shown(key) + " " + std::move(what), where(key), std::move(mend)};
}

/// The value, marked as asked for; null when it is missing or of another kind (a mistake then).
template <class T>
const T* ConfigReader::take(const std::string& key, std::string_view kind) {
  known_.push_back(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  found->second.taken = true;
  const T* content = std::get_if<T>(&found->second.content);
  if (content == nullptr) refuse(key, "must be " + std::string(kind), {});
  return content;
}

std::string ConfigReader::text(const std::string& key, std::string_view mend) {
  const auto* value = take<std::string>(key, "a text");
  if (value == nullptr || value->empty()) {
    refuse(key, value == nullptr ? "is missing" : "is empty", std::string(mend));
    return {};
  }
  return *value;
}

std::string ConfigReader::text_or(const std::string& key, std::string otherwise) {
  const auto* value = take<std::string>(key, "a text");
  return value == nullptr ? std::move(otherwise) : *value;
}

std::string ConfigReader::path(const std::string& key, std::string_view mend) {
  std::string value = text(key, mend);
  if (!value.empty() && value.front() != '/') refuse(key, "must be an absolute path", "begin it with /");
  return value;
}

std::string ConfigReader::path_or(const std::string& key, std::string otherwise) {
  return has(key) ? path(key, "write an absolute path") : (known_.push_back(key), std::move(otherwise));
}

std::vector<std::string> ConfigReader::texts(const std::string& key, std::string_view mend) {
  const auto* value = take<std::vector<std::string>>(key, "a list of texts");
  if (value == nullptr || value->empty()) {
    refuse(key, value == nullptr ? "is missing" : "is an empty list", std::string(mend));
    return {};
  }
  return *value;
}

std::uint64_t ConfigReader::number_or(const std::string& key, std::uint64_t otherwise, std::uint64_t min, std::uint64_t max) {
  const auto* value = take<std::int64_t>(key, "a whole number");
  if (value == nullptr) return otherwise;
  if (*value < 0 || static_cast<std::uint64_t>(*value) < min || static_cast<std::uint64_t>(*value) > max) {
    refuse(key, "must be from " + std::to_string(min) + " to " + std::to_string(max), {});
    return otherwise;
  }
  return static_cast<std::uint64_t>(*value);
}

bool ConfigReader::truth_or(const std::string& key, bool otherwise) {
  const auto* value = take<bool>(key, "true or false");
  return value == nullptr ? otherwise : *value;
}

std::chrono::milliseconds ConfigReader::duration_or(const std::string& key, std::chrono::milliseconds otherwise) {
  const auto* value = take<std::string>(key, "a duration such as \"5s\"");
  if (value == nullptr) return otherwise;
  const auto duration = parse_duration(*value);
  if (!duration) refuse(key, "must be a duration", "write a number and ms, s, m, h or d, such as \"5s\"");
  return duration.value_or(otherwise);
}

Result<void> ConfigReader::finish() {
  std::optional<Problem> first;
  unsigned first_line = 0;
  for (const auto& [key, value] : values_) {
    if (value.taken || (first && first_line <= value.line)) continue;
    const std::string unknown = key;
    const auto nearest = std::min_element(known_.begin(), known_.end(), [&unknown](const std::string& a, const std::string& b) {
      return distance(a, unknown) < distance(b, unknown);
    });
    const bool near = nearest != known_.end() && distance(*nearest, unknown) <= 3;
    first = Problem{"unknown key " + shown(key), where(key),
                    near ? "did you mean " + shown(*nearest) + "?" : "remove it; docs/ca.md lists the keys"};
    first_line = value.line;
  }
  // A misspelt key comes before the one that is missing because of it.
  if (first) return tl::unexpected(*first);
  if (mistake_) return tl::unexpected(*mistake_);
  return {};
}

}  // namespace gatehouse::ca
