#include "sshd/session/session_channel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "sshd/config/patterns.h"
#include "sshd/session/terminal_modes.h"

namespace gatehouse::sshd {
namespace {

using connection::ChannelRequest;

constexpr std::size_t max_variables = 128;

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

bool no_data_yet(ssize_t count) { return count < 0 && (errno == EAGAIN || errno == EINTR); }

}  // namespace

SessionChannel::~SessionChannel() { close_terminal(); }

// ---- requests

bool SessionChannel::request(const ChannelRequest& request) {
  if (close_sent_ || closed_) return false;
  using Kind = message::ProgramStarted::Kind;
  return std::visit(
      Overloaded{
          [this](const connection::PtyRequest& asked) { return pty(asked); },
          [this](const connection::EnvRequest& asked) { return environment(asked); },
          [this](const connection::ShellRequest&) { return run(Kind::shell, std::nullopt, {}); },
          [this](const connection::ExecRequest& asked) { return run(Kind::exec, asked.command, asked.command); },
          [this](const connection::SubsystemRequest& asked) { return subsystem(asked.name); },
          [this](const connection::WindowChange& asked) { return change_window(asked.size); },
          [this](const connection::SignalRequest& asked) { return send_signal(asked.name); },
          [this](const connection::BreakRequest&) { return send_break(); }, [this](const connection::EndOfWrite&) { return stop_output(); },
          [](const auto&) { return false; },  // forwarding of every kind, and what a server is not asked
      },
      request);
}

bool SessionChannel::pty(const connection::PtyRequest& request) {
  if (program_ || sftp_ || master_ || !context_.grant.permits.pty || !context_.settings.permit_tty) return false;
  auto opened = context_.monitor.open_terminal(static_cast<std::uint32_t>(id_));
  if (!opened) {
    context_.monitor.note(fmt::format("no terminal: {}", opened.error().what));
    return false;
  }
  master_ = std::move(opened->master);
  slave_ = std::move(opened->slave);
  terminal_ = std::move(opened->facts);
  terminal_type_ = request.term;
  fcntl(master_.fd(), F_SETFL, fcntl(master_.fd(), F_GETFL) | O_NONBLOCK);
  termios modes{};
  if (tcgetattr(slave_.fd(), &modes) == 0) {
    apply_terminal_modes(request.modes, modes);
    tcsetattr(slave_.fd(), TCSANOW, &modes);
  }
  return change_window(request.size);
}

bool SessionChannel::change_window(const connection::TerminalSize& size) {
  if (!master_) return false;
  const struct winsize window = window_size(size);
  return ioctl(master_.fd(), TIOCSWINSZ, &window) == 0;
}

bool SessionChannel::environment(const connection::EnvRequest& request) {
  if (program_ || sftp_ || from_client_.size() >= max_variables || !fit_for_environment(request.name, request.value)) return false;
  const auto& patterns = context_.settings.accept_env;
  if (std::none_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return pattern_matches(pattern, request.name); })) {
    return false;
  }
  from_client_.emplace_back(request.name, request.value);
  return true;
}

bool SessionChannel::subsystem(const std::string& name) {
  const auto known = context_.settings.subsystems.find(name);
  if (known != context_.settings.subsystems.end()) return run(message::ProgramStarted::Kind::subsystem, known->second, name);
  context_.monitor.note(fmt::format("no such subsystem: {}", escaped(name)));
  return false;
}

std::string SessionChannel::last_login_text() const {
  if (!context_.settings.print_last_log || !terminal_ || !terminal_->last_login) return {};
  const auto when = static_cast<time_t>(terminal_->last_login->time);
  tm local{};
  char text[64] = {};
  if (localtime_r(&when, &local) == nullptr || strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &local) == 0) return {};
  const std::string& host = terminal_->last_login->host;
  return fmt::format("Last login: {}{}{}\r\n", text, host.empty() ? "" : " from ", escaped(host));
}

/// @param command  by what the client asked for; nothing: a shell  @param asked  what to write down
bool SessionChannel::run(message::ProgramStarted::Kind kind, std::optional<std::string> command, const std::string& asked) {
  if (program_ || sftp_) return false;
  // The server's configuration goes before the certificate, as with sshd.
  const std::optional<std::string>& forced =
      context_.settings.force_command ? context_.settings.force_command : context_.grant.force_command;
  const std::optional<std::string>& effective = forced ? forced : command;
  if (const auto arguments = effective ? internal_sftp_arguments(*effective) : std::nullopt) {
    // By the configuration or the certificate only: a command that the client typed goes to the shell, which knows no such program.
    if (forced || kind == message::ProgramStarted::Kind::subsystem) {
      return run_sftp(*arguments, {static_cast<std::uint32_t>(id_), kind, asked, forced.has_value(), terminal_.has_value(), 0});
    }
  }
  EnvironmentFacts facts{context_.account, context_.ends, from_client_, context_.settings.set_env, context_.time_zone, {}, {}, {}};
  if (terminal_) {
    facts.terminal = terminal_->path;
    facts.terminal_type = terminal_type_;
  }
  ProgramPlan plan;
  plan.account = &context_.account;
  if (forced) {
    facts.original_command = command;
    plan.command = forced;
  } else {
    plan.command = std::move(command);
  }
  plan.environment = build_environment(facts);
  plan.terminal = slave_.fd();
  plan.user_rc = context_.grant.permits.user_rc && context_.settings.permit_user_rc && kind != message::ProgramStarted::Kind::subsystem;
  plan.last_login = last_login_text();
  plan.show_motd = context_.settings.print_motd;
  auto started = start_program(plan);
  if (!started) {
    context_.monitor.note(started.error().what);
    return false;
  }
  program_ = std::move(*started);
  signals_allowed_ = !forced && kind != message::ProgramStarted::Kind::subsystem;
  slave_.reset();
  errors_ended_ = !program_->errors;
  context_.monitor.tell(message::ProgramStarted{static_cast<std::uint32_t>(id_), kind, asked, forced.has_value(), terminal_.has_value(),
                                                static_cast<std::uint32_t>(program_->pid)});
  write_pending();
  return true;
}

