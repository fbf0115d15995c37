#include "sshd/monitor/session_killer.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "sshd/monitor/child_process.h"

namespace gatehouse::sshd {
namespace {

Account somebody() {
  if (geteuid() == 0) return {"nobody", 65534, 65534, "/", "/bin/sh"};
  return *own_account();
}

/// A child that leads a group of its own and waits; gone with this.
class Waiting {
 public:
  explicit Waiting(const Account& account) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      setpgid(0, 0);
      const bool done = become(account).has_value();
      (void)!write(ends[1], "x", 1);
      while (done) pause();
      _exit(1);
    }
    char octet = 0;
    EXPECT_EQ(read(ends[0], &octet, 1), 1);
    close(ends[0]);
    close(ends[1]);
  }
  Waiting(const Waiting&) = delete;
  ~Waiting() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  /// @return the signal that it died of
  int died_of() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

 private:
  pid_t pid_ = -1;
};

TEST(SessionKiller, ReachesTheGroupsOfTheUser) {
  Waiting first(somebody());
  Waiting second(somebody());
  EXPECT_TRUE(signal_groups(somebody(), {first.pid(), second.pid()}, SIGTERM));
  EXPECT_EQ(first.died_of(), SIGTERM);
  EXPECT_EQ(second.died_of(), SIGTERM);
}

TEST(SessionKiller, ReachesNobodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a process of somebody else";
  const Waiting roots({"root", 0, 0, "/", "/bin/sh"});
  EXPECT_TRUE(signal_groups(somebody(), {roots.pid()}, SIGKILL));
  usleep(50000);
  EXPECT_TRUE(roots.lives());
}

TEST(SessionKiller, EndsTheSessionProcessWithoutAHelper) {
  Waiting session(somebody());
  const UniqueFd process = exit_descriptor(session.pid());
  ASSERT_TRUE(process);
  signal_process(process, SIGKILL);
  EXPECT_EQ(session.died_of(), SIGKILL);
  signal_process(process, SIGKILL);  // reaped: no harm to whoever has the number now
  signal_process(UniqueFd(), SIGKILL);
}

TEST(SessionKiller, FindsTheGroupsOfTheChildren) {
  const Waiting child(*own_account());
  const auto groups = process_groups_of(getpid());
  EXPECT_NE(std::find(groups.begin(), groups.end(), child.pid()), groups.end());
}

}  // namespace
}  // namespace gatehouse::sshd
