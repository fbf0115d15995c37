/// gatehouse-sshd: the SSH server. See docs/architecture.md for its processes.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "daemon/account.h"
#include "daemon/log.h"
#include "daemon/sandbox.h"
#include "sshd/authorizer/authorizer.h"
#include "sshd/listener/command_line.h"
#include "sshd/listener/listener.h"
#include "sshd/listener/network_address.h"
#include "sshd/listener/service_notification.h"
#include "sshd/monitor/monitor.h"

namespace gatehouse::sshd {
namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int complain(const Problem& problem) {
  fmt::print(stderr, "gatehouse-sshd: {}\n", problem.line());
  return exit_failed;
}

int complain(const Problems& problems) {
  for (const Problem& problem : problems) (void)complain(problem);
  return exit_failed;
}

log::Level level_of(LogLevel level, unsigned debug) {
  if (debug > 0) return log::Level::debug;
  switch (level) {
    case LogLevel::quiet:
    case LogLevel::fatal:
    case LogLevel::error:
      return log::Level::error;
    case LogLevel::info:
    case LogLevel::verbose:
      return log::Level::info;
    case LogLevel::debug1:
    case LogLevel::debug2:
    case LogLevel::debug3:
      return log::Level::debug;
  }
  std::abort();
}

void open_log(const CommandLine& line, LogLevel level) {
  log::Settings settings;
  settings.program = "gatehouse-sshd";
  settings.file = line.log_file.value_or("");
  settings.syslog = !line.log_file && !line.log_to_stderr;
  settings.level = line.quiet ? log::Level::error : level_of(level, line.debug);
  log::open(settings);
}

// ---- the authorizer

bool confine_authorizer(const std::optional<std::string>& account_name) {
  if (account_name) {
    const auto account = find_account(*account_name);
    const Result<void> become_it = account ? become(*account) : Result<void>(tl::unexpected(account.error()));
    if (!become_it) {
      log::error("{}", become_it.error().line());
      return false;
    }
  }
  forbid_dumps();
  log::forbid_reconnect();
  const auto sandbox = Sandbox::compile(SandboxKind::authorizer);
  const Result<void> entered = sandbox ? sandbox->enter() : Result<void>(tl::unexpected(sandbox.error()));
  if (!entered) log::error("{}", entered.error().line());
  return entered.has_value();
}

int be_authorizer(const CommandLine& line) {
  open_log(line, LogLevel::info);
  log::set_part("authorizer");
  forbid_dumps();
  AuthorizerOptions options;
  options.control.reset(line.control_fd);
  options.listen.reset(line.listen_fd);
  options.peer_uid = line.peer_uid;
  options.confine = [account = line.account] { return confine_authorizer(account); };
  return run_authorizer(std::move(options));
}

// ---- checks and dumps

int dump_settings(const CommandLine& line, const Configuration& configuration) {
  if (!line.connection_spec) {
    fmt::print("{}", dump(configuration.global()));
    return exit_done;
  }
  const auto facts = parse_connection_spec(*line.connection_spec);
  if (!facts) return complain(facts.error());
  fmt::print("{}", dump(configuration.settings_for(*facts)));
  return exit_done;
}

/// Everything that would keep the server from starting.
int check_all(const Configuration& configuration) {
  if (const Problems problems = configuration.startup_problems(); !problems.empty()) return complain(problems);
  if (auto checked = Server::check(configuration); !checked) return complain(checked.error());
  return exit_done;
}

// ---- serving

/// What is loaded lazily and reads files: before anything is confined, and once for all children.
void warm_up() {
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
                          OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT,
                      nullptr);
  tzset();
}

void say_what_is_special(const Configuration& configuration) {
  for (const Problem& note : configuration.notes()) log::warning("{}", note.line());
  if (geteuid() != 0) {
    log::warning("not root: one account for all processes, no change of uid, no empty root; only {} can log in",
                 own_account() ? own_account()->name : std::to_string(geteuid()));
  }
  if (!Sandbox::sanitizer_calls().empty()) {
    log::warning("sanitizer build: the sandbox also allows {}", fmt::join(Sandbox::sanitizer_calls(), " "));
  }
}

/// The calling process ends once the server is up, or has failed; what goes on is a process without terminal.
class Background {
 public:
  /// @return false in the process that only waited; it exits with status()
  bool enter() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return true;
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const pid_t child = fork();
    if (child < 0) return true;
    if (child > 0) {
      writing.reset();
      char word = 0;
      status_ = read(reading.fd(), &word, 1) == 1 ? exit_done : exit_failed;
      return false;
    }
    setsid();
    ready_ = std::move(writing);
    return true;
  }
  int status() const { return status_; }
  void ready() {
    if (!ready_) return;
    if (chdir("/") != 0) return;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, stream);
    if (null > STDERR_FILENO) close(null);
    (void)!write(ready_.fd(), "r", 1);
    ready_.reset();
  }

 private:
  UniqueFd ready_;
  int status_ = exit_failed;
};

