/// The command line, as sshd's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/core/result.h"

namespace gatehouse::sshd {

inline constexpr const char* default_config_file = "/etc/gatehouse/sshd_config";

struct CommandLine {
  enum class Mode : std::uint8_t {
    serve,           ///< listen
    inetd,           ///< -i: the connection is standard input
    test,            ///< -t: check configuration and files, and exit
    dump,            ///< -T: check, and print what holds
    dump_unchecked,  ///< -G: print what holds
    version,         ///< -V
    authorizer,      ///< started by a listener of ours
  };
  Mode mode = Mode::serve;
  std::string config_file = default_config_file;
  std::vector<std::string> options;            ///< of -o and of those that stand for a keyword: "Keyword=value"
  std::optional<std::string> connection_spec;  ///< -C
  bool foreground = false;                     ///< -D, and -d
  bool once = false;                           ///< -d: one connection, then exit
  unsigned debug = 0;                          ///< how many -d
  bool log_to_stderr = false;                  ///< -e, and -d
  std::optional<std::string> log_file;         ///< -E
  bool quiet = false;                          ///< -q
  int resume_fd = -1;                          ///< a listener that executed itself anew: its CarriedState
  // Of the authorizer:
  int control_fd = -1;
  int listen_fd = -1;
  std::optional<std::string> account;
  unsigned peer_uid = 0;
};

/// @param arguments  without the program's name. @error what is wrong, and how it should be
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

/// Arguments by which this program does the same again as a listener in the foreground; paths become absolute.
std::vector<std::string> arguments_of(const CommandLine& line);

std::string usage();

}  // namespace gatehouse::sshd
