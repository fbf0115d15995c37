/// Encoded terminal modes of pty-req (RFC 4254 section 8; RFC 8160 for IUTF8).
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <cstdint>
#include <vector>

#include "protocol/core/bytes.h"

namespace gatehouse::sshd {

struct TerminalMode {
  std::uint8_t opcode;
  std::uint32_t argument;
  bool operator==(const TerminalMode&) const = default;
};

/// Opcodes 1 to 159 with their uint32 arguments, up to TTY_OP_END, the first opcode of 160 and above ("shall cause parsing to stop"), or
/// the end of the octets. A truncated last argument is dropped, as are more modes than there are opcodes. Never fails: a terminal with odd
/// modes is better than none.
std::vector<TerminalMode> parse_terminal_modes(Bytes encoded);

/// Changes `settings` as asked; modes that this system does not have are passed over.
void apply_terminal_modes(const std::vector<TerminalMode>& modes, termios& settings);

/// A window size of pty-req or window-change, in characters and pixels, made fit for TIOCSWINSZ: what is above 65,535 becomes that.
struct winsize window_size(std::uint32_t columns, std::uint32_t rows, std::uint32_t width_pixels, std::uint32_t height_pixels);

}  // namespace gatehouse::sshd
