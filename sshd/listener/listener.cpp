#include "sshd/listener/listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daemon/log.h"
#include "sshd/config/patterns.h"
#include "sshd/monitor/child_process.h"
#include "sshd/monitor/monitor.h"

namespace gatehouse::sshd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int accepts_in_a_row = 64;  // then the others have their turn
constexpr seconds between_refusal_lines{10};
constexpr std::uint64_t connections_in_one_layout = 1000;
constexpr std::chrono::minutes life_of_a_layout{10};

volatile sig_atomic_t child_ended = 0;
volatile sig_atomic_t asked_to_reload = 0;
volatile sig_atomic_t asked_to_stop = 0;

void on_signal(int number) {
  if (number == SIGCHLD) child_ended = 1;
  if (number == SIGHUP) asked_to_reload = 1;
  if (number == SIGTERM || number == SIGINT) asked_to_stop = 1;
}

/// 0 to 99 from the kernel: no generator of this process is used before a fork.
unsigned roll_dice() {
  std::uint32_t value = 0;
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof value)) return 0;  // refuses when it is unsure
  return value % 100;
}

StartupLimits limits_of(const Settings& settings) {
  StartupLimits limits;
  limits.begin = settings.max_startups.start;
  limits.rate_percent = settings.max_startups.rate_percent;
  limits.full = settings.max_startups.full;
  limits.per_source = settings.per_source_max_startups;
  return limits;
}

PenaltyRules rules_of(const PerSourcePenalties& settings) {
  PenaltyRules rules;
  rules.enabled = settings.enabled;
  rules.crash = settings.crash;
  rules.failed_authentication = settings.authfail;
  rules.unknown_user = settings.invaliduser;
  rules.no_authentication = settings.noauth;
  rules.grace_exceeded = settings.grace_exceeded;
  rules.refused_by_configuration = settings.refuseconnection;
  rules.minimum = settings.min;
  rules.maximum = settings.max;
  rules.max_sources_v4 = settings.max_sources4;
  rules.max_sources_v6 = settings.max_sources6;
  rules.overflow_permissive_v4 = settings.overflow == PenaltyOverflow::permissive;
  rules.overflow_permissive_v6 = settings.overflow6 == PenaltyOverflow::permissive;
  return rules;
}

Endpoints endpoints_of(const UniqueFd& socket, const NetworkAddress& peer) {
  Endpoints ends;
  ends.peer_address = peer.text();
  ends.peer_port = peer.port;
  if (const auto local = local_end_of(socket.fd())) {
    ends.local_address = local->text();
    ends.local_port = local->port;
  }
  return ends;
}

}  // namespace

Listener::Listener(Server& server, std::vector<ListenSocket> sockets, ListenerOptions options)
    : server_(server),
      sockets_(std::move(sockets)),
      options_(std::move(options)),
      startups_(limits_of(server.settings())),
      penalties_(rules_of(server.settings().per_source_penalties)) {}

Listener::Listener(Server& server, const CarriedState& state, ListenerOptions options)
    : Listener(server, std::vector<ListenSocket>(), std::move(options)) {
  for (const CarriedState::Socket& socket : state.sockets) sockets_.push_back({UniqueFd(socket.fd), socket.where});
  const Settings& settings = server.settings();
  for (const CarriedState::Waiting& connection : state.waiting) {
    UniqueFd socket(connection.fd);
    const auto peer = peer_of(socket.fd());
    if (!peer) continue;  // gone meanwhile
    const NetworkBlock source = peer->block(settings.per_source_net_block_size.ipv4, settings.per_source_net_block_size.ipv6);
    (void)waiting_.add({std::move(socket), *peer, source, SteadyTime(SteadyTime::duration(connection.since)), connection.identification});
  }
  for (const CarriedState::Child& child : state.children) {
    if (child.starting) startups_.restore(child.source);
    children_.emplace(child.pid, Child{child.source, child.address, child.starting, UniqueFd(child.startup)});
  }
  penalties_.restore(state.penalties);
  child_ended = 1;  // who ended during the exec is not announced again
}

