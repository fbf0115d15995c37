#include "sshd/monitor/monitor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "daemon/log.h"
#include "protocol/core/fork_safety.h"
#include "protocol/crypto/random.h"
#include "sshd/monitor/child_process.h"
#include "sshd/monitor/preauth_service.h"
#include "sshd/monitor/session_service.h"
#include "sshd/preauth/preauth.h"
#include "sshd/session/session.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int snapshot_room = 512 * 1024;  // one read of the peer's octets, one unfinished packet, and what the transport knows
constexpr milliseconds time_to_exit{5000};

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

struct PreauthProcess {
  pid_t pid = -1;
  UniqueFd exited;
  FrameSocket socket;
  UniqueFd snapshot;
};

/// No file, no process, no core; and nothing can be opened: descriptor numbers below the limit are taken, and poll() wants it no lower
/// than the number of descriptors it is given.
void limit_preauth() {
  const auto set = [](__rlimit_resource_t what, rlim_t value) {
    const rlimit limit{value, value};
    if (setrlimit(what, &limit) != 0) _exit(static_cast<int>(PreauthExit::not_confined));
  };
  set(RLIMIT_FSIZE, 0);
  set(RLIMIT_CORE, 0);
  set(RLIMIT_NPROC, 0);
#ifndef GATEHOUSE_SANITIZER_BUILD  // UndefinedBehaviorSanitizer asks the kernel about an address by a pipe
  set(RLIMIT_NOFILE, 2);
#endif
}

class Monitor {
 public:
  Monitor(ServerImage& server, MonitorOptions options)
      : server_(server),
        connection_(std::move(options.connection)),
        startup_(std::move(options.startup)),
        ends_(std::move(options.ends)),
        identification_(std::move(options.identification)),
        facts_(facts_of(ends_)),
        settings_(server.configuration.settings_for(facts_)),
        audit_(server.audit, hex(crypto::random_bytes(8)), ends_) {}

