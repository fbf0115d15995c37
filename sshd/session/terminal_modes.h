/// Terminal modes of pty-req (RFC 4254 section 8; RFC 8160 for IUTF8) as this system has them.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <vector>

#include "protocol/core/bytes.h"
//
#include "protocol/connection/channel_request.h"

namespace gatehouse::sshd {

/// Changes `settings` as asked; modes that this system does not have are passed over.
void apply_terminal_modes(const std::vector<connection::TerminalMode>& modes, termios& settings);

/// Made fit for TIOCSWINSZ: what is above 65,535 becomes that.
struct winsize window_size(const connection::TerminalSize& size);

}  // namespace gatehouse::sshd
