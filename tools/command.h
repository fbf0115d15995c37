/// What every subcommand of `gatehouse` looks like. Streams come in, so that tests run a command in process.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace gatehouse::tools {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  ///< refused or failed
inline constexpr int exit_usage = 2;
inline constexpr int exit_try_later = 3;

struct Streams {
  std::ostream& out;
  std::ostream& err;
};

/// @param args  what follows the words of the command
using CommandFunction = int (*)(std::span<const std::string> args, Streams io);

struct Command {
  std::string_view words;  ///< "login", "cert show"
  std::string_view summary;
  CommandFunction run;
};

/// All subcommands, in the order of the help text.
std::span<const Command> all_commands();

int login_command(std::span<const std::string> args, Streams io);
int logout_command(std::span<const std::string> args, Streams io);
int status_command(std::span<const std::string> args, Streams io);
int cert_request_command(std::span<const std::string> args, Streams io);
int cert_show_command(std::span<const std::string> args, Streams io);
int host_enroll_command(std::span<const std::string> args, Streams io);
int trust_fetch_command(std::span<const std::string> args, Streams io);
int krl_fetch_command(std::span<const std::string> args, Streams io);
int revoke_command(std::span<const std::string> args, Streams io);
int key_generate_command(std::span<const std::string> args, Streams io);
int key_list_command(std::span<const std::string> args, Streams io);
int key_show_command(std::span<const std::string> args, Streams io);
int key_destroy_command(std::span<const std::string> args, Streams io);

}  // namespace gatehouse::tools