  MonitorExit run() {
    log::set_part(fmt::format("monitor {}", audit_.connection_id()));
    if (settings_.refuse_connection) {
      audit_.refusal("refuse_connection", "RefuseConnection", {});
      return MonitorExit::refused_by_configuration;
    }
    const ByteVector cookie = crypto::random_bytes(authorizer::cookie_size);
    auto preauth = start_preauth(cookie);
    if (!preauth) return failed(preauth.error());
    auto keys = open_key_exchange(cookie);
    if (!keys) {
      kill(preauth->pid, SIGKILL);
      (void)reap_child(preauth->pid, preauth->exited, time_to_exit);
      return failed(keys.error());
    }
    PreauthService service(server_, facts_, audit_, *keys, std::move(preauth->socket));
    const auto end = service.run(deadline());
    const int status = reap_preauth(*preauth, end);
    if (crashed(status)) {
      log::error("{}: the preauth process died of signal {}", audit_.connection_id(), WTERMSIG(status));
      return MonitorExit::child_crashed;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(PreauthExit::not_confined)) {
      return failed({"the preauth process cannot be confined (account, empty root, limits, seccomp)", "preauth", ""});
    }
    if (!service.login() || end != PreauthService::End::preauth_gone) return without_login(service, end);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != static_cast<int>(PreauthExit::handed_over)) {
      audit_.session_end("hand_over_failed", "the preauth process did not hand over");
      return MonitorExit::failed;
    }
    return serve_session(*service.login(), *keys, std::move(preauth->snapshot));
  }

 private:
  static ConnectionFacts facts_of(const Endpoints& ends) {
    ConnectionFacts facts;
    facts.host = facts.address = ends.peer_address;
    facts.port = ends.peer_port;
    facts.local_address = ends.local_address;
    facts.local_port = ends.local_port;
    return facts;
  }

  MonitorExit failed(const Problem& problem) {
    log::error("{}: {}", audit_.connection_id(), problem.line());
    return MonitorExit::failed;
  }

  std::optional<Clock::time_point> deadline() const {
    if (settings_.login_grace_time.count() == 0) return std::nullopt;
    return began_ + settings_.login_grace_time;
  }

  transport::Settings transport_settings(const Settings& settings) const {
    transport::Settings result;
    result.role = transport::Role::server;
    result.identification = identification_;
    result.identification_sent = true;
    result.algorithms = {settings.kex_algorithms, {}, settings.ciphers, settings.macs};
    result.host_keys = offered_host_keys(server_.host_keys, settings.host_key_algorithms);
    result.server_sig_algs = server_sig_algs(settings.pubkey_accepted_algorithms);
    result.rekey.bytes = settings.rekey_limit.bytes;
    return result;
  }

  static Result<Pipe> snapshot_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return problem(fmt::format("pipe: {}", std::strerror(errno)));
    Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
    // Written whole before anyone reads: it must have room, and a writer must fail rather than wait.
    if (fcntl(pipe.writing.fd(), F_SETPIPE_SZ, snapshot_room) < snapshot_room) return problem("the kernel allows no pipe of 512 KiB");
    fcntl(pipe.writing.fd(), F_SETFL, O_NONBLOCK);
    return pipe;
  }

  Result<PreauthProcess> start_preauth(const ByteVector& cookie) {
    auto sockets = FrameSocket::pair();
    if (!sockets) return tl::unexpected(std::move(sockets.error()));
    auto pipe = snapshot_pipe();
    if (!pipe) return tl::unexpected(std::move(pipe.error()));
    PreauthOptions options;
    options.transport = transport_settings(settings_);
    options.settings = {settings_.pubkey_accepted_algorithms, settings_.max_auth_tries, {}};
    std::copy(cookie.begin(), cookie.end(), options.cookie.begin());
    const pid_t monitor = getpid();
    const pid_t child = fork();
    if (child < 0) return problem(fmt::format("fork: {}", std::strerror(errno)));
    if (child == 0) {
      options.connection = std::move(connection_);
      options.monitor = std::move(sockets->second);
      options.snapshot = std::move(pipe->writing);
      be_preauth(std::move(options), monitor);
    }
    return PreauthProcess{child, exit_descriptor(child), std::move(sockets->first), std::move(pipe->reading)};
  }

  [[noreturn]] void be_preauth(PreauthOptions options, pid_t monitor) {
    const int keep[] = {options.connection.fd(), options.monitor.fd(), options.snapshot.fd()};
    start_child("sshd-preauth", keep);
    bool confined = true;
    if (server_.privileged) {
      confined = enter_empty_root(server_.empty_root).has_value() && become(*server_.preauth).has_value();
      forbid_dumps();  // a change of uid may have allowed them again
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);                                       // only now: a change of uid takes it back
    if (getppid() != monitor) _exit(static_cast<int>(PreauthExit::ended));  // it died before it was set
    limit_preauth();
    if (!confined || !server_.sandbox || !server_.sandbox->enter()) _exit(static_cast<int>(PreauthExit::not_confined));
    _exit(static_cast<int>(run_preauth(std::move(options))));
  }

  Result<KeyExchangeService> open_key_exchange(const ByteVector& cookie) {
    authorizer::Open open;
    open.connection_id = audit_.connection_id();
    open.address = ends_.peer_address;
    open.port = ends_.peer_port;
    open.local_address = ends_.local_address;
    open.local_port = ends_.local_port;
    open.cookie = cookie;
    auto client = AuthorizerClient::open(server_.authorizer_socket, std::move(open));
    if (!client) return tl::unexpected(std::move(client.error()));
    return KeyExchangeService(std::move(*client), server_);
  }

  /// A process that broke the rules, or has had its time, is not waited for.
  static int reap_preauth(PreauthProcess& preauth, PreauthService::End end) {
    if (end != PreauthService::End::preauth_gone) kill(preauth.pid, SIGKILL);
    return reap_child(preauth.pid, preauth.exited, time_to_exit);
  }

  MonitorExit without_login(const PreauthService& service, PreauthService::End end) {
    switch (end) {
      case PreauthService::End::grace_exceeded:
        log::info("Timeout before authentication for {} port {}", ends_.peer_address, ends_.peer_port);
        audit_.refusal("login_grace_time", {}, {});
        return MonitorExit::grace_exceeded;
      case PreauthService::End::violation:
        audit_.refusal("preauth_violation", "the preauth process broke the rules of its monitor", {});
        return MonitorExit::child_crashed;
      case PreauthService::End::refused_by_configuration:
        return MonitorExit::refused_by_configuration;
      case PreauthService::End::preauth_gone:
        break;
    }
    if (service.tried()) return service.user_exists() ? MonitorExit::failed_authentication : MonitorExit::unknown_user;
    return service.key_exchange_finished() ? MonitorExit::done : MonitorExit::no_key_exchange;
  }

  MonitorExit serve_session(const Login& login, KeyExchangeService& keys, UniqueFd snapshot) {
    if (startup_) {
      (void)!write(startup_.fd(), "L", 1);
      startup_.reset();
    }
    auto clock = CertificateClock::start(end_of_session(login.settings, login.grant, static_cast<std::uint64_t>(time(nullptr))));
    if (!clock) return failed(clock.error());
    auto process = start_session(login, std::move(snapshot));
    if (!process) return failed(process.error());
    audit_.session_start(login.grant, process->pid);
    const UniqueFd signals = watch_signals();
    SessionService(server_, login, ends_, audit_, keys, std::move(*process), std::move(connection_), std::move(*clock)).run(signals.fd());
    return MonitorExit::done;
  }

  Result<SessionProcess> start_session(const Login& login, UniqueFd snapshot) {
    auto requests = FrameSocket::pair();
    if (!requests) return tl::unexpected(std::move(requests.error()));
    auto notices = FrameSocket::pair();
    if (!notices) return tl::unexpected(std::move(notices.error()));
    const pid_t child = fork();
    if (child < 0) return problem(fmt::format("fork: {}", std::strerror(errno)));
    if (child == 0) {
      SessionOptions options;
      options.connection = std::move(connection_);
      options.snapshot = std::move(snapshot);
      options.requests = std::move(requests->second);
      options.notices = std::move(notices->second);
      options.transport = transport_settings(login.settings);
      options.settings = login.settings;
      options.grant = login.grant;
      options.account = login.user.account;
      options.ends = ends_;
      options.time_zone = server_.time_zone;
      be_session(std::move(options), login.user);
    }
    SessionProcess process{child, exit_descriptor(child), std::move(requests->first), std::move(notices->first)};
    if (process.exited) return process;
    // Its end would never be seen, and nothing could be done to it that could not hit another.
    kill(child, SIGKILL);
    (void)reap_child(child, process.exited, milliseconds{0});
    return problem("pidfd_open: the session's end could not be watched");
  }

  [[noreturn]] static void be_session(SessionOptions options, const UserAccount& user) {
    const int keep[] = {options.connection.fd(), options.snapshot.fd(), options.requests.fd(), options.notices.fd()};
    start_child("sshd-session", keep);
    setsid();
    umask(022);
    if (!become(user.account, user.groups)) _exit(static_cast<int>(MonitorExit::failed));
    forbid_dumps();  // the change of uid may have allowed them again
    _exit(run_session(std::move(options)));
  }

  static UniqueFd watch_signals() {
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigprocmask(SIG_BLOCK, &watched, nullptr);
    return UniqueFd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  const ServerImage& server_;
  UniqueFd connection_;
  UniqueFd startup_;
  Endpoints ends_;
  std::string identification_;
  ConnectionFacts facts_;
  Settings settings_;
  ConnectionAudit audit_;
  Clock::time_point began_ = Clock::now();
};

}  // namespace

MonitorExit run_monitor(ServerImage& server, MonitorOptions options) {
  const int keep[] = {options.connection.fd(), options.startup.fd(), server.audit.fd(), log::descriptor()};
  close_all_but(keep);
  reseed_after_fork();
  forbid_dumps();
  setsid();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  prctl(PR_SET_NAME, "sshd-monitor", 0, 0, 0);
  Monitor monitor(server, std::move(options));
  return monitor.run();
}

}  // namespace gatehouse::sshd
