/// For the tests of sshd_config: text in, settings or problems out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sshd/config/configuration.h"

namespace gatehouse::sshd::test {

inline Configuration parsed(const std::string& text, const std::vector<std::string>& options = {}) {
  auto configuration = Configuration::parse(text, "/etc/gatehouse/sshd_config", options);
  if (!configuration) {
    ADD_FAILURE() << text << ": " << configuration.error().front().line();
    return *Configuration::parse("", "empty");
  }
  return *configuration;
}

inline Problems problems_of(const std::string& text, const std::vector<std::string>& options = {}) {
  auto configuration = Configuration::parse(text, "/etc/gatehouse/sshd_config", options);
  return configuration ? Problems{} : configuration.error();
}

inline std::string first_problem(const std::string& text) {
  const Problems problems = problems_of(text);
  return problems.empty() ? "no problem" : problems.front().line();
}

/// The value that -T prints for a keyword, the first of several lines; "absent" when there is no line.
inline std::string dumped(const Settings& settings, const std::string& keyword) {
  const std::string all = "\n" + dump(settings);
  const auto at = all.find("\n" + keyword + " ");
  if (at == std::string::npos) return "absent";
  const auto begin = at + keyword.size() + 2;
  return all.substr(begin, all.find('\n', begin) - begin);
}

}  // namespace gatehouse::sshd::test
