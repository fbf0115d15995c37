#include "sshd/session/terminal_modes.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

TEST(TerminalModes, SetAndClearFlagsAndCharacters) {
  termios settings{};
  settings.c_lflag = ECHO | ICANON;
  settings.c_iflag = 0;
  settings.c_cc[VINTR] = 3;
  apply_terminal_modes({{53, 0}, {42, 1}, {1, 7}, {2, 255}, {72, 1}, {91, 1}}, settings);
  EXPECT_EQ(settings.c_lflag & ECHO, 0U);
  EXPECT_NE(settings.c_lflag & ICANON, 0U) << "what was not named stays";
  EXPECT_NE(settings.c_iflag & IUTF8, 0U);
  EXPECT_NE(settings.c_oflag & ONLCR, 0U);
  EXPECT_EQ(settings.c_cc[VINTR], 7);
  EXPECT_EQ(settings.c_cc[VQUIT], _POSIX_VDISABLE);
  EXPECT_EQ(settings.c_cflag & CSIZE, static_cast<tcflag_t>(CS8));
}

TEST(TerminalModes, SpeedsBecomeTheNextLowerThatExists) {
  termios settings{};
  apply_terminal_modes({{128, 38400}, {129, 40000}}, settings);
  EXPECT_EQ(cfgetispeed(&settings), static_cast<speed_t>(B38400));
  EXPECT_EQ(cfgetospeed(&settings), static_cast<speed_t>(B38400));
}

TEST(WindowSize, IsBoundedByWhatTheKernelTakes) {
  const auto size = window_size({0xFFFFFFFF, 0, 70000, 640});
  EXPECT_EQ(size.ws_col, 65535);
  EXPECT_EQ(size.ws_row, 0);
  EXPECT_EQ(size.ws_xpixel, 65535);
  EXPECT_EQ(size.ws_ypixel, 640);
}

}  // namespace
}  // namespace gatehouse::sshd
