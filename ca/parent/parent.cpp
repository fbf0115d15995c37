#include "ca/parent/parent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "ca/parent/accounts.h"
#include "ca/parent/checks.h"
#include "ca/parent/child_process.h"
#include "ca/parent/listening_socket.h"
#include "daemon/frame_socket.h"
#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

using Milliseconds = std::chrono::milliseconds;
constexpr Milliseconds start_limit{30'000};
constexpr Milliseconds drain_limit{15'000};
constexpr Milliseconds signer_grace{3'000};
constexpr uid_t as_made = static_cast<uid_t>(-1);

UniqueFd copy_of(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

/// The text in memory, to be read by a child that may not read the file.
Result<UniqueFd> in_memory(std::string_view text) {
  UniqueFd file(::memfd_create("ca.toml", MFD_CLOEXEC));
  if (!file || ::write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return problem(std::string("memfd: ") + std::strerror(errno));
  }
  return file;
}

Result<UniqueFd> open_file(const std::string& path, const std::string& where) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return problem(path + ": " + std::strerror(errno), where);
  return file;
}

/// @param owner  or `as_made`
Result<void> make_folder(const std::string& path, mode_t mode, uid_t owner, const std::string& where) {
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return problem("cannot make the folder " + path + ": " + std::strerror(errno), where);
  }
  // mkdir's mode was cut by the umask.
  if (::chmod(path.c_str(), mode) != 0 || (owner != as_made && ::chown(path.c_str(), owner, static_cast<gid_t>(-1)) != 0)) {
    return problem("cannot give away the folder " + path + ": " + std::strerror(errno), where);
  }
  return {};
}

class Parent {
 public:
  Parent(CheckedConfig checked, Accounts accounts, std::vector<std::string> child_options)
      : checked_(std::move(checked)),
        child_options_(std::move(child_options)),
        accounts_(std::move(accounts)),
        issuer_("issuer", accounts_.issuer, [this] { return issuer_start(); }),
        front_("front", accounts_.front, [this] { return front_start(); }) {}
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  Result<void> start();
  int run();
  void stop();

 private:
  enum class Next : std::uint8_t { go_on, end };
  const CaConfig& config() const { return checked_.config; }
  Result<void> open_sockets();
  Result<ChildStart> issuer_start();
  Result<ChildStart> front_start();
  /// What all children get.
  void complete(ChildStart& start) const;
  Result<void> start_children();
  /// Until both children serve. @error Problem: one ended first (its log line says why), or it takes too long
  Result<void> wait_ready(UniqueFd pipe);
  Next on_signal();
  void reload();

  CheckedConfig checked_;
  std::vector<std::string> child_options_;
  Accounts accounts_;
  UniqueFd signals_;
  UniqueFd tcp_;
  UniqueFd issuer_listener_;
  UniqueFd ready_;  ///< only during the first start of the children
  std::optional<pkcs11::SignerProcess> signer_;
  ChildProcess issuer_;
  ChildProcess front_;
  bool reload_asked_ = false;
};

Result<void> Parent::open_sockets() {
  tcp_.reset();  // before the address is asked for again
  auto tcp = listen_tcp(config().listen.address, config().listen.port);
  if (!tcp) return problem(tcp.error().what, config().where("listen.address"), tcp.error().mend);
  tcp_ = std::move(*tcp);
  auto listener = listen_unix(config().issuer_socket(), 0600);
  if (!listener) return problem(listener.error().line(), config().where("ca.runtime_dir"));
  const bool root = ::geteuid() == 0;
  if (root && ::chown(config().issuer_socket().c_str(), accounts_.front_uid, static_cast<gid_t>(-1)) != 0) {
    return problem(std::string("chown: ") + std::strerror(errno), config().issuer_socket());
  }
  issuer_listener_ = std::move(*listener);
  return {};
}

void Parent::complete(ChildStart& start) const {
  start.options.insert(start.options.end(), child_options_.begin(), child_options_.end());
  if (!ready_) return;
  UniqueFd ready = copy_of(ready_.fd());
  start.options.insert(start.options.end(), {"--ready-fd", std::to_string(ready.fd())});
  start.descriptors.push_back(std::move(ready));
}

Result<ChildStart> Parent::issuer_start() {
  auto text = in_memory(checked_.text);
  if (!text) return tl::unexpected(text.error());
  ChildStart start;
  UniqueFd listener = copy_of(issuer_listener_.fd());
  start.options = {"--issuer",
                   "-f",
                   config().file,
                   "--listen-fd",
                   std::to_string(listener.fd()),
                   "--config-fd",
                   std::to_string(text->fd()),
                   "--front-uid",
                   std::to_string(accounts_.front_uid)};
  start.descriptors.push_back(std::move(listener));
  start.descriptors.push_back(std::move(*text));
  complete(start);
  return start;
}

Result<ChildStart> Parent::front_start() {
  const ListenConfig& listen = config().listen;
  auto certificate = open_file(listen.tls_certificate, config().where("listen.tls_certificate"));
  if (!certificate) return tl::unexpected(certificate.error());
  auto key = open_file(listen.tls_key, config().where("listen.tls_key"));
  if (!key) return tl::unexpected(key.error());
  ChildStart start;
  UniqueFd tcp = copy_of(tcp_.fd());
  start.options = {"--front",
                   "--listen-fd",
                   std::to_string(tcp.fd()),
                   "--certificate-fd",
                   std::to_string(certificate->fd()),
                   "--key-fd",
                   std::to_string(key->fd()),
                   "--issuer-socket",
                   config().issuer_socket(),
                   "--max-connections",
                   std::to_string(listen.max_connections),
                   "--max-connections-per-address",
                   std::to_string(listen.max_connections_per_address)};
  start.descriptors.push_back(std::move(tcp));
  start.descriptors.push_back(std::move(*certificate));
  start.descriptors.push_back(std::move(*key));
  complete(start);
  return start;
}

Result<void> Parent::start() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  const bool root = ::geteuid() == 0;
  // Front and issuer pass through the folder to the sockets, and cannot list it.
  if (auto made = make_folder(config().runtime_dir, root ? 0711 : 0700, as_made, config().where("ca.runtime_dir")); !made) return made;
  const uid_t owner = root ? accounts_.issuer_uid : as_made;
  if (auto made = make_folder(config().data_dir, 0700, owner, config().where("ca.data_dir")); !made) return made;
  if (auto opened = open_sockets(); !opened) return opened;
  auto signer = pkcs11::SignerProcess::start(signer_settings(config(), accounts_));
  if (!signer) return tl::unexpected(signer.error());
  signer_ = std::move(*signer);
  return start_children();
}

Result<void> Parent::start_children() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return problem(std::string("pipe: ") + std::strerror(errno));
  UniqueFd read_end(ends[0]);
  ready_.reset(ends[1]);
  Result<void> started = issuer_.start();
  if (started) started = front_.start();
  ready_.reset();
  if (!started) return started;
  return wait_ready(std::move(read_end));
}

