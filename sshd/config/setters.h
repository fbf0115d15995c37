/// Appliers for the common kinds of keyword, for the tables of keywords.
#pragma once

#include <string>

#include "sshd/config/keyword.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd::setter {

/// yes or no.
template <auto Member>
Result<void> set_switch(Draft& draft, const Arguments& arguments) {
  const auto value = parse_switch(arguments[0]);
  if (!value) return tl::unexpected(value.error());
  draft.settings.*Member = *value;
  return {};
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
Result<void> set_number(Draft& draft, const Arguments& arguments) {
  const auto value = parse_number(arguments[0], Least, Most);
  if (!value) return tl::unexpected(value.error());
  draft.settings.*Member = static_cast<std::remove_reference_t<decltype(draft.settings.*Member)>>(*value);
  return {};
}

/// A time; "none" is 0.
template <auto Member>
Result<void> set_time(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    draft.settings.*Member = seconds(0);
    return {};
  }
  const auto value = parse_time(arguments[0]);
  if (!value) return tl::unexpected(value.error());
  draft.settings.*Member = *value;
  return {};
}

/// An absolute path.
Result<void> check_path(std::string_view path);

template <auto Member>
Result<void> set_path(Draft& draft, const Arguments& arguments) {
  if (const auto sound = check_path(arguments[0]); !sound) return sound;
  draft.settings.*Member = arguments[0];
  return {};
}

/// An absolute path, or "none" for the empty one.
template <auto Member>
Result<void> set_path_or_none(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    (draft.settings.*Member).clear();
    return {};
  }
  return set_path<Member>(draft, arguments);
}

/// Absolute paths, or "none" alone for no file.
Result<std::vector<std::string>> paths_or_none(const Arguments& arguments);

template <auto Member>
Result<void> set_paths(Draft& draft, const Arguments& arguments) {
  auto paths = paths_or_none(arguments);
  if (!paths) return tl::unexpected(paths.error());
  draft.settings.*Member = std::move(*paths);
  return {};
}

/// A problem for a value that asks for what this server cannot do.
inline tl::unexpected<Problem> not_supported(std::string what, std::string mend) {
  return problem(std::move(what) + " is not supported by this version", {}, std::move(mend));
}

/// yes only where the feature is built.
template <auto Member, bool Built>
Result<void> set_feature_switch(Draft& draft, const Arguments& arguments) {
  const auto value = parse_switch(arguments[0]);
  if (!value) return tl::unexpected(value.error());
  if (*value && !Built) return not_supported("\"yes\"", "give no, or delete the line");
  draft.settings.*Member = *value;
  return {};
}

}  // namespace gatehouse::sshd::setter
