#include "ca/issuer/issuer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <list>
#include <mutex>
#include <thread>

#include "ca/directory/directory.h"
#include "ca/issuer/issuer_service.h"
#include "daemon/account.h"
#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t max_connections = 64;
constexpr std::chrono::hours idle_limit{24};
constexpr std::chrono::seconds io_limit{10};
constexpr std::size_t max_config = 1024 * 1024;

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 4096> piece{};
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(fd, piece.data(), piece.size(), at);
    if (count < 0) return problem("cannot read the configuration", "issuer");
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    at += count;
    if (text.size() > max_config) return problem("the configuration is too long", "issuer");
  }
}

/// Connections and their threads. A thread that has ended is joined when the next connection comes, or at the end.
class Connections {
 public:
  explicit Connections(IssuerService& service) : service_(service) {}

  void serve(UniqueFd socket, uid_t front_uid) {
    FrameSocket frames(std::move(socket));
    const auto peer = frames.peer();
    if (!peer || (peer->uid != front_uid && peer->uid != 0)) {
      log::warning("refused a connection of uid {}", peer ? static_cast<long>(peer->uid) : -1L);
      return;
    }
    reap();
    if (served_.size() >= max_connections) {
      log::warning("refused a connection: there are {} already", served_.size());
      return;
    }
    Served& served = served_.emplace_back();
    served.fd = frames.fd();
    served.thread = std::thread([this, &served, frames = std::move(frames)]() mutable { run(served, std::move(frames)); });
  }

  /// Lets every thread finish what it answers now.
  void finish() {
    for (Served& served : served_) {
      const std::lock_guard lock(served.mutex);
      if (!served.ended) ::shutdown(served.fd, SHUT_RD);
    }
    for (Served& served : served_) served.thread.join();
    served_.clear();
  }

 private:
  struct Served {
    std::thread thread;
    std::mutex mutex;
    int fd = -1;
    bool ended = false;
  };

  void run(Served& served, FrameSocket frames) {
    FrontConnection front(std::move(frames));
    if (front.greet(io_limit)) {
      while (true) {
        const auto question = front.next(idle_limit);
        if (!question || !front.answer(service_.answer(*question), io_limit)) break;
      }
    }
    const std::lock_guard lock(served.mutex);
    served.ended = true;
  }

  void reap() {
    for (auto it = served_.begin(); it != served_.end();) {
      bool ended = false;
      {
        const std::lock_guard lock(it->mutex);
        ended = it->ended;
      }
      if (ended) it->thread.join();
      it = ended ? served_.erase(it) : std::next(it);
    }
  }

  IssuerService& service_;
  std::list<Served> served_;
};

}  // namespace

int run_issuer(IssuerProcess process) {
  log::set_part("issuer");
  isolate_from_ldap_configuration();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd stop(::signalfd(-1, &signals, SFD_CLOEXEC));

  const auto text = read_all(process.config.fd());
  if (!text) return log::error("{}", text.error().line()), 1;
  process.config.reset();
  const auto config = parse_config(*text, process.config_file);
  if (!config) return log::error("{}", config.error().line()), 1;
  auto audit = AuditLog::open(config->audit_log);
  if (!audit) return log::error("{}", audit.error().line()), 1;
  auto service = IssuerService::open(*config, std::move(*audit));
  if (!service) return log::error("{}", service.error().line()), 1;
  if (process.ready) {
    const char octet = 1;
    if (::write(process.ready.fd(), &octet, 1) != 1) log::warning("nobody waits for the issuer to be ready");
    process.ready.reset();
  }

  Connections connections(**service);
  while (true) {
    std::array<pollfd, 2> waits{{{process.listener.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) break;
    UniqueFd socket(::accept4(process.listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
      connections.serve(std::move(socket), process.front_uid);
    } else {
      ::poll(nullptr, 0, 100);  // out of descriptors: the listener stays readable, and to ask at once again would only burn a core
    }
  }
  connections.finish();
  return 0;
}

}  // namespace gatehouse::ca