bool SessionChannel::run_sftp(std::string_view arguments, message::ProgramStarted fact) {
  auto started = SftpChannel::start(context_.connection, id_, arguments, context_.account);
  if (!started) {
    context_.monitor.note(started.error().line());
    return false;
  }
  sftp_.emplace(std::move(*started));
  context_.monitor.tell(fact);
  return true;
}

bool SessionChannel::send_signal(const std::string& name) {
  const auto number = signal_by_name(name);
  if (!program_ || ended_ || !signals_allowed_ || !number) return false;
  return kill(-program_->pid, *number) == 0;
}

bool SessionChannel::send_break() { return master_ && tcsendbreak(master_.fd(), 0) == 0; }

// ---- from the peer to the program

std::size_t SessionChannel::write_input(Bytes octets) {
  std::size_t written = 0;
  while (written < octets.size() && input_fd() >= 0 && !input_stopped_) {
    const ssize_t count = write(input_fd(), octets.data() + written, octets.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      stop_input();
      return octets.size();  // nobody wants it: credited, so that the peer can go on to say what else it has to say
    }
    written += static_cast<std::size_t>(count);
  }
  return input_stopped_ ? octets.size() : written;
}

void SessionChannel::stop_input() {
  input_stopped_ = true;
  if (program_) program_->input.reset();
  if (!peer_eof_) (void)context_.connection.request(id_, connection::EndOfWrite{}, false);
}

void SessionChannel::data(Bytes octets) {
  if (sftp_) {
    if (!close_sent_ && !sftp_->data(octets)) end_sftp(1);
    return;
  }
  octets_in_ += octets.size();
  std::size_t taken = 0;
  if (pending_.empty()) taken = write_input(octets);
  if (taken > 0) context_.connection.consumed(id_, taken);
  pending_.append(octets.subspan(taken));  // bounded by our window: what is credited is dropped
}

void SessionChannel::write_pending() {
  if (!pending_.empty()) {
    const std::size_t taken = write_input(pending_.view());
    if (taken > 0) context_.connection.consumed(id_, taken);
    pending_.drop(taken);
  }
  // A terminal has no end of input of its own: who wants one types it.
  if (pending_.empty() && peer_eof_ && program_ && !master_) program_->input.reset();
}

void SessionChannel::eof() {
  peer_eof_ = true;
  if (sftp_) return sftp_->eof();
  write_pending();
}

// ---- from the program to the peer

void SessionChannel::read_output(std::size_t budget) {
  std::size_t passed = 0;
  while (output_ready_ && passed < budget && context_.connection.room(id_) > 0) {
    const auto space = context_.connection.start_data(id_, connection::maximum_packet);
    const ssize_t count = read(output_fd(), space.data(), space.size());
    const int reason = errno;
    context_.connection.finish_data(id_, count > 0 ? static_cast<std::size_t>(count) : 0);
    errno = reason;
    if (count > 0) {
      passed += static_cast<std::size_t>(count);
      // A read that leaves room has most likely emptied it; a terminal gives out at most 4 KiB at a time, whatever it has.
      if (static_cast<std::size_t>(count) < space.size() && !master_) output_ready_ = false;
      continue;
    }
    output_ready_ = false;
    if (!no_data_yet(count)) output_ended_ = true;  // 0; on a terminal EIO: nobody has it open any more
  }
  octets_out_ += passed;
}

void SessionChannel::read_errors(std::size_t budget) {
  std::array<std::uint8_t, 16 * 1024> buffer;
  std::size_t passed = 0;
  while (errors_ready_ && passed < budget) {
    const std::size_t room = std::min(context_.connection.room(id_), buffer.size());
    if (room == 0) break;
    const ssize_t count = read(program_->errors.fd(), buffer.data(), room);
    if (count > 0) {
      passed += context_.connection.write_stderr(id_, Bytes(buffer).first(static_cast<std::size_t>(count)));
      continue;
    }
    errors_ready_ = false;
    if (!no_data_yet(count)) errors_ended_ = true;
  }
  octets_out_ += passed;
}

