#include "daemon/sandbox.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "daemon/log.h"
#include "daemon/unique_fd.h"

namespace gatehouse {
namespace {

using Names = std::span<const std::string_view>;

/// What any of our processes does while it only computes and talks over descriptors that it has. Names of the second spelling (ppoll,
/// clock_gettime64, …) are what glibc uses on other architectures; those unknown to an architecture are skipped.
constexpr std::string_view common_calls[] = {
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
    "recv",
    "sendto",
    "sendmsg",
    "send",
    "shutdown",
    "close",  //
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",  //
    "brk",
    "munmap",
    "madvise",
    "mremap",
    "futex",
    "futex_time64",  //
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "gettimeofday",
    "time",
    "nanosleep",  //
    "getrandom",
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",  //
    "rt_sigreturn",
    "sigreturn",
    "rt_sigprocmask",
    "restart_syscall",
    "exit",
    "exit_group",
    // abort() is not here: tgkill could reach other processes of the account, and death by SIGSYS is a crash signal all the same
};

/// What the authorizer does beyond that: serve a Unix socket that it was given, and read its files again when they change.
constexpr std::string_view authorizer_calls[] = {
    "accept4",
    "accept",
    "getsockopt",
    "getpeername",
    "fstat",
    "fstat64",
    "newfstatat",
    "fstatat64",
    "stat",
    "stat64",
    "statx",
    "lseek",
    "_llseek",
    "pread64",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_settime64",
    "signalfd4",
    "eventfd2",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    "rt_sigaction",
    "fcntl",
    "fcntl64",
    "getdents64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
};

#ifdef GATEHOUSE_SANITIZER_BUILD
/// For the run-time libraries of the sanitizers: maps of the process, alternate stacks, reports on standard error.
constexpr std::string_view sanitizer_list[] = {
    "sigaltstack", "sched_yield", "rt_sigaction", "prctl",      "readlink", "readlinkat",        "openat",
    "fstat",       "newfstatat",  "lseek",        "getdents64", "getppid",  "sched_getaffinity", "get_robust_list",
    "pipe2",       "prlimit64",   "fcntl",
};
#endif

struct ReleaseContext {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, ReleaseContext>;

Result<void> refuse(int code, std::string_view call) {
  return problem("libseccomp does not take the rule for " + std::string(call) + ": " + std::strerror(-code), "sandbox");
}

Result<void> allow(const Context& context, std::string_view name) {
  const int call = seccomp_syscall_resolve_name(std::string(name).c_str());
  if (call == __NR_SCMP_ERROR) return problem("libseccomp does not know the call " + std::string(name), "sandbox");
  if (call < 0) return {};  // a pseudo number: this architecture has no such call
  const int code = seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, call, 0);
  if (code < 0 && code != -EEXIST) return refuse(code, name);
  return {};
}

Result<void> allow_if(const Context& context, std::string_view name, scmp_arg_cmp condition) {
  const int call = seccomp_syscall_resolve_name(std::string(name).c_str());
  if (call < 0) return {};
  const int code = seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, call, 1, &condition);
  if (code < 0 && code != -EEXIST) return refuse(code, name);
  return {};
}

Result<void> allow_all(const Context& context, Names names) {
  for (const std::string_view name : names) {
    if (auto done = allow(context, name); !done) return done;
  }
  return {};
}

/// Memory that can be written may never be run: mapping or protecting with PROT_EXEC is not on the list.
Result<void> allow_memory(const Context& context) {
  for (const std::string_view name : {"mmap", "mmap2", "mprotect"}) {
    if (auto done = allow_if(context, name, scmp_arg_cmp{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}); !done) return done;
  }
  return {};
}

/// Opening is for reading alone, and makes nothing.
Result<void> allow_open_for_reading(const Context& context) {
  constexpr std::uint64_t writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
  if (auto done = allow_if(context, "openat", scmp_arg_cmp{2, SCMP_CMP_MASKED_EQ, writes, O_RDONLY}); !done) return done;
  return allow_if(context, "open", scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, writes, O_RDONLY});
}

Result<void> fill(const Context& context, SandboxKind kind) {
  if (auto done = allow_all(context, common_calls); !done) return done;
  if (auto done = allow_memory(context); !done) return done;
  if (kind == SandboxKind::authorizer) {
    if (auto done = allow_all(context, authorizer_calls); !done) return done;
    if (auto done = allow_open_for_reading(context); !done) return done;
  }
  return allow_all(context, Sandbox::sanitizer_calls());
}

/// The BPF program that libseccomp would load, as octets we can load ourselves in each child.
Result<std::vector<sock_filter>> export_program(const Context& context) {
  const UniqueFd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return problem("memfd_create: " + std::string(std::strerror(errno)), "sandbox");
  if (const int code = seccomp_export_bpf(context.get(), file.fd()); code < 0) {
    return problem("cannot compile the filter: " + std::string(std::strerror(-code)), "sandbox");
  }
  const off_t size = lseek(file.fd(), 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0) return problem("the compiled filter has an odd size", "sandbox");
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (pread(file.fd(), program.data(), static_cast<std::size_t>(size), 0) != size) return problem("cannot read the filter", "sandbox");
  return program;
}

}  // namespace

std::span<const std::string_view> Sandbox::sanitizer_calls() {
#ifdef GATEHOUSE_SANITIZER_BUILD
  return sanitizer_list;
#else
  return {};
#endif
}

Result<Sandbox> Sandbox::compile(SandboxKind kind) {
  const Context context(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!context) return problem("libseccomp cannot start", "sandbox");
  if (auto done = fill(context, kind); !done) return tl::unexpected(std::move(done.error()));
  auto program = export_program(context);
  if (!program) return tl::unexpected(std::move(program.error()));
  return Sandbox(std::move(*program));
}

Result<void> Sandbox::enter() const {
  log::forbid_reconnect();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return problem("PR_SET_NO_NEW_PRIVS: " + std::string(std::strerror(errno)), "sandbox");
  sock_fprog filter{static_cast<unsigned short>(program_.size()), const_cast<sock_filter*>(program_.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) {
    return problem("the kernel does not take the filter: " + std::string(std::strerror(errno)), "sandbox",
                   "a kernel with CONFIG_SECCOMP_FILTER is needed");
  }
  return {};
}

}  // namespace gatehouse
