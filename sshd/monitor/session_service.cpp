#include "sshd/monitor/session_service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include "daemon/log.h"
#include "sshd/monitor/child_process.h"
#include "sshd/monitor/session_killer.h"

namespace gatehouse::sshd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds frame_time{2000};  // a session that stops inside a frame holds up its own end: it is ended for it
constexpr seconds time_to_say_goodbye{5};
constexpr seconds time_after_hang_up{1};
constexpr seconds between_kills{1};
constexpr milliseconds revocation_interval{3000};
constexpr milliseconds time_for_last_words{1000};
constexpr int last_words = 4096;  // more than a socket holds
constexpr int tries_to_kill = 3;  // the user can kill the process that does it

/// What was sent, so that poll() does not report it again.
void read_signals(int signals) {
  signalfd_siginfo about{};
  while (read(signals, &about, sizeof about) == static_cast<ssize_t>(sizeof about)) {
  }
}

/// Told, not asked: nobody waits for an answer.
bool is_fact(message::Kind kind) {
  using message::Kind;
  return kind == Kind::note || kind == Kind::close_terminal || kind == Kind::program_started || kind == Kind::program_ended ||
         kind == Kind::sftp_operation;
}

}  // namespace

SessionService::SessionService(const ServerImage& server, const Login& login, const Endpoints& ends, ConnectionAudit& audit,
                               KeyExchangeService& keys, SessionProcess process, UniqueFd connection, CertificateClock clock)
    : server_(server),
      login_(login),
      audit_(audit),
      keys_(keys),
      process_(std::move(process)),
      connection_(std::move(connection)),
      clock_(std::move(clock)),
      terminals_(login.user.account, ends.peer_address, process_.pid, server.privileged),
      table_(session_rules()) {}

int SessionService::poll_timeout() const {
  auto timeout = revocation_interval;
  if (ending_ != Ending::none) {
    timeout = std::min(timeout, std::chrono::ceil<milliseconds>(next_step_ - Clock::now()));
  }
  return static_cast<int>(std::max(timeout, milliseconds{0}).count());
}

void SessionService::run(int signals) {
  while (!gone_) {
    // What may begin the end is not looked at once it has begun: it would be reported again and again.
    const auto until_ending = [this](int fd) { return pollfd{ending_ == Ending::none ? fd : -1, POLLIN, 0}; };
    std::array<pollfd, 5> entries{pollfd{process_.exited.fd(), POLLIN, 0}, pollfd{process_.requests.fd(), POLLIN, 0},
                                  until_ending(clock_.fd()), until_ending(keys_.authorizer().fd()), until_ending(signals)};
    if (poll(entries.data(), entries.size(), poll_timeout()) < 0) {
      if (errno != EINTR) break;
      for (pollfd& entry : entries) entry.revents = 0;
    }
    if (entries[1].revents != 0) serve_request(frame_time);
    if (entries[4].revents != 0) {
      read_signals(signals);
      end("terminated", {}, "The server ends this session.");
    }
    look_at_clock();  // whether its timer has fired or not: what went before may have taken its time
    look_for_revocation();
    advance_ending();
    if (entries[0].revents != 0) reap();
  }
}

void SessionService::serve_request(milliseconds patience) {
  auto frame = process_.requests.receive(patience);
  if (!frame) return no_more_requests();
  auto request = message::parse_session_request(frame->payload);
  if (!request) return violated(request.error().detail);
  const message::Kind kind = *message::kind_of(frame->payload);
  if (auto admitted = table_.admit(kind, true); !admitted) return violated(admitted.error().what);
  if (gone_ && !is_fact(kind)) return violated("a question after the end of the session process");
  if (auto served = std::visit([this](auto& asked) { return on(asked); }, *request); !served) violated(served.error().what);
}

