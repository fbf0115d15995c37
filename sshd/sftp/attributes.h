/// Between stat(2) and SFTP's attributes, errno and SFTP's status.
#pragma once

#include <sys/stat.h>

#include <string>

#include "protocol/sftp/messages.h"

namespace gatehouse::sshd {

sftp::Attributes attributes_of(const struct stat& about);
/// A line as of `ls -l`, names of owner and group where they are known.
std::string long_name(const std::string& name, const struct stat& about, std::int64_t now);
/// OpenSSH's mapping.
sftp::Status status_of(int error);

}  // namespace gatehouse::sshd
