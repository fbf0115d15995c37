/// What runs on a session channel: a shell, a command, a subsystem.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"
#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse::sshd {

/// What to run and around it.
struct ProgramPlan {
  const Account* account = nullptr;
  /// To be run by the user's shell with -c; nothing: the shell itself, as a login shell.
  std::optional<std::string> command;
  std::vector<std::string> environment;  ///< "NAME=value"
  int terminal = -1;                     ///< slave side; -1: three pipes
  bool user_rc = false;                  ///< run ~/.ssh/rc, or else /etc/ssh/sshrc, first
  /// Shown on a terminal before a login shell, unless ~/.hushlogin exists.
  std::string last_login;
  bool show_motd = false;
};

/// A program that was started. With a terminal there are no pipes.
struct Program {
  pid_t pid = -1;
  UniqueFd exited;  ///< becomes readable when it has exited (pidfd)
  UniqueFd input;   ///< its standard input, to write; non-blocking
  UniqueFd output;  ///< its standard output, to read; non-blocking
  UniqueFd errors;  ///< its standard error, to read; non-blocking
};

/// Starts it as leader of a session and process group of its own. None of our descriptors goes along.
Result<Program> start_program(const ProgramPlan& plan);

/// How a program ended.
struct ProgramEnd {
  bool by_signal = false;
  int code = 0;  ///< exit status, or signal number
  bool core_dumped = false;
};
/// The end of a program whose pidfd is readable; nothing while it still runs.
std::optional<ProgramEnd> end_of(const Program& program);

/// Signal names of RFC 4254 section 6.10, without SIG.
std::optional<int> signal_by_name(const std::string& name);
std::string signal_name(int number);

}  // namespace gatehouse::sshd
