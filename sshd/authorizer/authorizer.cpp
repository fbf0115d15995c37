#include "sshd/authorizer/authorizer.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/frame_socket.h"
#include "daemon/log.h"
#include "protocol/crypto/digest.h"
#include "sshd/authorizer/conversation.h"

namespace gatehouse::sshd {

namespace {

using authorizer::Conversation;
using authorizer::Server;
using std::chrono::milliseconds;

/// A peer is another process of this server: what it began to send is there, or it is broken.
constexpr milliseconds peer_patience{2000};
/// How often files are looked at while certificates are watched.
constexpr milliseconds watch_interval{250};
constexpr std::size_t max_configuration = 128 * 1024 * 1024;

std::uint64_t unix_now() { return static_cast<std::uint64_t>(std::time(nullptr)); }

/// The whole of a memfd, read from its start.
Result<ByteVector> read_descriptor(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || facts.st_size < 0 || static_cast<std::uint64_t>(facts.st_size) > max_configuration) {
    return problem("the configuration's descriptor is none");
  }
  ByteVector out(static_cast<std::size_t>(facts.st_size));
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t count = ::pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return problem("the configuration's descriptor is shorter than it says");
    have += static_cast<std::size_t>(count);
  }
  return out;
}

class Process {
 public:
  explicit Process(AuthorizerOptions options)
      : control_(std::move(options.control)), listen_(std::move(options.listen)), peer_uid_(options.peer_uid) {}

  /// The first Setup, before the process gives up its rights.
  bool begin() {
    auto frame = control_.receive(std::chrono::seconds(30));
    if (!frame) {
      log::error("no configuration from the listener: {}", frame.error().line());
      return false;
    }
    return set_up(*frame);
  }