/// An attacker who guesses meets another address layout after each crash, and no layout lives long (at most once a second).
bool Listener::fresh_layout_due() const {
  const auto age = Clock::now() - executed_;
  if (options_.once || !options_.execute || age < seconds{1}) return false;
  return child_crashed_ || connections_ >= connections_in_one_layout || (connections_ > 0 && age >= life_of_a_layout);
}

void Listener::execute_anew() {
  CarriedState state;
  server_.carry(state);
  for (const ListenSocket& socket : sockets_) state.sockets.push_back({socket.socket.fd(), socket.where});
  for (const WaitingConnection& connection : waiting_) {
    state.waiting.push_back({connection.socket.fd(), connection.since.time_since_epoch().count(), connection.identification});
  }
  for (const auto& [pid, child] : children_) {
    state.children.push_back({pid, child.source, child.address, child.starting, child.startup.fd()});
  }
  state.penalties = penalties_.records();
  options_.execute(state);
  log::error("executing anew: {}; going on with this address layout", std::strerror(errno));
  executed_ = Clock::now();
  connections_ = 0;
  child_crashed_ = false;
}

void Listener::watch_signals() {
  sigset_t blocked;
  sigemptyset(&blocked);
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int number : {SIGCHLD, SIGHUP, SIGTERM, SIGINT}) {
    sigaddset(&blocked, number);
    sigaction(number, &action, nullptr);
  }
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_BLOCK, &blocked, &unblocked_);
  for (const int number : {SIGCHLD, SIGHUP, SIGTERM, SIGINT}) sigdelset(&unblocked_, number);
}

int Listener::run() {
  watch_signals();
  while (asked_to_stop == 0 && !(options_.once && took_one_ && waiting_.empty() && children_.empty())) {
    wait_for_something();
    if (child_ended != 0) {
      child_ended = 0;
      reap();
    }
    if (asked_to_reload != 0) {
      asked_to_reload = 0;
      reload();
    }
    if (fresh_layout_due()) execute_anew();
  }
  log::info("The listener ends; {} connections go on.", children_.size());
  return 0;
}

void Listener::wait_for_something() {
  const auto supervision = server_.tick();
  std::vector<pollfd> entries;
  entries.reserve(sockets_.size() + waiting_.size() + children_.size());
  const bool accepting = !(options_.once && took_one_);
  for (const ListenSocket& socket : sockets_) entries.push_back({accepting ? socket.socket.fd() : -1, POLLIN, 0});
  std::vector<WaitingRoom::Place> places;
  places.reserve(waiting_.size());
  for (auto place = waiting_.begin(); place != waiting_.end(); ++place) {
    places.push_back(place);
    entries.push_back({place->socket.fd(), POLLIN, 0});
  }
  std::vector<pid_t> starting;
  for (const auto& [pid, child] : children_) {
    if (!child.startup) continue;
    starting.push_back(pid);
    entries.push_back({child.startup.fd(), POLLIN, 0});
  }
  const seconds grace = server_.settings().login_grace_time;
  auto timeout = supervision;
  if (child_crashed_) timeout = std::min<milliseconds>(timeout, seconds{1});
  if (!waiting_.empty() && grace.count() > 0) timeout = std::min<milliseconds>(timeout, seconds{1});
  const timespec limit{timeout.count() / 1000, timeout.count() % 1000 * 1000000};
  if (ppoll(entries.data(), entries.size(), &limit, &unblocked_) <= 0) {
    for (pollfd& entry : entries) entry.revents = 0;
  }
  // Backwards: what is found first may lead to what changes the lists behind.
  std::size_t at = sockets_.size() + places.size();
  for (const pid_t pid : starting) {
    const auto child = children_.find(pid);
    if (entries[at++].revents != 0 && child != children_.end()) startup_over(child->second);
  }
  at = sockets_.size();
  for (const auto place : places) {
    if (entries[at++].revents != 0) first_octet(place);
  }
  if (grace.count() > 0) (void)waiting_.remove_older(Clock::now() - grace);
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (entries[i].revents != 0) accept_from(sockets_[i]);
  }
}

