#include "sshd/session/environment.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::sshd {
namespace {

constexpr std::string_view path_of_users = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
constexpr std::string_view path_of_root = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

class Builder {
 public:
  void set(std::string_view name, std::string_view value) {
    const auto same = std::find_if(variables_.begin(), variables_.end(), [&](const Variable& known) { return known.first == name; });
    if (same != variables_.end()) {
      same->second = value;
    } else {
      variables_.emplace_back(name, value);
    }
  }
  void set_if(std::string_view name, const std::optional<std::string>& value) {
    if (value) set(name, std::string_view(*value));
  }
  std::vector<std::string> take() {
    std::vector<std::string> result;
    result.reserve(variables_.size());
    for (const Variable& variable : variables_) result.push_back(variable.first + "=" + variable.second);
    return result;
  }

 private:
  std::vector<Variable> variables_;
};

}  // namespace

bool fit_for_environment(std::string_view name, std::string_view value) {
  return !name.empty() && name.size() <= 256 && value.size() <= 32768 && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && value.find('\0') == std::string_view::npos;
}

std::vector<std::string> build_environment(const EnvironmentFacts& facts) {
  Builder environment;
  const auto set_all = [&](const std::vector<Variable>& variables) {
    for (const Variable& variable : variables) {
      if (fit_for_environment(variable.first, variable.second)) environment.set(variable.first, std::string_view(variable.second));
    }
  };
  set_all(facts.from_client);
  environment.set("USER", facts.account.name);
  environment.set("LOGNAME", facts.account.name);
  environment.set("HOME", facts.account.home);
  environment.set("PATH", facts.account.uid == 0 ? path_of_root : path_of_users);
  environment.set("MAIL", "/var/mail/" + facts.account.name);
  environment.set("SHELL", facts.account.shell.empty() ? std::string("/bin/sh") : facts.account.shell);
  environment.set_if("TZ", facts.time_zone);
  set_all(facts.from_configuration);
  const Endpoints& ends = facts.endpoints;
  environment.set("SSH_CLIENT", fmt::format("{} {} {}", ends.peer_address, ends.peer_port, ends.local_port));
  environment.set("SSH_CONNECTION", fmt::format("{} {} {} {}", ends.peer_address, ends.peer_port, ends.local_address, ends.local_port));
  environment.set_if("SSH_TTY", facts.terminal);
  environment.set_if("TERM", facts.terminal_type);
  environment.set_if("SSH_ORIGINAL_COMMAND", facts.original_command);
  return environment.take();
}

}  // namespace gatehouse::sshd
