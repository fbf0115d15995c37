#include "sshd/session/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace gatehouse::sshd {
namespace {

constexpr int pipe_room = 1024 * 1024;  // fewer, larger reads and writes for bulk data

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return problem(fmt::format("pipe: {}", std::strerror(errno)));
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  fcntl(pipe.writing.fd(), F_SETPIPE_SZ, pipe_room);  // without it everything works, only slower
  return pipe;
}

void set_non_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

struct Streams {
  int input;
  int output;
  int errors;
};

// ---- in the child. The parent has one thread, so that all of libc may be used here.

void complain(const std::string& text) { (void)!write(STDERR_FILENO, text.data(), text.size()); }

[[noreturn]] void give_up(const std::string& what) {
  complain(what + ": " + std::strerror(errno) + "\n");
  _exit(127);
}

void show_file(const char* path) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  char buffer[4096];
  ssize_t count;
  while (file && (count = read(file.fd(), buffer, sizeof buffer)) > 0) (void)!write(STDOUT_FILENO, buffer, static_cast<std::size_t>(count));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

bool is_file(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

/// sshd(8), "SSHRC": the user's file by /bin/sh from the user's shell, else the system's by /bin/sh.
void run_rc(const std::string& shell, std::vector<char*>& environment) {
  std::vector<std::string> arguments;
  if (is_file(".ssh/rc")) {
    arguments = {shell, "-c", "/bin/sh .ssh/rc"};
  } else if (is_file("/etc/ssh/sshrc")) {
    arguments = {"/bin/sh", "/etc/ssh/sshrc"};
  } else {
    return;
  }
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    execve(arguments[0].c_str(), pointers_to(arguments).data(), environment.data());
    _exit(127);
  }
  while (child > 0 && waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void be_program(const ProgramPlan& plan, const Streams& streams) {
  setsid();
  if (plan.terminal >= 0) ioctl(plan.terminal, TIOCSCTTY, 0);
  dup2(streams.input, STDIN_FILENO);
  dup2(streams.output, STDOUT_FILENO);
  dup2(streams.errors, STDERR_FILENO);
  close_range(3, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);

  const Account& account = *plan.account;
  const std::string shell = account.shell.empty() ? "/bin/sh" : account.shell;
  if (chdir(account.home.c_str()) != 0) {
    complain(fmt::format("Could not chdir to home directory {}: {}\n", account.home, std::strerror(errno)));
    if (chdir("/") != 0) _exit(127);
  }
  std::vector<std::string> variables = plan.environment;
  std::vector<char*> environment = pointers_to(variables);
  if (plan.user_rc) run_rc(shell, environment);
  if (plan.terminal >= 0 && !plan.command && access(".hushlogin", F_OK) != 0) {
    complain(plan.last_login);
    if (plan.show_motd) show_file("/etc/motd");
  }
  const std::string name = shell.substr(shell.rfind('/') + 1);
  std::vector<std::string> arguments;
  if (plan.command) {
    arguments = {name, "-c", *plan.command};
  } else {
    arguments = {"-" + name};
  }
  execve(shell.c_str(), pointers_to(arguments).data(), environment.data());
  give_up(shell);
}

// ---- signals

struct NamedSignal {
  const char* name;
  int number;
};
constexpr NamedSignal named_signals[] = {{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE},   {"HUP", SIGHUP},   {"ILL", SIGILL},
                                         {"INT", SIGINT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},
                                         {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
/// Those that a client may send.
constexpr int from_client[] = {SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

}  // namespace

Result<Program> start_program(const ProgramPlan& plan) {
  Program program;
  Streams streams{plan.terminal, plan.terminal, plan.terminal};
  std::array<UniqueFd, 3> theirs;
  if (plan.terminal < 0) {
    auto input = make_pipe();
    auto output = make_pipe();
    auto errors = make_pipe();
    for (const auto* pipe : {&input, &output, &errors}) {
      if (!*pipe) return tl::unexpected(pipe->error());
    }
    theirs = {std::move(input->reading), std::move(output->writing), std::move(errors->writing)};
    streams = {theirs[0].fd(), theirs[1].fd(), theirs[2].fd()};
    program.input = std::move(input->writing);
    program.output = std::move(output->reading);
    program.errors = std::move(errors->reading);
    for (const UniqueFd* ours : {&program.input, &program.output, &program.errors}) set_non_blocking(ours->fd());
  }
  program.pid = fork();
  if (program.pid < 0) return problem(fmt::format("fork: {}", std::strerror(errno)));
  if (program.pid == 0) be_program(plan, streams);
  program.exited.reset(static_cast<int>(syscall(SYS_pidfd_open, program.pid, 0)));
  return program;
}

std::optional<ProgramEnd> end_of(const Program& program) {
  int status = 0;
  const pid_t ended = waitpid(program.pid, &status, WNOHANG);
  if (ended != program.pid) return std::nullopt;
  if (WIFSIGNALED(status)) return ProgramEnd{true, WTERMSIG(status), WCOREDUMP(status) != 0};
  return ProgramEnd{false, WEXITSTATUS(status), false};
}

std::optional<int> signal_by_name(const std::string& name) {
  for (const NamedSignal& known : named_signals) {
    if (name != known.name) continue;
    for (const int allowed : from_client) {
      if (allowed == known.number) return known.number;
    }
  }
  return std::nullopt;
}

std::string signal_name(int number) {
  for (const NamedSignal& known : named_signals) {
    if (known.number == number) return known.name;
  }
  return "SIG@openssh.com";  // as sshd says for signals that RFC 4254 does not name
}

}  // namespace gatehouse::sshd