void Listener::accept_from(const ListenSocket& listening) {
  for (int i = 0; i < accepts_in_a_row && !(options_.once && took_one_); ++i) {
    UniqueFd socket(accept4(listening.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE) {
        log::error("accept: {}; a silent connection is closed for it", std::strerror(errno));
        if (!waiting_.empty()) (void)waiting_.remove(waiting_.begin());
      }
      return;
    }
    const auto peer = peer_of(socket.fd());
    if (peer) admit(std::move(socket), *peer);
  }
}

bool Listener::exempt(const std::string& address) const {
  const std::string& list = server_.settings().per_source_penalty_exempt_list;
  return !list.empty() && address_list_matches(list, address) == ListMatch::yes;
}

/// A line for the first of its kind, then one every ten seconds with how many there were: the log is not the attacker's to fill.
void Listener::refuse(const UniqueFd& socket, const NetworkAddress& peer, std::string_view why) {
  constexpr std::string_view words = "Not allowed at this time\r\n";
  (void)!send(socket.fd(), words.data(), words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ++refusals_[std::string(why)];
  const auto now = Clock::now();
  if (refusals_said_ != Clock::time_point{} && now - refusals_said_ < between_refusal_lines) return;
  refusals_said_ = now;
  for (const auto& [reason, count] : refusals_) {
    log::warning("drop connection from {} port {}: {} ({} so far)", peer.text(), peer.port, reason, count);
  }
  refusals_.clear();
}

void Listener::admit(UniqueFd socket, const NetworkAddress& peer) {
  const Settings& settings = server_.settings();
  const NetworkBlock source = peer.block(settings.per_source_net_block_size.ipv4, settings.per_source_net_block_size.ipv6);
  if (penalties_.refused(source, Clock::now()) && !exempt(peer.text())) return refuse(socket, peer, "penalty");
  if (!server_.has_host_keys()) return refuse(socket, peer, "no host keys");
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (settings.tcp_keep_alive) setsockopt(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const std::string& identification = server_.image().identification;
  const std::string line = identification + "\r\n";
  if (send(socket.fd(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return;
  took_one_ = true;
  ++connections_;
  const auto gone = waiting_.add({std::move(socket), peer, source, Clock::now(), identification});
  if (!gone.empty()) log::debug("{} silent connections closed to make room", gone.size());
}

void Listener::first_octet(WaitingRoom::Place place) {
  std::uint8_t octet = 0;
  const ssize_t count = recv(place->socket.fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);  // stays where it is; only whether there is one
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  WaitingConnection connection = waiting_.remove(place);
  if (count <= 0) return;  // gone without a word: a health check, not an offence
  const unsigned dice = startups_.refusal_percent() > 0 ? roll_dice() : 99;
  switch (startups_.admit(connection.source, dice)) {
    case Startups::Verdict::admitted:
      return start_monitor(std::move(connection));
    case Startups::Verdict::over_limit:
      return refuse(connection.socket, connection.peer, "MaxStartups");
    case Startups::Verdict::over_source_limit:
      return refuse(connection.socket, connection.peer, "PerSourceMaxStartups");
  }
}

void Listener::start_monitor(WaitingConnection connection) {
  int ends[2];
  const bool piped = pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0;
  UniqueFd reading(piped ? ends[0] : -1);
  UniqueFd writing(piped ? ends[1] : -1);
  const NetworkBlock source = connection.source;
  const std::string address = connection.peer.text();
  const pid_t child = piped ? fork() : -1;
  if (child == 0) be_monitor(std::move(connection), std::move(writing));
  if (child < 0) {
    log::error("no process for {}: {}", address, std::strerror(errno));
    startups_.release(source);
    return;
  }
  children_.emplace(child, Child{source, address, true, std::move(reading)});
}

void Listener::be_monitor(WaitingConnection connection, UniqueFd startup) {
  for (const int number : {SIGCHLD, SIGHUP, SIGTERM, SIGINT}) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &unblocked_, nullptr);
  Endpoints ends = endpoints_of(connection.socket, connection.peer);
  MonitorOptions options{std::move(connection.socket), std::move(startup), std::move(ends), std::move(connection.identification)};
  _exit(static_cast<int>(run_monitor(server_.image(), std::move(options))));
}

void Listener::startup_over(Child& child) {
  child.startup.reset();
  if (!child.starting) return;
  child.starting = false;
  startups_.release(child.source);
}

void Listener::reap() {
  int status = 0;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    const auto known = children_.find(pid);
    if (known == children_.end()) {
      (void)server_.exited(pid, status);
      continue;
    }
    startup_over(known->second);
    judge(known->second, status);
    children_.erase(known);
  }
}

void Listener::judge(const Child& child, int status) {
  if (crashed(status)) {
    log::error("a monitor (peer {}) died of signal {}", child.address, WTERMSIG(status));
    child_crashed_ = true;
    return punish(child, Offence::crash);
  }
  if (!WIFEXITED(status)) return;
  switch (static_cast<MonitorExit>(WEXITSTATUS(status))) {
    case MonitorExit::done:
    case MonitorExit::failed:
      return;
    case MonitorExit::grace_exceeded:
      return punish(child, Offence::grace_exceeded);
    case MonitorExit::child_crashed:
      child_crashed_ = true;
      return punish(child, Offence::crash);
    case MonitorExit::failed_authentication:
      return punish(child, Offence::failed_authentication);
    case MonitorExit::refused_by_configuration:
      return punish(child, Offence::refused_by_configuration);
    case MonitorExit::unknown_user:
      return punish(child, Offence::unknown_user);
    case MonitorExit::no_key_exchange:
      return punish(child, Offence::no_authentication);
  }
}

void Listener::punish(const Child& child, Offence offence) {
  if (exempt(child.address)) return;
  const auto refused_for = penalties_.punish(child.source, offence, Clock::now());
  if (!refused_for) return;
  log::info("penalty: {} is refused for {} s ({})", child.source.text(), refused_for->count(), offence_name(offence));
  AuditLine line("penalty");
  line.text("source", child.source.text()).text("reason", offence_name(offence)).number("seconds", refused_for->count());
  if (auto written = server_.image().audit.write(line); !written) log::error("{}", written.error().line());
}

void Listener::take_settings() {
  startups_.set_limits(limits_of(server_.settings()));
  penalties_.set_rules(rules_of(server_.settings().per_source_penalties));
}

void Listener::reload() {
  log::info("SIGHUP: reading the configuration again");
  const auto old = server_.settings().listen;
  auto configuration = options_.load();
  if (!configuration) return log::error("the old configuration stays: {}", configuration.error().line());
  if (auto reloaded = server_.reload(std::move(*configuration)); !reloaded) {
    return log::error("the old configuration stays: {}", reloaded.error().line());
  }
  take_settings();
  log::info("the new configuration is in force");
  if (server_.settings().listen == old) return;
  // Both sets cannot be bound at once where they overlap.
  sockets_.clear();
  Settings settings = server_.settings();
  auto sockets = open_listen_sockets(settings);
  if (!sockets) {
    log::error("listening where it was before: {}", sockets.error().line());
    settings.listen = old;
    sockets = open_listen_sockets(settings);
  }
  if (!sockets) return log::error("listening on nothing: {}", sockets.error().line());
  sockets_ = std::move(*sockets);
  for (const ListenSocket& socket : sockets_) log::info("Server listening on {}.", socket.where);
}

}  // namespace gatehouse::sshd
