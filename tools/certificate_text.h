/// A certificate for people and for programs to read.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/keys/certificate.h"

namespace gatehouse::tools {

/// Several lines, as much as `ssh-keygen -L` shows, and how much of its life is left.
std::string certificate_text(const keys::Certificate& certificate, std::uint64_t now);
/// One JSON object on one line.
std::string certificate_json(const keys::Certificate& certificate);
std::uint64_t unix_now();

}  // namespace gatehouse::tools
