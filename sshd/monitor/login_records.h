/// utmp, wtmp and lastlog, as `who` and `last` read them. Files that are not there are no error.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "sshd/messages/session.h"

namespace gatehouse::sshd {

/// A terminal somebody logged in on.
struct LoginLine {
  std::string terminal;  ///< "/dev/pts/3"
  std::string user;
  uid_t uid = 0;
  pid_t pid = 0;
  std::string address;
};

void record_login(const LoginLine& line);
void record_logout(const LoginLine& line);

/// When the user was here last; and sets it to now.
std::optional<message::Terminal::LastLogin> exchange_last_login(const LoginLine& line);

}  // namespace gatehouse::sshd
