#include "sshd/monitor/child_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace gatehouse::sshd {
namespace {

using namespace std::chrono_literals;

TEST(ReapChild, TellsHowItEnded) {
  const pid_t child = fork();
  if (child == 0) _exit(7);
  const int status = reap_child(child, exit_descriptor(child), 10s);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(ReapChild, KillsOneThatStays) {
  const pid_t child = fork();
  while (child == 0) pause();
  const int status = reap_child(child, exit_descriptor(child), 10ms);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(ReapChild, AnEndThatNobodySawIsNoGoodEnd) {
  const auto before = signal(SIGCHLD, SIG_IGN);  // then the kernel reaps
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const int status = reap_child(child, exit_descriptor(child), 10s);
  signal(SIGCHLD, before);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), unknown_exit);
}

}  // namespace
}  // namespace gatehouse::sshd
