/// A PEM file through an open descriptor: the parent opens it with its own rights, the front reads it.
#pragma once

#include <string>

#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

/// From offset 0. @param name  for errors  @error Problem: unreadable, empty, or longer than 1 MiB
Result<SecretBytes> read_pem_file(int fd, const std::string& name);

}  // namespace gatehouse::ca