Result<void> Parent::wait_ready(UniqueFd pipe) {
  const auto until = std::chrono::steady_clock::now() + start_limit;
  for (int missing = 2; missing > 0;) {
    const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now()).count();
    std::array<pollfd, 2> waits{{{pipe.fd(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
    if (left <= 0 || ::poll(waits.data(), waits.size(), static_cast<int>(left)) == 0) return problem("front and issuer do not come up");
    if (waits[1].revents != 0 && on_signal() == Next::end) return problem("ended while starting");
    if (issuer_.has_ended() || front_.has_ended())
      return problem(std::string(issuer_.has_ended() ? "the issuer" : "the front") + " does not start");
    std::array<char, 2> octets{};
    if (waits[0].revents != 0) {
      const ssize_t count = ::read(pipe.fd(), octets.data(), octets.size());
      if (count > 0) missing -= static_cast<int>(count);
    }
  }
  return {};
}

Parent::Next Parent::on_signal() {
  signalfd_siginfo info{};
  Next next = Next::go_on;
  while (::read(signals_.fd(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) next = Next::end;
    if (info.ssi_signo == SIGHUP) reload_asked_ = true;
  }
  return next;
}

void Parent::reload() {
  auto fresh = check_config(config().file);
  auto accounts = fresh ? find_accounts(fresh->config) : Result<Accounts>(tl::unexpected(fresh.error()));
  if (!accounts) return log::error("the configuration stays as it was: {}", accounts.error().line());
  const CaConfig& now = config();
  const CaConfig& then = fresh->config;
  const bool restart_needed = now.listen.address != then.listen.address || now.listen.port != then.listen.port ||
                              now.runtime_dir != then.runtime_dir || now.module != then.module || now.pin_source != then.pin_source ||
                              now.keys.all() != then.keys.all() || now.limits != then.limits || now.signed_log != then.signed_log ||
                              now.front_user != then.front_user || now.issuer_user != then.issuer_user ||
                              now.signer_user != then.signer_user;
  if (restart_needed)
    log::warning("address, port, runtime_dir, accounts, [token], [keys] or [signer] changed: restart gatehouse-ca for that");
  if (restart_needed) return;
  checked_ = std::move(*fresh);
  front_.stop(drain_limit);
  issuer_.stop(drain_limit);
  // The listening sockets stayed open all the time: who connects meanwhile waits.
  if (auto started = start_children(); !started) log::error("after the new configuration: {}", started.error().line());
  log::info("configuration read again");
}

int Parent::run() {
  log::info("CA \"{}\" serves https://{}:{}{}", config().id, config().listen.address, config().listen.port,
            ::geteuid() == 0 ? "" : "; without root all its processes have one account");
  while (true) {
    const Milliseconds wait = std::min({signer_->tick(), issuer_.tick(), front_.tick()});
    pollfd entry{signals_.fd(), POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(wait.count(), 1, 3'600'000)));
    if (on_signal() == Next::end) return 0;
    if (std::exchange(reload_asked_, false)) reload();
  }
}

void Parent::stop() {
  front_.stop(drain_limit);
  issuer_.stop(drain_limit);
  if (signer_) signer_->stop(signer_grace);
  ::unlink(config().issuer_socket().c_str());
}

}  // namespace

int run_parent(const std::string& config_file, const std::vector<std::string>& child_options) {
  auto checked = check_config(config_file);
  if (!checked) return log::error("{}", checked.error().line()), 1;
  auto accounts = find_accounts(checked->config);
  if (!accounts) return log::error("{}", accounts.error().line()), 1;
  Parent parent(std::move(*checked), std::move(*accounts), child_options);
  if (auto started = parent.start(); !started) {
    log::error("{}", started.error().line());
    parent.stop();
    return 1;
  }
  const int status = parent.run();
  parent.stop();
  return status;
}

}  // namespace gatehouse::ca
