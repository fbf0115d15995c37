#include "sshd/config/values.h"

#include <algorithm>
#include <numeric>

#include "sshd/config/patterns.h"

namespace gatehouse::sshd {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Leading digits of `text`, taken off. @return nothing when there are none, or more than `most`
std::optional<std::uint64_t> take_digits(std::string_view& text, std::uint64_t most) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint64_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (value > (most - digit) / 10 || value * 10 > most - digit) return std::nullopt;
    value = value * 10 + digit;
    text.remove_prefix(1);
  }
  return value;
}

constexpr std::uint64_t longest_time = std::uint64_t{100} * 365 * 24 * 3600;

std::optional<std::uint64_t> seconds_of_unit(char unit) {
  switch (lower(unit)) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 24 * 3600;
    case 'w':
      return 7 * 24 * 3600;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const auto end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Result<bool> parse_switch(std::string_view text) {
  static constexpr Word<bool> words[] = {{"yes", true}, {"no", false}, {"true", true}, {"false", false}};
  for (const Word<bool>& each : words) {
    if (equal_ignoring_case(each.word, text)) return each.value;
  }
  return problem("\"" + escaped(text, 64) + "\" is neither yes nor no", {}, "give yes or no");
}

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::string_view left = text;
  const auto value = take_digits(left, most);
  if (!value || !left.empty() || *value < least) {
    return problem("\"" + escaped(text, 64) + "\" is not a number from " + std::to_string(least) + " to " + std::to_string(most), {},
                   "give a whole number in that range");
  }
  return *value;
}

Result<seconds> parse_time(std::string_view text) {
  const auto wrong = [text] {
    return problem("\"" + escaped(text, 64) + "\" is not a time", {}, "give seconds, or numbers with s, m, h, d, w, as in 1h30m");
  };
  if (text.empty()) return wrong();
  std::uint64_t total = 0;
  for (std::string_view left = text; !left.empty();) {
    const auto count = take_digits(left, longest_time);
    if (!count) return wrong();
    std::uint64_t unit = 1;
    if (!left.empty()) {
      const auto named = seconds_of_unit(left.front());
      if (!named) return wrong();
      unit = *named;
      left.remove_prefix(1);
    }
    if (*count > longest_time / unit || total > longest_time - *count * unit) return wrong();
    total += *count * unit;
  }
  return seconds(static_cast<std::int64_t>(total));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view left = text;
  constexpr std::uint64_t most = std::uint64_t{1} << 62;
  const auto count = take_digits(left, most);
  std::uint64_t unit = 0;
  if (count && left.empty()) {
    unit = 1;
  } else if (count && left.size() == 1) {
    const char letter = lower(left.front());
    unit = letter == 'k' ? 1024 : letter == 'm' ? 1024 * 1024 : letter == 'g' ? 1024 * 1024 * 1024 : 0;
  }
  if (unit == 0 || *count > most / unit) {
    return problem("\"" + escaped(text, 64) + "\" is not a size", {}, "give octets, or a number with K, M or G, as in 512M");
  }
  return *count * unit;
}

Result<std::vector<std::string>> parse_algorithms(std::string_view text, const std::vector<std::string>& known,
                                                  const std::vector<std::string>& defaults) {
  const char mode = !text.empty() && (text.front() == '+' || text.front() == '-' || text.front() == '^') ? text.front() : '=';
  const std::string_view list = mode == '=' ? text : text.substr(1);
  const std::vector<std::string> names = split(list, ',');
  std::vector<std::string> out;
  if (mode == '-') {
    for (const std::string& name : names) {
      if (name.empty()) return problem("an empty name in a list of algorithms", {}, "take out the superfluous comma");
    }
    for (const std::string& each : defaults) {
      const bool gone = std::any_of(names.begin(), names.end(), [&](const std::string& name) { return pattern_matches(name, each); });
      if (!gone) out.push_back(each);
    }
    if (out.empty()) return problem("nothing is left of the algorithms", {}, "take away less");
    return out;
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::vector<std::string> given;
  for (const std::string& name : names) {
    if (name.empty()) return problem("an empty name in a list of algorithms", {}, "take out the superfluous comma");
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto near = nearest(name, candidates);
      const std::string all = std::accumulate(known.begin(), known.end(), std::string(), [](std::string sum, const std::string& next) {
        return std::move(sum) + (sum.empty() ? "" : ",") + next;
      });
      return problem("algorithm \"" + escaped(name, 64) + "\" is not supported", {},
                     near ? "did you mean " + std::string(*near) + "? all that can be used: " + all : "choose from " + all);
    }
    if (std::find(given.begin(), given.end(), name) == given.end()) given.push_back(name);
  }
  if (mode == '=') return given;
  const auto add = [&out](const std::vector<std::string>& more) {
    for (const std::string& name : more) {
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
  };
  add(mode == '^' ? given : defaults);
  add(mode == '^' ? defaults : given);
  return out;
}

std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.size() > 64) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = text.size() / 3 + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(text.size(), candidate.size());
    if (longer - std::min(text.size(), candidate.size()) >= best_distance) continue;
    // Optimal string alignment: a swap of neighbours is one slip, as fingers make it.
    const std::size_t width = candidate.size() + 1;
    std::vector<std::size_t> before(width), row(width), next(width);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= text.size(); ++i) {
      next[0] = i;
      for (std::size_t j = 1; j < width; ++j) {
        const bool same = lower(text[i - 1]) == lower(candidate[j - 1]);
        next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1)});
        if (i > 1 && j > 1 && lower(text[i - 1]) == lower(candidate[j - 2]) && lower(text[i - 2]) == lower(candidate[j - 1])) {
          next[j] = std::min(next[j], before[j - 2] + 1);
        }
      }
      before.swap(row);
      row.swap(next);
    }
    if (row[width - 1] < best_distance) {
      best_distance = row[width - 1];
      best = candidate;
    }
  }
  return best;
}

}  // namespace gatehouse::sshd