/// OpenSSH PROTOCOL section 2.1: the peer will write no more of it anywhere, so the program had better hear of it (SIGPIPE).
bool SessionChannel::stop_output() {
  output_ended_ = true;
  if (program_) program_->output.reset();
  return true;
}

void SessionChannel::pump_sftp(std::size_t budget) {
  if (closed_ || close_sent_) return;
  sftp_->pump(context_.monitor, budget);
  if (const auto status = sftp_->finished()) end_sftp(*status);
}

void SessionChannel::end_sftp(int exit_status) {
  (void)context_.connection.request(id_, connection::ExitStatus{static_cast<std::uint32_t>(exit_status)}, false);
  (void)context_.connection.send_eof(id_);
  (void)context_.connection.close(id_);
  close_sent_ = true;
  ended_ = ProgramEnd{false, exit_status, false};
  octets_in_ = sftp_->octets_in();
  octets_out_ = sftp_->octets_out();
  tell_end();
}

void SessionChannel::pump(std::size_t budget) {
  if (sftp_) return pump_sftp(budget);
  if (!program_ || closed_ || close_sent_) return;
  read_output(budget);
  if (program_->errors) read_errors(budget);
  finish_when_drained();
}

/// The channel is closed once the program is gone and everybody who held its output has let go of it: what runs on in the background with
/// the pipe open keeps the channel, as with sshd.
void SessionChannel::finish_when_drained() {
  if (!ended_ || !output_ended_ || !errors_ended_ || close_sent_) return;
  (void)context_.connection.send_eof(id_);
  (void)context_.connection.close(id_);
  close_sent_ = true;
  close_terminal();
  tell_end();
}

// ---- the end

void SessionChannel::program_ended() {
  ended_ = end_of(*program_);
  if (!ended_) return;
  if (ended_->by_signal) {
    (void)context_.connection.request(id_, connection::ExitSignal{signal_name(ended_->code), ended_->core_dumped, {}, {}}, false);
  } else {
    (void)context_.connection.request(id_, connection::ExitStatus{static_cast<std::uint32_t>(ended_->code)}, false);
  }
  if (closed_) tell_end();
}

void SessionChannel::tell_end() {
  if (!ended_ || end_told_) return;
  end_told_ = true;
  context_.monitor.tell(message::ProgramEnded{static_cast<std::uint32_t>(id_), ended_->by_signal, static_cast<std::uint32_t>(ended_->code),
                                              octets_in_, octets_out_});
}

void SessionChannel::close_terminal() {
  if (!terminal_) return;
  terminal_.reset();
  slave_.reset();
  master_.reset();
  context_.monitor.tell(message::CloseTerminal{static_cast<std::uint32_t>(id_)});
}

void SessionChannel::channel_closed() {
  closed_ = true;
  close_terminal();
  if (sftp_) {
    // The client went away: what it did is still told, what it left open is closed by the worker.
    sftp_->eof();
    sftp_->pump(context_.monitor, 0);
  }
  if (program_) {
    program_->input.reset();
    program_->output.reset();
    program_->errors.reset();
  }
  pending_.release();
  tell_end();
}

// ---- waiting

void SessionChannel::add_to(std::vector<pollfd>& entries) {
  watched_.clear();
  const auto watch = [&](Watch what, int fd, short events) {
    entries.push_back({fd, events, 0});
    watched_.push_back(what);
  };
  // While the peer's window is shut its opening wakes us, and the worker stops by itself.
  if (sftp_ && !closed_ && !close_sent_ && context_.connection.room(id_) > 0) watch(Watch::sftp, sftp_->ready(), POLLIN);
  if (!program_) return;
  if (!closed_ && !close_sent_) {
    if (!pending_.empty() && input_fd() >= 0) watch(Watch::input, input_fd(), POLLOUT);
    // What has no room to go to is not looked at: a hang-up would be reported again and again.
    const bool room = context_.connection.room(id_) > 0;
    if (room && !output_ended_ && output_fd() >= 0) watch(Watch::output, output_fd(), POLLIN);
    if (room && !errors_ended_ && program_->errors) watch(Watch::errors, program_->errors.fd(), POLLIN);
  }
  if (!ended_) watch(Watch::exit, program_->exited.fd(), POLLIN);
}

std::size_t SessionChannel::look(const pollfd* entries) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if (entries[i].revents == 0) continue;
    switch (watched_[i]) {
      case Watch::input:
        write_pending();
        break;
      case Watch::output:
        output_ready_ = true;
        break;
      case Watch::errors:
        errors_ready_ = true;
        break;
      case Watch::exit:
        program_ended();
        break;
      case Watch::sftp:
        break;  // pump() follows
    }
  }
  return watched_.size();
}

void SessionChannel::show(std::string_view text) {
  if (closed_ || close_sent_) return;
  if (master_) {
    (void)context_.connection.write(id_, as_bytes(fmt::format("\r\n{}\r\n", text)));
  } else {
    (void)context_.connection.write_stderr(id_, as_bytes(fmt::format("{}\n", text)));
  }
}

}  // namespace gatehouse::sshd
