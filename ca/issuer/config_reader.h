/// A TOML file of tables with plain values, read strictly: every mistake names file, line and mend, and a key nobody asked for is one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse::ca {

/// Keys are "table.key". The first mistake is kept and finish() tells it.
class ConfigReader {
 public:
  /// @param file  its name in errors  @error not TOML; a value that is no text, number, truth or list of texts; a key outside of a table
  static Result<ConfigReader> parse(std::string_view text, const std::string& file);

  bool has(const std::string& key) const { return values_.count(key) != 0; }
  /// Required. @param mend  what to write when it is missing
  std::string text(const std::string& key, std::string_view mend);
  std::string text_or(const std::string& key, std::string otherwise);
  /// As text, and an absolute path.
  std::string path(const std::string& key, std::string_view mend);
  std::string path_or(const std::string& key, std::string otherwise);
  /// Required, at least one entry.
  std::vector<std::string> texts(const std::string& key, std::string_view mend);
  std::uint64_t number_or(const std::string& key, std::uint64_t otherwise, std::uint64_t min, std::uint64_t max);
  bool truth_or(const std::string& key, bool otherwise);
  /// "500ms", "5s", "10m", "12h", "30d".
  std::chrono::milliseconds duration_or(const std::string& key, std::chrono::milliseconds otherwise);

  /// "FILE line N" of a key that is there, else the file.
  std::string where(const std::string& key) const;
  /// The same for all keys that are there.
  std::map<std::string, std::string> places() const;
  void refuse(const std::string& key, std::string what, std::string mend);
  /// @error the first key that nobody asked for, with the nearest one that is known; else the first mistake
  Result<void> finish();

 private:
  struct Value {
    std::variant<std::string, std::int64_t, bool, std::vector<std::string>> content;
    unsigned line = 0;
    bool taken = false;
  };
  template <class T>
  const T* take(const std::string& key, std::string_view kind);

  std::string file_;
  std::map<std::string, Value> values_;
  std::vector<std::string> known_;
  std::optional<Problem> mistake_;
};

}  // namespace gatehouse::ca
