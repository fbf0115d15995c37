/// Principals of a role: templates, filled in from a person.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ca/directory/person.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// A literal with at most one place to fill in: "deploy", "{uid}", "db-{employeeType}". {uid} is the person's name, whatever attribute the
/// directory keeps it in.
class PrincipalTemplate {
 public:
  /// @error a brace without its other, two places, no attribute name, a literal that is no principal
  static Result<PrincipalTemplate> parse(const std::string& text);

  /// Lower-case; empty for a literal and for {uid}.
  const std::string& attribute() const { return attribute_; }
  bool is_literal() const { return !has_place_; }
  /// One for each value of the attribute; none when the person has no such attribute. Not judged.
  std::vector<std::string> filled_in(const Person& person) const;

 private:
  std::string before_, after_, attribute_;
  bool has_place_ = false;
};

/// Names that no role may give out without listing them in allow_principals, however they are spelled.
bool is_forbidden_principal(std::string_view name);

/// Whether a host name matches a pattern in which * stands for any characters but dots.
bool host_name_matches(std::string_view pattern, std::string_view name);
/// A host name with * in it.
bool is_acceptable_host_pattern(std::string_view pattern);

}  // namespace gatehouse::ca
