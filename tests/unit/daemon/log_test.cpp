#include "daemon/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "daemon/account.h"

namespace gatehouse {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs `body` in a child, where the log may be opened and lost; gives its exit status.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(Log, WritesOneLinePerEventWhateverIsInIt) {
  char path[] = "/tmp/log_test.XXXXXX";
  close(mkstemp(path));
  EXPECT_EQ(in_child([&] {
              log::open({"program", path, false, log::Level::info});
              log::set_part("part");
              log::info("one\ntwo\r{}", "three");
              log::debug("not shown");
              return 0;
            }),
            0);
  const std::string text = content(path);
  EXPECT_NE(text.find("program part["), std::string::npos);
  EXPECT_NE(text.find("info: one two three\n"), std::string::npos);
  EXPECT_EQ(text.find("not shown"), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  unlink(path);
}

// A child that closed the log's descriptor must not write log lines into what got that number next: with a socket to another process in
// that place, every message between the two would be garbled.
TEST(Log, ALostDescriptorIsNeverWrittenToAgain) {
  char path[] = "/tmp/log_test.XXXXXX";
  close(mkstemp(path));
  EXPECT_EQ(in_child([&] {
              log::open({"program", path, false, log::Level::info});
              const int number = log::descriptor();
              close_all_but({});
              int ends[2];
              if (pipe2(ends, O_NONBLOCK) != 0) return 1;
              if (dup2(ends[1], number) < 0) return 2;
              log::error("lost");
              char octet;
              if (read(ends[0], &octet, 1) > 0) return 3;
              return log::descriptor() == -1 ? 0 : 4;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              log::open({"program", path, false, log::Level::info});
              const int keep[] = {log::descriptor()};
              close_all_but(keep);
              log::error("kept");
              return 0;
            }),
            0);
  EXPECT_NE(content(path).find("kept"), std::string::npos);
  unlink(path);
}

}  // namespace
}  // namespace gatehouse