class PidFile {
 public:
  explicit PidFile(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    std::ofstream file(path_, std::ios::trunc);
    file << getpid() << '\n';
    if (!file.flush()) log::error("PidFile: cannot write {}", path_);
  }
  PidFile(const PidFile&) = delete;
  ~PidFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

 private:
  std::string path_;
};

/// For SIGHUP: what keeps a server from starting keeps a new configuration from being taken.
Result<Configuration> load(const CommandLine& line) {
  auto configuration = Configuration::load(line.config_file, line.options);
  if (configuration) {
    if (const Problems problems = configuration->startup_problems(); !problems.empty()) {
      return problem(problems[0].what, problems[0].where, problems[0].mend);
    }
    if (!line.quiet) log::set_level(level_of(configuration->global().log_level, line.debug));
    return std::move(*configuration);
  }
  const Problems& problems = configuration.error();
  return problems.size() == 1 ? problem(problems[0].what, problems[0].where, problems[0].mend)
                              : problem(fmt::format("{} problems, the first: {}", problems.size(), problems[0].line()));
}

/// Executes the very image that runs now. Comes back only when that failed.
void execute_anew(const CommandLine& line, const CarriedState& state) {
  const ByteVector octets = state.write();
  const UniqueFd memory(memfd_create("gatehouse-sshd", 0));
  if (!memory || write(memory.fd(), octets.data(), octets.size()) != static_cast<ssize_t>(octets.size())) return;
  std::vector<std::string> arguments = {"gatehouse-sshd", "--resume", std::to_string(memory.fd())};
  const std::vector<std::string> same = arguments_of(line);
  arguments.insert(arguments.end(), same.begin(), same.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  for (const int fd : state.descriptors()) fcntl(fd, F_SETFD, 0);
  execv("/proc/self/exe", pointers.data());
  const int reason = errno;
  for (const int fd : state.descriptors()) fcntl(fd, F_SETFD, FD_CLOEXEC);
  errno = reason;
}

ListenerOptions listener_options(const CommandLine& line) {
  return {line.once, [&line](const CarriedState& state) { execute_anew(line, state); }, [&line] { return load(line); }};
}

Result<CarriedState> read_carried_state(int fd) {
  const UniqueFd memory(fd);
  const off_t size = lseek(memory.fd(), 0, SEEK_END);
  if (size <= 0) return problem("no carried state");
  ByteVector octets(static_cast<std::size_t>(size));
  if (pread(memory.fd(), octets.data(), octets.size(), 0) != size) return problem("cannot read the carried state");
  return CarriedState::parse(octets);
}

int end_of_service(Server& server, int status) {
  notify_service("STOPPING=1");
  server.release();
  return status;
}

/// The listener that executed itself anew: no step of a start is done twice.
int resume(const CommandLine& line) {
  warm_up();
  auto state = read_carried_state(line.resume_fd);
  if (!state) return complain(state.error());
  for (const int fd : state->descriptors()) fcntl(fd, F_SETFD, FD_CLOEXEC);
  const auto configuration = Configuration::deserialize(state->configuration);
  if (!configuration) return complain(configuration.error());
  open_log(line, configuration->global().log_level);
  forbid_dumps();
  const LogTarget target{line.log_file, line.log_to_stderr, line.debug};
  auto server = Server::resume(*state, target, configuration->global().runtime_directory);
  if (!server) {
    log::error("{}", server.error().line());
    return exit_failed;
  }
  log::debug("executed anew; {} connections go on", state->children.size());
  const PidFile pid_file(configuration->global().pid_file);
  Listener listener(*server, *state, listener_options(line));
  return end_of_service(*server, listener.run());
}

int serve(const CommandLine& line, Configuration configuration) {
  const Settings settings = configuration.global();
  std::vector<ListenSocket> sockets = inherited_listen_sockets();
  if (sockets.empty()) {
    auto opened = open_listen_sockets(settings);
    if (!opened) return complain(opened.error());
    sockets = std::move(*opened);
  }
  Background background;
  if (!line.foreground && !background.enter()) return background.status();
  warm_up();
  say_what_is_special(configuration);
  auto server = Server::start(std::move(configuration), {line.log_file, line.log_to_stderr, line.debug}, settings.runtime_directory);
  if (!server) {
    log::error("{}", server.error().line());
    return line.log_to_stderr ? exit_failed : complain(server.error());
  }
  const PidFile pid_file(line.once ? "" : settings.pid_file);
  background.ready();
  notify_service("READY=1");
  for (const ListenSocket& socket : sockets) log::info("Server listening on {}.", socket.where);
  Listener listener(*server, std::move(sockets), listener_options(line));
  return end_of_service(*server, listener.run());
}

// ---- -i

bool reachable(const std::string& socket) { return FrameSocket::connect(socket, std::chrono::milliseconds{500}).has_value(); }

/// A folder of its own for the two processes of one connection. It goes with this.
class OwnFolder {
 public:
  explicit OwnFolder(const std::string& runtime_directory) {
    for (std::string pattern : {runtime_directory + "-inetd.XXXXXX", std::string("/tmp/gatehouse-sshd-inetd.XXXXXX")}) {
      if (mkdtemp(pattern.data()) == nullptr) continue;
      path_ = pattern;
      return;
    }
  }
  OwnFolder(const OwnFolder&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// @return the exit status of the monitor; a failure when it did not exit, or when nobody can say how
int wait_for_monitor(pid_t child) {
  int status = 0;
  while (true) {
    const pid_t reaped = waitpid(child, &status, 0);
    if (reaped == child) return WIFEXITED(status) ? WEXITSTATUS(status) : exit_failed;
    if (reaped < 0 && errno != EINTR) return exit_failed;
  }
}

/// The connection of -i, taken off the standard streams: nothing that we print may get into it.
Result<UniqueFd> take_connection() {
  if (!peer_of(STDIN_FILENO)) return problem("-i: standard input is no connection", {}, "start it from a super-server, or without -i");
  UniqueFd connection(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (peer_of(stream)) dup2(null.fd(), stream);
  }
  return connection;
}

int serve_inetd(Configuration configuration, UniqueFd connection) {
  const auto peer = peer_of(connection.fd());
  if (!peer) return exit_failed;  // gone meanwhile
  warm_up();
  const Settings settings = configuration.global();
  // The running server's signer and authorizer serve this connection as well, where there are some.
  const bool running = reachable(settings.runtime_directory + "/authorizer") && reachable(settings.runtime_directory + "/signer");
  std::optional<OwnFolder> own;
  if (!running) own.emplace(settings.runtime_directory);
  if (own && own->path().empty())
    return complain({"-i: no folder for signer and authorizer", settings.runtime_directory, "let it be made"});
  auto server = running ? Server::join(std::move(configuration), settings.runtime_directory)
                        : Server::start(std::move(configuration), {}, own->path());
  if (!server) return complain(server.error());
  const auto leave = [&](int status) {
    if (!running) server->stop();
    return status;
  };
  const std::string words = server->image().identification + "\r\n";
  if (!server->has_host_keys() || write(connection.fd(), words.data(), words.size()) != static_cast<ssize_t>(words.size()))
    return leave(exit_failed);
  fcntl(connection.fd(), F_SETFL, fcntl(connection.fd(), F_GETFL) | O_NONBLOCK);
  Endpoints ends;
  ends.peer_address = peer->text();
  ends.peer_port = peer->port;
  if (const auto local = local_end_of(connection.fd())) {
    ends.local_address = local->text();
    ends.local_port = local->port;
  }
  const pid_t child = fork();
  if (child == 0) {
    MonitorOptions options{std::move(connection), UniqueFd(), std::move(ends), server->image().identification};
    _exit(static_cast<int>(run_monitor(server->image(), std::move(options))));
  }
  connection.reset();
  return leave(child > 0 ? wait_for_monitor(child) : exit_failed);
}

/// Standard streams are open, and no other descriptor is but those we were given on purpose: what a caller leaks must not reach a session.
void close_strays(const CommandLine& line) {
  while (true) {
    const int null = open("/dev/null", O_RDWR);
    if (null > STDERR_FILENO) close(null);
    if (null < 0 || null > STDERR_FILENO) break;
  }
  if (line.resume_fd >= 0) return;  // its descriptors were chosen by ourselves
  if (line.mode == CommandLine::Mode::authorizer) {
    const int keep[] = {line.control_fd, line.listen_fd};
    return close_all_but(keep);
  }
  close_range(static_cast<unsigned>(3 + inherited_socket_count()), ~0U, 0);
}

int run(const CommandLine& line) {
  using Mode = CommandLine::Mode;
  if (line.mode == Mode::version) {
    fmt::print(stderr, "Gatehouse_0.1, {}\n", OpenSSL_version(OPENSSL_VERSION));
    return exit_done;
  }
  if (line.mode == Mode::authorizer) return be_authorizer(line);
  if (line.resume_fd >= 0) return resume(line);
  UniqueFd connection;
  if (line.mode == Mode::inetd) {
    auto taken = take_connection();
    if (!taken) return complain(taken.error());
    connection = std::move(*taken);
  }
  auto configuration = Configuration::load(line.config_file, line.options);
  if (!configuration) return complain(configuration.error());
  if (line.mode == Mode::dump_unchecked) return dump_settings(line, *configuration);
  if (const int status = check_all(*configuration); status != exit_done) return status;
  if (line.mode == Mode::test) return exit_done;
  if (line.mode == Mode::dump) return dump_settings(line, *configuration);
  open_log(line, configuration->global().log_level);
  forbid_dumps();
  if (line.mode == Mode::inetd) return serve_inetd(std::move(*configuration), std::move(connection));
  return serve(line, std::move(*configuration));
}

}  // namespace
}  // namespace gatehouse::sshd

int main(int count, char** words) {
  using namespace gatehouse::sshd;
  prctl(PR_SET_NAME, "gatehouse-sshd");  // whatever name it was executed by
  signal(SIGCHLD, SIG_DFL);              // a caller that ignores it would have the kernel reap our children for us, unseen
  const auto line = parse_command_line(std::vector<std::string>(words + 1, words + count));
  if (!line) {
    (void)complain(line.error());
    return exit_usage;
  }
  close_strays(*line);
  return run(*line);
}
