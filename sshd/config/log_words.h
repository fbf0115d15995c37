/// Words of LogLevel, for reading and for -T.
#pragma once

#include "sshd/config/settings.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

inline constexpr Word<LogLevel> log_level_words[] = {
    {"QUIET", LogLevel::quiet},   {"FATAL", LogLevel::fatal},     {"ERROR", LogLevel::error},
    {"INFO", LogLevel::info},     {"VERBOSE", LogLevel::verbose}, {"DEBUG", LogLevel::debug1},
    {"DEBUG1", LogLevel::debug1}, {"DEBUG2", LogLevel::debug2},   {"DEBUG3", LogLevel::debug3},
};

}  // namespace gatehouse::sshd
