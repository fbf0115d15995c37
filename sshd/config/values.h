/// Values of keywords: switches, numbers, times, sizes, lists of algorithms. An error says what is wrong and how to write it; the caller
/// adds the line.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::sshd {

using std::chrono::seconds;

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);

/// yes, no (true, false as well).
Result<bool> parse_switch(std::string_view text);
/// Decimal digits only. @error outside [least, most]
Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);
/// 90, 90s, 5m, 1h30m, 2d, 1w: TIME FORMATS of sshd_config(5). @error no time, or longer than 100 years
Result<seconds> parse_time(std::string_view text);
/// 4294967296, 512K, 100M, 1G.
Result<std::uint64_t> parse_size(std::string_view text);

template <class T>
struct Word {
  std::string_view word;
  T value;
};
/// One of a few words, in any case. @error lists them
template <class T>
Result<T> parse_word(std::string_view text, std::span<const Word<T>> words) {
  std::string known;
  for (const Word<T>& each : words) {
    if (equal_ignoring_case(each.word, text)) return each.value;
    known += (known.empty() ? "" : ", ") + std::string(each.word);
  }
  return problem("\"" + escaped(text, 64) + "\" is not a value of this keyword", {}, "give one of " + known);
}
template <class T>
std::string_view word_of(T value, std::span<const Word<T>> words) {
  for (const Word<T>& each : words) {
    if (each.value == value) return each.word;
  }
  return {};
}

/// "a,b", or with + (added at the end), - (patterns taken away) or ^ (put in front) relative to `defaults`.
/// @param known  all names that may be used, wildcards in a + or ^ or plain list are not allowed
/// @error an unknown name, with the nearest known one; a list that ends up empty; a name twice
Result<std::vector<std::string>> parse_algorithms(std::string_view text, const std::vector<std::string>& known,
                                                  const std::vector<std::string>& defaults);

/// The candidate that a person meant, or nothing when none is near (edit distance at most a third of the length, case ignored).
std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates);

}  // namespace gatehouse::sshd
