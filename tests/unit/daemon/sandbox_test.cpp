#include "daemon/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace gatehouse {
namespace {

constexpr int survived = 7;

/// The wait status of a child that enters the sandbox and then does `act`.
int status_of(SandboxKind kind, const std::function<void()>& act) {
  const auto sandbox = Sandbox::compile(kind);
  if (!sandbox) return -1;
  const pid_t child = fork();
  if (child == 0) {
    if (!sandbox->enter()) _exit(1);
    act();
    _exit(survived);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

bool lives(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == survived; }
bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }

TEST(Sandbox, LetsAProcessTalkAndAllocate) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_TRUE(lives(status_of(SandboxKind::preauth, [&] {
    if (write(ends[0], "x", 1) != 1) _exit(2);
    void* block = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) _exit(3);
    munmap(block, 1 << 20);
  })));
  close(ends[0]);
  close(ends[1]);
}

TEST(Sandbox, KillsWhatOpensAFileInPreauth) {
#ifndef GATEHOUSE_SANITIZER_BUILD
  EXPECT_TRUE(killed(status_of(SandboxKind::preauth, [] { (void)open("/etc/passwd", O_RDONLY); })));
#endif
  EXPECT_TRUE(killed(status_of(SandboxKind::preauth, [] { (void)syscall(SYS_open, "/etc/passwd", O_RDONLY); })));
}

TEST(Sandbox, KillsSocketsProcessesAndExecution) {
  for (const SandboxKind kind : {SandboxKind::preauth, SandboxKind::authorizer}) {
    EXPECT_TRUE(killed(status_of(kind, [] { (void)socket(AF_INET, SOCK_STREAM, 0); })));
    EXPECT_TRUE(killed(status_of(kind, [] { (void)syscall(SYS_fork); })));
    EXPECT_TRUE(killed(status_of(kind, [] { (void)execl("/bin/true", "true", nullptr); })));
    EXPECT_TRUE(killed(status_of(kind, [] { (void)syscall(SYS_ptrace, 0, 0, 0, 0); })));
    EXPECT_TRUE(killed(status_of(kind, [] { (void)syscall(SYS_kill, getppid(), 0); })));
  }
}

TEST(Sandbox, KillsMemoryThatCouldBeRun) {
  EXPECT_TRUE(killed(status_of(SandboxKind::preauth,
                               [] { (void)mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); })));
  EXPECT_TRUE(killed(status_of(SandboxKind::preauth, [] { (void)mprotect(nullptr, 4096, PROT_READ | PROT_EXEC); })));
}

TEST(Sandbox, LetsTheAuthorizerReadFilesAndWriteNone) {
  EXPECT_TRUE(lives(status_of(SandboxKind::authorizer, [] {
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) _exit(2);
  })));
  for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC}) {
#ifdef GATEHOUSE_SANITIZER_BUILD
    EXPECT_TRUE(killed(status_of(SandboxKind::authorizer, [flags] { (void)syscall(SYS_open, "/tmp/never", flags, 0600); })));
#else
    EXPECT_TRUE(killed(status_of(SandboxKind::authorizer, [flags] { (void)open("/tmp/never", flags, 0600); })));
#endif
  }
}

}  // namespace
}  // namespace gatehouse
