/// The environment of what a session starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/account.h"

namespace gatehouse::sshd {

/// Both ends of the connection, as text.
struct Endpoints {
  std::string peer_address;
  std::uint16_t peer_port = 0;
  std::string local_address;
  std::uint16_t local_port = 0;
};

using Variable = std::pair<std::string, std::string>;

struct EnvironmentFacts {
  const Account& account;
  const Endpoints& endpoints;
  std::vector<Variable> from_client;            ///< already filtered by AcceptEnv; weakest
  std::vector<Variable> from_configuration;     ///< SetEnv
  std::optional<std::string> time_zone;         ///< TZ of the server
  std::optional<std::string> terminal_type;     ///< TERM of pty-req
  std::optional<std::string> terminal;          ///< "/dev/pts/3"
  std::optional<std::string> original_command;  ///< what the client asked for when a forced command runs instead
};

/// What may be a variable's name and value: no empty name, no "=" in it, no NUL in either; at most 256 and 32,768 octets.
bool fit_for_environment(std::string_view name, std::string_view value);

/// Names and values in the order of OpenSSH: what the client sent first, so that it can override none of the rest; a name that occurs
/// twice has its last value. Made into "NAME=value".
std::vector<std::string> build_environment(const EnvironmentFacts& facts);

}  // namespace gatehouse::sshd
