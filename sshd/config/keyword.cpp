#include "sshd/config/keyword.h"

#include <algorithm>
#include <array>

#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

using Part = std::span<const Keyword>;

std::array<Part, 6> parts() {
  return {network_keywords(), token_keywords(), algorithm_keywords(), login_keywords(), session_keywords(), process_keywords()};
}

/// Older names that sshd still takes.
constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"PubkeyAcceptedKeyTypes", "PubkeyAcceptedAlgorithms"},
    {"ChallengeResponseAuthentication", "KbdInteractiveAuthentication"},
    {"SkeyAuthentication", "KbdInteractiveAuthentication"},
    {"DSAAuthentication", "PubkeyAuthentication"},
    {"KeepAlive", "TCPKeepAlive"},
};

std::string_view present_name(std::string_view name) {
  for (const auto& [old, now] : aliases) {
    if (equal_ignoring_case(old, name)) return now;
  }
  return name;
}

template <class Entry>
const Entry* find_in(std::span<const Entry> entries, std::string_view name) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [name](const Entry& each) { return equal_ignoring_case(each.name, name); });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

const Keyword* find_keyword(std::string_view name) {
  const std::string_view wanted = present_name(name);
  for (const Part part : parts()) {
    if (const Keyword* found = find_in(part, wanted)) return found;
  }
  return nullptr;
}

const FixedKeyword* find_fixed_keyword(std::string_view name) { return find_in(fixed_keywords(), present_name(name)); }

const UnsupportedKeyword* find_unsupported_keyword(std::string_view name) { return find_in(unsupported_keywords(), name); }

std::optional<std::string_view> nearest_keyword(std::string_view name) {
  std::vector<std::string_view> candidates{"Match", "Include"};
  for (const Part part : parts()) {
    for (const Keyword& each : part) candidates.push_back(each.name);
  }
  for (const FixedKeyword& each : fixed_keywords()) candidates.push_back(each.name);
  return nearest(name, candidates);
}

Settings Draft::finished() && {
  if (ports.empty()) ports.push_back(22);
  if (listen.empty()) listen.push_back({});
  settings.listen.clear();
  for (const Listen& each : listen) {
    if (each.port) {
      settings.listen.push_back({each.host, *each.port});
      continue;
    }
    for (const std::uint16_t port : ports) settings.listen.push_back({each.host, port});
  }
  return std::move(settings);
}

}  // namespace gatehouse::sshd
