#include "sshd/session/terminal_modes.h"

#include <gtest/gtest.h>

#include "protocol/core/wire.h"

namespace gatehouse::sshd {
namespace {

ByteVector encoded(std::initializer_list<TerminalMode> modes, bool end = true) {
  WireWriter writer;
  for (const TerminalMode& mode : modes) writer.byte(mode.opcode).uint32(mode.argument);
  if (end) writer.byte(0);
  return writer.take();
}

TEST(TerminalModes, AreReadUpToTheEndMark) {
  ByteVector octets = encoded({{1, 3}, {53, 0}});
  octets.push_back(50);
  EXPECT_EQ(parse_terminal_modes(octets), (std::vector<TerminalMode>{{1, 3}, {53, 0}}));
}

TEST(TerminalModes, UndefinedOpcodesStopTheReading) {
  EXPECT_EQ(parse_terminal_modes(encoded({{53, 1}, {160, 7}, {54, 1}})), (std::vector<TerminalMode>{{53, 1}}));
  EXPECT_EQ(parse_terminal_modes(encoded({{53, 1}, {255, 7}})), (std::vector<TerminalMode>{{53, 1}}));
}

TEST(TerminalModes, ATruncatedArgumentIsDropped) {
  for (std::size_t size = 6; size < 10; ++size) {
    const ByteVector octets = encoded({{1, 3}, {53, 1}}, false);
    EXPECT_EQ(parse_terminal_modes(Bytes(octets).first(size)), (std::vector<TerminalMode>{{1, 3}})) << size;
  }
  EXPECT_TRUE(parse_terminal_modes({}).empty());
}

TEST(TerminalModes, AnEndlessListIsCut) {
  ByteVector octets;
  for (int i = 0; i < 100000; ++i) octets.insert(octets.end(), {53, 0, 0, 0, 1});
  EXPECT_LE(parse_terminal_modes(octets).size(), 160U);
}

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
  const auto size = window_size(0xFFFFFFFF, 0, 70000, 640);
  EXPECT_EQ(size.ws_col, 65535);
  EXPECT_EQ(size.ws_row, 0);
  EXPECT_EQ(size.ws_xpixel, 65535);
  EXPECT_EQ(size.ws_ypixel, 640);
}

}  // namespace
}  // namespace gatehouse::sshd