/// Closed: the process is about to exit. Stopped inside a frame: it is made to, like one that closed its end and goes on.
void SessionService::no_more_requests() {
  process_.requests.close();
  if (ending_ != Ending::none || gone_) return;
  ending_ = Ending::asked;
  next_step_ = Clock::now() + time_to_say_goodbye;
}

void SessionService::violated(std::string detail) {
  process_.requests.close();
  end_by_force("violation", std::move(detail));
}

Result<void> SessionService::slow_down(Throttle& throttle) {
  if (gone_) return {};  // drain_requests() has its own bounds
  const auto wait = throttle.reserve(Clock::now());
  if (!wait) return problem("the session goes on and on with audit facts or terminals");
  std::this_thread::sleep_for(*wait);
  return {};
}

Result<void> SessionService::reply(Bytes frame, std::span<const int> descriptors) {
  return process_.requests.send(frame, frame_time, descriptors);
}

Result<void> SessionService::on(const message::NextCookie&) {
  // Too many are not refused but slowed down: a client with a small RekeyLimit still gets its data. It has only itself to wait for.
  std::this_thread::sleep_for(rekeys_.reserve(Clock::now()));
  auto cookie = keys_.next_cookie();
  if (cookie) return reply(message::write(*cookie));
  log::error("{}: rekey: {}", audit_.connection_id(), cookie.error().line());
  return reply(message::write(message::Denied{}));
}

Result<void> SessionService::on(message::SignExchange& request) {
  auto answer = keys_.sign(std::move(request));
  if (answer) return reply(message::write(*answer));
  log::error("{}: rekey: {}", audit_.connection_id(), answer.error().line());
  return reply(message::write(message::Denied{}));
}

Result<void> SessionService::on(const message::Note& note) {
  const std::string text = fmt::format("{}: session: {}", audit_.connection_id(), escaped(note.text, message::Note::max_text));
  if (note.level == message::Note::Level::debug) {
    log::debug("{}", text);
  } else {
    log::info("{}", text);
  }
  return {};
}

Result<void> SessionService::on(const message::OpenTerminal& request) {
  if (auto slowed = slow_down(terminal_openings_); !slowed) return slowed;
  if (!login_.grant.permits.pty || !login_.settings.permit_tty || terminals_.size() >= login_.settings.max_sessions) {
    return reply(message::write(message::Denied{}));
  }
  auto opened = terminals_.open(request.channel);
  if (!opened) {
    log::error("{}: {}", audit_.connection_id(), opened.error().line());
    return reply(message::write(message::Denied{}));
  }
  const int descriptors[] = {opened->master.fd(), opened->slave.fd()};
  return reply(message::write(opened->facts), descriptors);
}

Result<void> SessionService::on(const message::CloseTerminal& request) {
  if (auto slowed = slow_down(facts_); !slowed) return slowed;
  terminals_.close(request.channel);
  return {};
}

Result<void> SessionService::on(const message::ProgramStarted& fact) {
  if (auto slowed = slow_down(facts_); !slowed) return slowed;
  audit_.program_started(fact);
  return {};
}

Result<void> SessionService::on(const message::ProgramEnded& fact) {
  if (auto slowed = slow_down(facts_); !slowed) return slowed;
  audit_.program_ended(fact);
  return {};
}

Result<void> SessionService::on(const message::SftpOperation& fact) {
  // Of honest work with many small files there may be any amount: it is slowed down only.
  if (!gone_) std::this_thread::sleep_for(sftp_operations_.reserve(Clock::now()));
  audit_.sftp_operation(fact);
  return {};
}

void SessionService::look_at_clock() {
  if (ending_ != Ending::none) return;
  switch (clock_.due()) {
    case CertificateClock::Due::nothing:
      return;
    case CertificateClock::Due::warning:
      (void)process_.notices.send(message::write(message::Warn{"Your certificate ends soon; this session ends with it."}), frame_time);
      return;
    case CertificateClock::Due::end:
      end("certificate_expired", {}, "Your certificate has ended, and this session with it.");
  }
}

