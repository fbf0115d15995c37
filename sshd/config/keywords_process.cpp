/// Keywords of logs, files and accounts of the server itself.
#include <algorithm>

#include "sshd/config/log_words.h"
#include "sshd/config/setters.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

Result<void> set_log_level(Draft& draft, const Arguments& arguments) {
  const auto level = parse_word<LogLevel>(arguments[0], log_level_words);
  if (!level) return tl::unexpected(level.error());
  draft.settings.log_level = *level;
  return {};
}

constexpr Word<int> facilities[] = {
    {"DAEMON", 0}, {"USER", 0},   {"AUTH", 0},   {"AUTHPRIV", 0}, {"LOCAL0", 0}, {"LOCAL1", 0},
    {"LOCAL2", 0}, {"LOCAL3", 0}, {"LOCAL4", 0}, {"LOCAL5", 0},   {"LOCAL6", 0}, {"LOCAL7", 0},
};

Result<void> set_facility(Draft& draft, const Arguments& arguments) {
  if (const auto known = parse_word<int>(arguments[0], facilities); !known) return tl::unexpected(known.error());
  std::string name = arguments[0];
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  draft.settings.syslog_facility = name;
  return {};
}

constexpr Word<AuditFailure> audit_failures[] = {{"refuse", AuditFailure::refuse}, {"continue", AuditFailure::keep_on}};

Result<void> set_audit_failure(Draft& draft, const Arguments& arguments) {
  const auto value = parse_word<AuditFailure>(arguments[0], audit_failures);
  if (!value) return tl::unexpected(value.error());
  draft.settings.audit_failure = *value;
  return {};
}

template <auto Member>
Result<void> set_account(Draft& draft, const Arguments& arguments) {
  const std::string& name = arguments[0];
  if (name.find_first_of(" \t:/,") != std::string::npos || name.front() == '-') {
    return problem("\"" + escaped(name, 64) + "\" is no account name", {}, "give the name of a system account");
  }
  if (name == "root") return problem("root is not taken away from itself", {}, "give an account that owns nothing, as in the default");
  draft.settings.*Member = name;
  return {};
}

constexpr Keyword table[] = {
    {"LogLevel", Form::one, Repeat::first, Scope::match, Names::nothing, set_log_level},
    {"SyslogFacility", Form::one, Repeat::first, Scope::global, Names::nothing, set_facility},
    {"PidFile", Form::one, Repeat::first, Scope::global, Names::nothing, set_path_or_none<&Settings::pid_file>},
    {"AuditLog", Form::one, Repeat::first, Scope::global, Names::nothing, set_path<&Settings::audit_log>},
    {"AuditFailure", Form::one, Repeat::first, Scope::global, Names::nothing, set_audit_failure},
    {"PreauthUser", Form::one, Repeat::first, Scope::global, Names::nothing, set_account<&Settings::preauth_user>},
    {"AuthorizerUser", Form::one, Repeat::first, Scope::global, Names::nothing, set_account<&Settings::authorizer_user>},
    {"SignerUser", Form::one, Repeat::first, Scope::global, Names::nothing, set_account<&Settings::signer_user>},
    {"RuntimeDirectory", Form::one, Repeat::first, Scope::global, Names::nothing, set_path<&Settings::runtime_directory>},
};

}  // namespace

std::span<const Keyword> process_keywords() { return table; }

}  // namespace gatehouse::sshd
