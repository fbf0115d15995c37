#include "sshd/listener/command_line.h"

#include <gtest/gtest.h>

namespace gatehouse::sshd {
namespace {

using Mode = CommandLine::Mode;
using Words = std::vector<std::string>;

TEST(CommandLineTest, WithoutArgumentsServesInTheBackground) {
  const auto line = parse_command_line({});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->mode, Mode::serve);
  EXPECT_FALSE(line->foreground);
  EXPECT_EQ(line->config_file, default_config_file);
}

TEST(CommandLineTest, TakesValuesAttachedOrApart) {
  for (const Words& words : {Words{"-f", "x", "-p", "2222"}, Words{"-fx", "-p2222"}}) {
    const auto line = parse_command_line(words);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->config_file, "x");
    EXPECT_EQ(line->options, Words{"Port=2222"});
  }
}

TEST(CommandLineTest, TakesFlagsInOneWord) {
  const auto line = parse_command_line({"-De4f", "x"});
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->foreground);
  EXPECT_TRUE(line->log_to_stderr);
  EXPECT_EQ(line->options, Words{"AddressFamily=inet"});
  EXPECT_EQ(line->config_file, "x");
}

TEST(CommandLineTest, KeepsTheOrderOfOptions) {
  const auto line = parse_command_line({"-o", "Port 1", "-g", "5", "-oBanner=none"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->options, (Words{"Port 1", "LoginGraceTime=5", "Banner=none"}));
}

TEST(CommandLineTest, DebugMeansOneConnectionInTheForeground) {
  const auto line = parse_command_line({"-dd"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->debug, 2U);
  EXPECT_TRUE(line->once && line->foreground && line->log_to_stderr);
}

TEST(CommandLineTest, KnowsItsModes) {
  for (const auto& [flag, mode] : {std::pair{"-t", Mode::test}, std::pair{"-T", Mode::dump}, std::pair{"-G", Mode::dump_unchecked},
                                   std::pair{"-V", Mode::version}, std::pair{"-i", Mode::inetd}}) {
    EXPECT_EQ(parse_command_line({flag})->mode, mode) << flag;
  }
}

TEST(CommandLineTest, JoinsConnectionSpecs) {
  EXPECT_EQ(parse_command_line({"-T", "-C", "user=a", "-C", "addr=1.2.3.4"})->connection_spec, "user=a,addr=1.2.3.4");
}

TEST(CommandLineTest, RefusesWhatItDoesNotKnow) {
  for (const Words& words : {Words{"-x"}, Words{"word"}, Words{"-p"}, Words{"-"}, Words{"--version"}}) {
    EXPECT_FALSE(parse_command_line(words)) << words[0];
  }
}

TEST(CommandLineTest, TheAuthorizerIsNotForPeople) {
  EXPECT_FALSE(parse_command_line({"--authorizer"}));
  EXPECT_FALSE(parse_command_line({"--authorizer", "--control-fd", "0", "--listen-fd", "1"}));
  EXPECT_FALSE(parse_command_line({"--authorizer", "--control-fd", "3x", "--listen-fd", "4"}));
  const auto line = parse_command_line({"--authorizer", "--control-fd", "3", "--listen-fd", "4", "--peer-uid", "0", "--account", "a"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->mode, Mode::authorizer);
  EXPECT_EQ(line->account, "a");
}

}  // namespace
}  // namespace gatehouse::sshd
