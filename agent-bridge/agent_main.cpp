/// gatehouse-agent: started by hand, by `eval $(gatehouse-agent)`, around a command, or by systemd's socket activation.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "agent-bridge/service/server.h"
#include "daemon/account.h"
#include "daemon/frame_socket.h"
#include "daemon/log.h"
#include "protocol/core/fork_safety.h"

namespace {

using namespace gatehouse;

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* usage =
    "usage: gatehouse-agent [-D] [-s | -c] [-a SOCKET] [-E LOGFILE] [COMMAND [ARG ...]]\n"
    "       gatehouse-agent -k\n"
    "An ssh-agent that gets certificates from a Gatehouse CA (gatehouse login) and renews them.\n"
    "  -a SOCKET   listen here instead of in a new folder below $XDG_RUNTIME_DIR or /tmp\n"
    "  -D          stay in the foreground\n"
    "  -s, -c      print the environment for sh (the default) or csh\n"
    "  -E FILE     log to FILE\n"
    "  -k          end the agent that $SSH_AGENT_PID names\n"
    "With COMMAND, the agent runs it in its environment and ends with it.\n";

struct Options {
  std::string socket;
  std::string log_file;
  bool foreground = false;
  bool csh = false;
  bool kill = false;
  std::vector<char*> command;
};

int end_running_agent() {
  const char* text = std::getenv("SSH_AGENT_PID");
  int pid = 0;
  if (text == nullptr || std::from_chars(text, text + std::strlen(text), pid).ec != std::errc() || pid <= 1) {
    std::cerr << "gatehouse-agent: SSH_AGENT_PID is not set or no process id; nothing to end\n";
    return exit_failed;
  }
  if (::kill(pid, SIGTERM) != 0) {
    std::cerr << "gatehouse-agent: cannot end process " << pid << ": " << std::strerror(errno) << '\n';
    return exit_failed;
  }
  std::cout << "unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\necho Agent pid " << pid << " killed;\n";
  return exit_done;
}

/// The socket that systemd passed (sd_listen_fds(3)), or none.
UniqueFd activated_socket() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::atol(pid) != ::getpid() || std::strcmp(count, "1") != 0) return {};
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  return UniqueFd(3);
}

/// A private folder for the socket; empty when none can be made.
std::string new_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string folder = std::string(runtime != nullptr && *runtime == '/' ? runtime : "/tmp") + "/gatehouse-agent.XXXXXX";
  return ::mkdtemp(folder.data()) == nullptr ? "" : folder;
}

void protect_memory() {
  forbid_dumps();
  rlimit cores{};
  ::getrlimit(RLIMIT_CORE, &cores);
  cores.rlim_cur = 0;  // what the agent starts may raise it again for itself
  ::setrlimit(RLIMIT_CORE, &cores);
#ifndef GATEHOUSE_SANITIZER_BUILD
  // Keys shall not reach swap. Where the limit is too small this does nothing, as with OpenSSH's agent always.
  ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
#endif
}

void print_environment(const Options& options, const std::string& socket, pid_t pid) {
  const char* set = options.csh ? "setenv SSH_AUTH_SOCK %s;\n" : "SSH_AUTH_SOCK=%s; export SSH_AUTH_SOCK;\n";
  const char* set_pid = options.csh ? "setenv SSH_AGENT_PID %d;\n" : "SSH_AGENT_PID=%d; export SSH_AGENT_PID;\n";
  std::printf(set, socket.c_str());
  std::printf(set_pid, static_cast<int>(pid));
  std::printf("echo Agent pid %d;\n", static_cast<int>(pid));
  std::fflush(stdout);
}

void detach() {
  ::setsid();
  if (::chdir("/") != 0) std::abort();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  ::close(null);
}

/// Runs the command beside the server and gives its exit status.
int run_around(agent::Server& server, std::vector<char*> command, const std::string& socket) {
  ::setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  ::setenv("SSH_AGENT_PID", std::to_string(::getpid()).c_str(), 1);
  command.push_back(nullptr);
  const pid_t child = ::fork();  // the server's threads are not in the child; between here and exec nothing waits for them
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);  // an ignored signal would stay ignored in all that the command starts
    ::execvp(command[0], command.data());
    std::fprintf(stderr, "gatehouse-agent: %s: %s\n", command[0], std::strerror(errno));
    ::_exit(127);
  }
  if (child < 0) {
    std::cerr << "gatehouse-agent: fork: " << std::strerror(errno) << '\n';
    return exit_failed;
  }
  int status = 0;
  std::thread waiter([&] {
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    server.stop();
  });
  server.run();
  waiter.join();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* here = ::getcwd(nullptr, 0);
  std::string whole = here == nullptr ? path : std::string(here) + "/" + path;
  std::free(here);
  return whole;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  int letter;
  while ((letter = ::getopt(argc, argv, "+a:E:Dsckh")) != -1) {
    switch (letter) {
      case 'a':
        options.socket = optarg;
        break;
      case 'E':
        options.log_file = optarg;
        break;
      case 'D':
        options.foreground = true;
        break;
      case 's':
        options.csh = false;
        break;
      case 'c':
        options.csh = true;
        break;
      case 'k':
        options.kill = true;
        break;
      case 'h':
        std::cout << usage;
        return exit_done;
      default:
        std::cerr << usage;
        return exit_usage;
    }
  }
  options.command.assign(argv + optind, argv + argc);
  if (options.kill) return end_running_agent();
  protect_memory();
  std::signal(SIGPIPE, SIG_IGN);
  log::open({.program = "gatehouse-agent", .file = options.log_file.empty() ? "" : absolute(options.log_file)});

  UniqueFd listener = activated_socket();
  std::string socket = options.socket.empty() ? "" : absolute(options.socket);
  std::string folder;
  if (!listener) {
    if (socket.empty()) {
      folder = new_folder();
      if (folder.empty()) {
        std::cerr << "gatehouse-agent: cannot make a folder for the socket: " << std::strerror(errno) << "; name one with -a\n";
        return exit_failed;
      }
      socket = folder + "/agent.sock";
    } else if (FrameSocket::connect(socket, std::chrono::milliseconds(200))) {
      std::cerr << "gatehouse-agent: " << socket << ": an agent answers there already; use it, or end it with gatehouse-agent -k\n";
      return exit_failed;
    }
    auto listening = listen_unix(socket, 0600);
    if (!listening) {
      std::cerr << "gatehouse-agent: " << listening.error().line() << '\n';
      return exit_failed;
    }
    listener = std::move(*listening);
  }

  int status = exit_done;
  if (!options.command.empty()) {
    agent::Server server(std::move(listener));
    status = run_around(server, options.command, socket);
  } else {
    if (options.foreground) {
      if (!socket.empty()) print_environment(options, socket, ::getpid());
    } else if (!socket.empty()) {
      const pid_t child = ::fork();
      if (child < 0) {
        std::cerr << "gatehouse-agent: fork: " << std::strerror(errno) << '\n';
        return exit_failed;
      }
      if (child > 0) {
        print_environment(options, socket, child);
        std::fflush(stdout);
        ::_exit(exit_done);
      }
      reseed_after_fork();
      detach();
    }
    agent::Server server(std::move(listener));
    server.run();
  }
  if (!socket.empty()) ::unlink(socket.c_str());
  if (!folder.empty()) ::rmdir(folder.c_str());
  return status;
}