  int run() {
    events_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!events_ || !watch(control_.fd()) || !watch(listen_.fd())) {
      log::error("epoll: {}", std::strerror(errno));
      return 1;
    }
    while (control_.open() || !clients_.empty()) {
      if (!wait()) return 1;
      tell_notes();
    }
    log::debug("the last client has gone");
    return 0;
  }

 private:
  struct Client {
    FrameSocket socket;
    Conversation conversation;
  };

  bool watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(events_.fd(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  bool wait() {
    const bool watching = watched_ > 0;
    std::array<epoll_event, 64> ready{};
    const int timeout = accept_paused_ ? 100 : watching ? static_cast<int>(watch_interval.count()) : -1;
    const int count = ::epoll_wait(events_.fd(), ready.data(), static_cast<int>(ready.size()), timeout);
    if (count < 0 && errno != EINTR) {
      log::error("epoll_wait: {}", std::strerror(errno));
      return false;
    }
    if (accept_paused_) accept_paused_ = listen_ && !watch(listen_.fd());
    for (int i = 0; i < count; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (control_.open() && fd == control_.fd()) {
        serve_control();
      } else if (listen_ && fd == listen_.fd()) {
        accept();
      } else if (const auto found = clients_.find(fd); found != clients_.end()) {
        serve(found->second, fd);
      }
    }
    if (watching) look_for_revocations();
    return true;
  }

  void serve_control() {
    const auto frame = control_.receive(peer_patience);
    if (frame && set_up(*frame)) {
      check_again_ = true;
      return;
    }
    // The listener has gone: those whose sessions live go on being served, and nobody new comes.
    control_.close();
    listen_.reset();
  }

  bool set_up(const Frame& frame) {
    auto setup = authorizer::parse_setup(frame.payload);
    if (!setup || frame.descriptors.size() != 1) {
      log::error("the listener sent what is no configuration");
      return false;
    }
    const auto octets = read_descriptor(frame.descriptors[0].fd());
    auto configuration = octets ? Configuration::deserialize(*octets) : Result<Configuration>(tl::unexpected(octets.error()));
    if (!configuration) {
      log::error("{}", configuration.error().line());
      return false;
    }
    if (!server_) {
      server_.emplace(Server{std::move(*configuration), {}, TrustState()});
    } else {
      server_->configuration = std::move(*configuration);
    }
    server_->host_keys.add(*setup);
    const Trust trust = server_->trust.trust_for(server_->configuration.global(), unix_now());
    authorizer::Ready ready;
    for (const auto& trouble : {trust.trust_problem, trust.krl_problem}) {
      if (trouble) ready.problems.push_back(trouble->line());
    }
    tell_notes();
    return static_cast<bool>(control_.send(write(ready), peer_patience));
  }

  void accept() {
    UniqueFd accepted(::accept4(listen_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        // Waiting for room: a level-triggered listener would only spin.
        log::error("cannot accept a monitor: {}", std::strerror(errno));
        ::epoll_ctl(events_.fd(), EPOLL_CTL_DEL, listen_.fd(), nullptr);
        accept_paused_ = true;
      }
      return;
    }
    FrameSocket socket(std::move(accepted));
    const auto peer = socket.peer();
    if (!peer || peer->uid != peer_uid_) {
      log::warning("refused a connection of uid {}", peer ? static_cast<long>(peer->uid) : -1L);
      return;
    }
    const int fd = socket.fd();
    if (watch(fd)) clients_.emplace(fd, Client{std::move(socket), {}});
  }

  void serve(Client& client, int fd) {
    const bool watched_before = client.conversation.watching();
    const auto frame = client.socket.receive(peer_patience);
    bool goes_on = false;
    if (frame && frame->descriptors.empty()) {
      const auto answer = client.conversation.answer(*server_, frame->payload, unix_now());
      goes_on = answer && client.socket.send(*answer, peer_patience);
    }
    if (client.conversation.watching() && !watched_before) {
      ++watched_;
      // A certificate that was granted before a restart may have been revoked meanwhile.
      check_again_ = true;
    }
    if (goes_on) return;
    if (client.conversation.watching()) --watched_;
    clients_.erase(fd);  // closing takes it out of the epoll set
  }

  void look_for_revocations() {
    const auto now = std::chrono::steady_clock::now();
    if (!check_again_ && now - last_look_ < watch_interval) return;
    last_look_ = now;
    const bool changed = server_->trust.revocations_changed(server_->configuration.trust_files().revoked_keys);
    if (!std::exchange(check_again_, false) && !changed) return;
    for (auto& [fd, client] : clients_) {
      const auto frame = client.conversation.revocation(*server_, unix_now());
      // A monitor that does not take it is found broken when it is read from next.
      if (frame && !client.socket.send(*frame, peer_patience))
        log::error("connection {}: monitor does not hear of the revocation", client.conversation.connection_id());
    }
  }

  void tell_notes() {
    for (const TrustNote& each : server_->trust.take_notes()) {
      log::write(each.alarm ? log::Level::error : log::Level::info, each.text);
    }
  }

  FrameSocket control_;
  UniqueFd listen_;
  uid_t peer_uid_;
  UniqueFd events_;
  std::optional<Server> server_;
  std::map<int, Client> clients_;
  std::size_t watched_ = 0;
  bool accept_paused_ = false;
  bool check_again_ = false;
  std::chrono::steady_clock::time_point last_look_{};
};

}  // namespace

int run_authorizer(AuthorizerOptions options) {
  // OpenSSL reads its configuration and loads its provider at the first use: before the process is confined.
  for (const auto digest : {crypto::Digest::sha256, crypto::Digest::sha384, crypto::Digest::sha512}) (void)crypto::hash(digest, {});
  // Signals of a terminal are meant for the listener; we go when our clients have gone.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  // A descriptor for each connection of the server.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  const auto confine = std::move(options.confine);
  Process process(std::move(options));
  if (confine && !confine()) return 1;
  if (!process.begin()) return 1;
  return process.run();
}

}  // namespace gatehouse::sshd
