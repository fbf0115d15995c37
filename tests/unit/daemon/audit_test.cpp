#include "daemon/audit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace gatehouse {
namespace {

// Expected texts: RFC 8259 section 7; ill-formed sequences: Unicode 15, table 3-7.
TEST(JsonQuoted, EscapesWhatWouldBreakOrForgeALine) {
  EXPECT_EQ(json_quoted("plain é"), "\"plain é\"");
  EXPECT_EQ(json_quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(json_quoted("x\n{\"event\":\"login\"}\r"), "\"x\\u000a{\\\"event\\\":\\\"login\\\"}\\u000d\"");
  EXPECT_EQ(json_quoted(std::string_view("\0\x1b[2J\x7f", 6)), "\"\\u0000\\u001b[2J\\u007f\"");
  EXPECT_EQ(json_quoted("\xe2\x80\xa8"), "\"\\u2028\"");
  EXPECT_EQ(json_quoted("\xc2\x85"), "\"\\u0085\"");
}

TEST(JsonQuoted, ReplacesIllFormedUtf8) {
  EXPECT_EQ(json_quoted("\xff"), "\"\\ufffd\"");
  EXPECT_EQ(json_quoted("\xc0\xaf"), "\"\\ufffd\\ufffd\"");             // overlong
  EXPECT_EQ(json_quoted("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");  // surrogate
  EXPECT_EQ(json_quoted("\xf0\x9f\x98"), "\"\\ufffd\\ufffd\\ufffd\"");  // cut
  EXPECT_EQ(json_quoted("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_quoted("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");  // above U+10FFFF
}

TEST(AuditLine, IsOneObjectOnOneLine) {
  const std::string values[] = {"a", "b\n"};
  const std::string line = AuditLine("login")
                               .text("user", "eve\n")
                               .number("port", 22)
                               .boolean("pty", true)
                               .serial("serial", ~0ULL)
                               .texts("principals", values)
                               .line();
  EXPECT_EQ(line.find("{\"time\":\"20"), 0u);
  EXPECT_NE(
      line.find(
          R"(","event":"login","user":"eve\u000a","port":22,"pty":true,"serial":"18446744073709551615","principals":["a","b\u000a"]})"),
      std::string::npos);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(AuditLog, AppendsAndReportsAFullDisk) {
  char path[] = "/tmp/audit_test.XXXXXX";
  close(mkstemp(path));
  auto log = AuditLog::open(path);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->write(AuditLine("one")));
  EXPECT_TRUE(log->write(AuditLine("two")));
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  unlink(path);
  auto full = AuditLog::open("/dev/full");
  ASSERT_TRUE(full);
  EXPECT_FALSE(full->write(AuditLine("lost")));
  EXPECT_FALSE(AuditLog::open("/nonexistent/audit.json"));
}

}  // namespace
}  // namespace gatehouse