void SessionService::look_for_revocation() {
  if (ending_ != Ending::none) return;
  if (const auto revoked = keys_.authorizer().revocation()) {
    end("revoked", revoked->detail, "Your certificate was revoked.");
    next_step_ = Clock::now() + milliseconds{200};  // no time to go on working: just enough for the words to arrive
  }
}

void SessionService::end(std::string_view how, std::string detail, const std::string& words_for_user) {
  if (ending_ != Ending::none) return;
  how_ = how;
  detail_ = std::move(detail);
  ending_ = Ending::asked;
  next_step_ = Clock::now() + time_to_say_goodbye;
  remember_groups();  // while the session process is still their parent
  (void)process_.notices.send(message::write(message::Close{words_for_user}), milliseconds{100});
}

void SessionService::end_by_force(std::string_view how, std::string detail) {
  if (ending_ >= Ending::hung_up) return;
  log::warning("{}: the session process is ended: {}", audit_.connection_id(), detail);
  if (how_.empty()) {
    how_ = how;
    detail_ = std::move(detail);
  }
  hang_up();
}

void SessionService::hang_up() {
  ending_ = Ending::hung_up;
  next_step_ = Clock::now() + time_after_hang_up;
  shutdown(connection_.fd(), SHUT_RDWR);
  remember_groups();
  signal_all(SIGHUP);
}

void SessionService::signal_all(int signal) {
  if (!gone_) signal_process(process_.exited, signal);
  (void)signal_groups(login_.user.account, groups_, signal);
}

void SessionService::remember_groups() {
  if (gone_) return;  // its number may be another's by now
  for (const pid_t group : process_groups_of(process_.pid)) {
    if (std::find(groups_.begin(), groups_.end(), group) == groups_.end()) groups_.push_back(group);
  }
}

void SessionService::advance_ending() {
  if (ending_ == Ending::none || Clock::now() < next_step_) return;
  if (ending_ == Ending::asked) {
    if (how_.empty()) return end_by_force("violation", "it goes on without its socket to the monitor");
    return hang_up();
  }
  // Again for as long as it lives: the user can get in the way of what is done with his own rights, but not for ever.
  remember_groups();
  signal_all(SIGKILL);
  ending_ = Ending::killed;
  next_step_ = Clock::now() + between_kills;
}

void SessionService::end_programs() {
  if (ending_ == Ending::none || groups_.empty()) return;
  if (ending_ == Ending::asked) {
    signal_all(SIGHUP);
    next_step_ = Clock::now() + time_after_hang_up;
  }
  if (ending_ != Ending::killed) std::this_thread::sleep_until(next_step_);
  for (int i = 0; i < tries_to_kill && !signal_groups(login_.user.account, groups_, SIGKILL); ++i) {
  }
}

void SessionService::drain_requests() {
  const auto deadline = Clock::now() + time_for_last_words;
  for (int i = 0; i < last_words && process_.requests.open(); ++i) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    pollfd entry{process_.requests.fd(), POLLIN, 0};
    if (left.count() <= 0 || poll(&entry, 1, 0) <= 0) break;
    serve_request(left);
  }
  process_.requests.close();
}

void SessionService::reap() {
  int status = 0;
  const pid_t ended = waitpid(process_.pid, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return;
  if (ended < 0) status = W_EXITCODE(unknown_exit, 0);
  gone_ = true;
  shutdown(connection_.fd(), SHUT_RDWR);
  // Children of the user's may hold the other end, and go on talking: there is an end to listening.
  drain_requests();
  terminals_.close_all();
  end_programs();
  if (how_.empty()) how_ = WIFSIGNALED(status) ? "killed" : WEXITSTATUS(status) == 0 ? "ended" : "failed";
  if (WIFSIGNALED(status) && detail_.empty()) detail_ = fmt::format("signal {}", WTERMSIG(status));
  audit_.session_end(how_, detail_);
}

}  // namespace gatehouse::sshd
