#include "sshd/session/terminal_modes.h"

#include <unistd.h>

#include <algorithm>

namespace gatehouse::sshd {
namespace {

constexpr std::uint8_t tty_op_ispeed = 128;
constexpr std::uint8_t tty_op_ospeed = 129;
constexpr std::uint32_t character_disabled = 255;

struct CharacterMode {
  std::uint8_t opcode;
  std::size_t index;
};
constexpr CharacterMode character_modes[] = {{1, VINTR},     {2, VQUIT},    {3, VERASE},  {4, VKILL},  {5, VEOF},
                                             {6, VEOL},      {7, VEOL2},    {8, VSTART},  {9, VSTOP},  {10, VSUSP},
                                             {12, VREPRINT}, {13, VWERASE}, {14, VLNEXT}, {16, VSWTC}, {18, VDISCARD}};

struct FlagMode {
  std::uint8_t opcode;
  tcflag_t termios::*word;
  tcflag_t flag;
};
constexpr FlagMode flag_modes[] = {
    {30, &termios::c_iflag, IGNPAR}, {31, &termios::c_iflag, PARMRK}, {32, &termios::c_iflag, INPCK},  {33, &termios::c_iflag, ISTRIP},
    {34, &termios::c_iflag, INLCR},  {35, &termios::c_iflag, IGNCR},  {36, &termios::c_iflag, ICRNL},  {37, &termios::c_iflag, IUCLC},
    {38, &termios::c_iflag, IXON},   {39, &termios::c_iflag, IXANY},  {40, &termios::c_iflag, IXOFF},  {41, &termios::c_iflag, IMAXBEL},
    {42, &termios::c_iflag, IUTF8},  {50, &termios::c_lflag, ISIG},   {51, &termios::c_lflag, ICANON}, {52, &termios::c_lflag, XCASE},
    {53, &termios::c_lflag, ECHO},   {54, &termios::c_lflag, ECHOE},  {55, &termios::c_lflag, ECHOK},  {56, &termios::c_lflag, ECHONL},
    {57, &termios::c_lflag, NOFLSH}, {58, &termios::c_lflag, TOSTOP}, {59, &termios::c_lflag, IEXTEN}, {60, &termios::c_lflag, ECHOCTL},
    {61, &termios::c_lflag, ECHOKE}, {62, &termios::c_lflag, PENDIN}, {70, &termios::c_oflag, OPOST},  {71, &termios::c_oflag, OLCUC},
    {72, &termios::c_oflag, ONLCR},  {73, &termios::c_oflag, OCRNL},  {74, &termios::c_oflag, ONOCR},  {75, &termios::c_oflag, ONLRET},
    {92, &termios::c_cflag, PARENB}, {93, &termios::c_cflag, PARODD},
};
constexpr std::uint8_t opcode_cs7 = 90;
constexpr std::uint8_t opcode_cs8 = 91;

struct Speed {
  std::uint32_t baud;
  speed_t code;
};
constexpr Speed speeds[] = {{0, B0},         {50, B50},       {75, B75},         {110, B110},      {134, B134},
                            {150, B150},     {200, B200},     {300, B300},       {600, B600},      {1200, B1200},
                            {1800, B1800},   {2400, B2400},   {4800, B4800},     {9600, B9600},    {19200, B19200},
                            {38400, B38400}, {57600, B57600}, {115200, B115200}, {230400, B230400}};

/// The next lower speed that exists; a pty keeps it only for programs that ask.
speed_t speed_code(std::uint32_t baud) {
  speed_t code = B9600;
  for (const Speed& speed : speeds) {
    if (speed.baud <= baud) code = speed.code;
  }
  return code;
}

void apply(const connection::TerminalMode& mode, termios& settings) {
  for (const CharacterMode& known : character_modes) {
    if (known.opcode != mode.opcode) continue;
    settings.c_cc[known.index] = mode.value == character_disabled ? cc_t{_POSIX_VDISABLE} : static_cast<cc_t>(mode.value);
    return;
  }
  for (const FlagMode& known : flag_modes) {
    if (known.opcode != mode.opcode) continue;
    if (mode.value != 0) {
      settings.*known.word |= known.flag;
    } else {
      settings.*known.word &= ~known.flag;
    }
    return;
  }
  // CS7 and CS8 are values of one field, not flags: "off" says nothing about which other value is wanted.
  if ((mode.opcode == opcode_cs7 || mode.opcode == opcode_cs8) && mode.value != 0) {
    settings.c_cflag = (settings.c_cflag & ~static_cast<tcflag_t>(CSIZE)) | (mode.opcode == opcode_cs7 ? CS7 : CS8);
  }
  if (mode.opcode == tty_op_ispeed) cfsetispeed(&settings, speed_code(mode.value));
  if (mode.opcode == tty_op_ospeed) cfsetospeed(&settings, speed_code(mode.value));
}

}  // namespace

void apply_terminal_modes(const std::vector<connection::TerminalMode>& modes, termios& settings) {
  for (const connection::TerminalMode& mode : modes) apply(mode, settings);
}

struct winsize window_size(const connection::TerminalSize& asked) {
  const auto fit = [](std::uint32_t value) { return static_cast<unsigned short>(std::min<std::uint32_t>(value, 65535)); };
  struct winsize size {};
  size.ws_col = fit(asked.columns);
  size.ws_row = fit(asked.rows);
  size.ws_xpixel = fit(asked.width_pixels);
  size.ws_ypixel = fit(asked.height_pixels);
  return size;
}

}  // namespace gatehouse::sshd
