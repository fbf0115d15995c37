/// Keywords of what happens after log-in.
#include <algorithm>
#include <limits>

#include "sshd/config/features.h"
#include "sshd/config/setters.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

constexpr std::uint64_t most_int = std::numeric_limits<std::int32_t>::max();

Result<void> add_accept_env(Draft& draft, const Arguments& arguments) {
  for (const std::string& name : arguments) {
    if (name.find('=') != std::string::npos) {
      return problem("\"" + escaped(name, 64) + "\": a name has no =", {}, "give names or patterns only; SetEnv gives values");
    }
    draft.settings.accept_env.push_back(name);
  }
  return {};
}

Result<void> add_set_env(Draft& draft, const Arguments& arguments) {
  for (const std::string& entry : arguments) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      return problem("\"" + escaped(entry, 64) + "\" is not NAME=value", {}, "write it as NAME=value");
    const std::string name = entry.substr(0, equals);
    if (draft.given.insert("setenv " + name).second) draft.settings.set_env.emplace_back(name, entry.substr(equals + 1));
  }
  return {};
}

Result<void> set_force_command(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) {
    draft.settings.force_command.reset();
    return {};
  }
  if (arguments[0].rfind("internal-sftp", 0) == 0 && !feature::internal_sftp) {
    return not_supported("internal-sftp", "force the external server, as in ForceCommand /usr/lib/openssh/sftp-server");
  }
  draft.settings.force_command = arguments[0];
  return {};
}

/// NAME COMMAND…: the command is the rest of the line as it stands.
Result<void> add_subsystem(Draft& draft, const Arguments& arguments) {
  const std::string& line = arguments[0];
  const auto end = line.find_first_of(" \t");
  const auto command_at = end == std::string::npos ? end : line.find_first_not_of(" \t", end);
  if (command_at == std::string::npos)
    return problem("Subsystem has no command", {}, "write it as Subsystem sftp /usr/lib/openssh/sftp-server");
  const std::string name = line.substr(0, end);
  std::string command = line.substr(command_at);
  // "…" around the whole command, as people write it.
  if (command.size() > 1 && command.front() == '"' && command.find('"', 1) == command.size() - 1)
    command = command.substr(1, command.size() - 2);
  if (command.rfind("internal-sftp", 0) == 0 && !feature::internal_sftp) {
    return not_supported("internal-sftp", "use the external server, as in Subsystem sftp /usr/lib/openssh/sftp-server");
  }
  if (draft.given.insert("subsystem " + name).second) draft.settings.subsystems.emplace(name, std::move(command));
  return {};
}

Result<void> set_chroot(Draft& draft, const Arguments& arguments) {
  if (!equal_ignoring_case(arguments[0], "none") && !feature::chroot)
    return not_supported("ChrootDirectory", "give none, or delete the line");
  return set_path_or_none<&Settings::chroot_directory>(draft, arguments);
}

/// yes and no, and the words for half of it.
template <auto Member, bool Built>
Result<void> set_forwarding(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "local") || equal_ignoring_case(arguments[0], "remote")) {
    return not_supported("forwarding of one kind only", "give no, or delete the line");
  }
  if (equal_ignoring_case(arguments[0], "all")) return set_feature_switch<Member, Built>(draft, {"yes"});
  return set_feature_switch<Member, Built>(draft, arguments);
}

constexpr Word<ExpiredCertificateAction> expired_actions[] = {
    {"disconnect", ExpiredCertificateAction::disconnect},
    {"session", ExpiredCertificateAction::session},
    {"keep", ExpiredCertificateAction::keep},
};

Result<void> set_expired_action(Draft& draft, const Arguments& arguments) {
  const auto value = parse_word<ExpiredCertificateAction>(arguments[0], expired_actions);
  if (!value) return tl::unexpected(value.error());
  draft.settings.expired_certificate_action = *value;
  return {};
}

constexpr Keyword table[] = {
    {"MaxSessions", Form::one, Repeat::first, Scope::match, Names::nothing, set_number<&Settings::max_sessions, 0, most_int>},
    {"ClientAliveInterval", Form::one, Repeat::first, Scope::match, Names::nothing, set_time<&Settings::client_alive_interval>},
    {"ClientAliveCountMax", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_number<&Settings::client_alive_count_max, 0, most_int>},
    {"AcceptEnv", Form::list, Repeat::every, Scope::match, Names::nothing, add_accept_env},
    {"SetEnv", Form::list, Repeat::every, Scope::match, Names::nothing, add_set_env},
    {"ForceCommand", Form::raw, Repeat::first, Scope::match, Names::nothing, set_force_command},
    {"PermitTTY", Form::one, Repeat::first, Scope::match, Names::nothing, set_switch<&Settings::permit_tty>},
    {"PermitUserRC", Form::one, Repeat::first, Scope::match, Names::nothing, set_switch<&Settings::permit_user_rc>},
    {"PrintMotd", Form::one, Repeat::first, Scope::global, Names::nothing, set_switch<&Settings::print_motd>},
    {"PrintLastLog", Form::one, Repeat::first, Scope::global, Names::nothing, set_switch<&Settings::print_last_log>},
    {"AllowTcpForwarding", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_forwarding<&Settings::allow_tcp_forwarding, feature::tcp_forwarding>},
    {"AllowStreamLocalForwarding", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_forwarding<&Settings::allow_stream_local_forwarding, feature::stream_local_forwarding>},
    {"AllowAgentForwarding", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_feature_switch<&Settings::allow_agent_forwarding, feature::agent_forwarding>},
    {"X11Forwarding", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_feature_switch<&Settings::x11_forwarding, feature::x11_forwarding>},
    {"DisableForwarding", Form::one, Repeat::first, Scope::match, Names::nothing, set_switch<&Settings::disable_forwarding>},
    {"Subsystem", Form::raw, Repeat::merged, Scope::match, Names::nothing, add_subsystem},
    {"ChrootDirectory", Form::one, Repeat::first, Scope::match, Names::nothing, set_chroot},
    {"ExpiredCertificateAction", Form::one, Repeat::first, Scope::match, Names::nothing, set_expired_action},
    {"MaxSessionLength", Form::one, Repeat::first, Scope::match, Names::nothing, set_time<&Settings::max_session_length>},
};

}  // namespace

std::span<const Keyword> session_keywords() { return table; }

}  // namespace gatehouse::sshd
