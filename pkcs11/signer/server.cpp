#include "pkcs11/signer/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include "daemon/frame_socket.h"
#include "daemon/log.h"

namespace gatehouse::pkcs11 {

namespace {

// A frame of ours is written in one go; a client that is slower than this is stuck.
constexpr FrameSocket::Milliseconds frame_limit{2000};
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::uint32_t readable_once = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;

std::string errno_text(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

std::uint64_t unix_now() { return static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())); }

}  // namespace

class SignerServer::Impl {
 public:
  Impl(ServerSettings settings, UniqueFd listener, TokenService& service, std::unique_ptr<CaJudge> ca_judge)
      : settings_(std::move(settings)), listener_(std::move(listener)), service_(service), ca_judge_(std::move(ca_judge)) {
    peers_.insert(0);
    peers_.insert(settings_.peer_uids.begin(), settings_.peer_uids.end());
    if (settings_.peer_uids.empty()) peers_.insert(::geteuid());
  }

  Result<void> run(int signals);

 private:
  struct Connection {
    FrameSocket socket;
    pid_t peer = 0;
    bool greeted = false;
  };

  void work();
  void accept_all();
  void serve(Connection& connection, std::uint32_t events);
  bool arm(Connection& connection);
  bool answer_one(Connection& connection);
  Answer answer_to(const Request& request, bool& greeted);
  Answer sign(const Request& request);
  void drop(Connection& connection);
  void drain();
  void stop();

  const ServerSettings settings_;
  UniqueFd listener_;
  TokenService& service_;
  std::unique_ptr<CaJudge> ca_judge_;
  std::set<uid_t> peers_;
  UniqueFd epoll_;
  UniqueFd wake_;       ///< readable for all threads once the server stops
  UniqueFd last_left_;  ///< tells run() that the last client has gone while draining
  std::atomic<std::uint64_t> refusals_{0};

  std::mutex mutex_;  ///< all below
  std::map<Connection*, std::unique_ptr<Connection>> connections_;
  bool draining_ = false;
};

void SignerServer::Impl::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      log::warning("{}", errno_text("accept"));
      std::this_thread::sleep_for(accept_pause);  // out of descriptors: the socket stays ready, and asking at once would not help
      return;
    }
    auto connection = std::make_unique<Connection>();
    connection->socket = FrameSocket(UniqueFd(fd));
    const auto peer = connection->socket.peer();
    if (!peer || peers_.count(peer->uid) == 0) {
      log::warning("a process of uid {} may not connect", peer ? static_cast<long>(peer->uid) : -1L);
      continue;
    }
    connection->peer = peer->pid;
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= settings_.max_connections) {
      log::warning("{} clients are connected; one more is turned away", connections_.size());
      continue;
    }
    Connection* key = connection.get();
    connections_.emplace(key, std::move(connection));
    epoll_event event{readable_once, {}};
    event.data.ptr = key;
    if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
      log::error("{}", errno_text("epoll_ctl"));
      connections_.erase(key);
    }
  }
}

void SignerServer::Impl::drop(Connection& connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(&connection);
  if (draining_ && connections_.empty()) ::eventfd_write(last_left_.fd(), 1);
}

Answer SignerServer::Impl::sign(const Request& request) {
  const auto until = TokenService::Clock::now() + settings_.request_limit;
  SignerResult<Approved> approved = tl::unexpected(SignerFault{});
  if (ca_judge_) {
    const auto keys = service_.list_keys(until);
    if (!keys) return keys.error();
    approved = ca_judge_->judge(request, *keys, unix_now());
  } else {
    approved = judge_for_host(request);
  }
  if (!approved) {
    if (approved.error().kind == FaultKind::refused) ++refusals_;
    log::warning("refused: {}", approved.error().detail);
    return approved.error();
  }
  auto signature = service_.sign(approved->key, approved->algorithm, approved->data, approved->note, until);
  if (!signature) return signature.error();
  return Signed{*std::move(signature)};
}

Answer SignerServer::Impl::answer_to(const Request& request, bool& greeted) {
  if (const auto* hello = std::get_if<Hello>(&request)) {
    if (greeted) return SignerFault{FaultKind::bad_request, "a second greeting"};
    if (hello->version != signer_protocol_version) return SignerFault{FaultKind::bad_request, "another version of the protocol"};
    greeted = true;
    return Welcome{signer_protocol_version, settings_.purpose};
  }
  if (!greeted) return SignerFault{FaultKind::bad_request, "no greeting"};
  if (std::holds_alternative<AskHealth>(request)) {
    Health health = service_.health();
    health.refusals = refusals_;
    return health;
  }
  if (std::holds_alternative<ListKeys>(request)) {
    auto keys = service_.list_keys(TokenService::Clock::now() + settings_.request_limit);
    if (!keys) return keys.error();
    return KeyList{*std::move(keys)};
  }
  return sign(request);
}

/// @return whether the connection goes on
bool SignerServer::Impl::answer_one(Connection& connection) {
  const auto frame = connection.socket.receive(frame_limit);
  if (!frame) return false;
  const auto request = parse_request(frame->payload);
  if (!request) log::warning("client {}: {}", connection.peer, request.error().line());
  const Answer answer = request ? answer_to(*request, connection.greeted) : SignerFault{FaultKind::bad_request, request.error().what};
  if (!connection.socket.send(write_answer(answer), frame_limit)) return false;
  return request && connection.greeted;
}

/// From epoll_wait until it is armed again, a connection is this thread's alone. The kernel orders that hand-over; the lock says so in the
/// terms of the language, too.
void SignerServer::Impl::serve(Connection& connection, std::uint32_t events) {
  { const std::lock_guard taken_over(mutex_); }
  const bool gone = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
  if (gone || !answer_one(connection) || !arm(connection)) drop(connection);
}

bool SignerServer::Impl::arm(Connection& connection) {
  const std::lock_guard handed_over(mutex_);
  epoll_event event{readable_once, {}};
  event.data.ptr = &connection;
  return ::epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, connection.socket.fd(), &event) == 0;
}

void SignerServer::Impl::work() {
  while (true) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.fd(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      log::error("{}", errno_text("epoll_wait"));
      return;
    }
    if (event.data.ptr == &wake_) return;  // level-triggered and never read: every thread sees it
    if (event.data.ptr == &listener_) {
      accept_all();
      epoll_event again{EPOLLIN | EPOLLONESHOT, {}};
      again.data.ptr = &listener_;
      ::epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, listener_.fd(), &again);
    } else {
      serve(*static_cast<Connection*>(event.data.ptr), event.events);
    }
  }
}

void SignerServer::Impl::drain() {
  log::info("no new clients are taken; this process ends with its last client");
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, listener_.fd(), nullptr);
  const std::lock_guard lock(mutex_);
  draining_ = true;
  if (connections_.empty()) ::eventfd_write(last_left_.fd(), 1);
}

void SignerServer::Impl::stop() { ::eventfd_write(wake_.fd(), 1); }

Result<void> SignerServer::Impl::run(int signals) {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  last_left_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_ || !last_left_) return problem(errno_text("epoll"));
  if (::fcntl(listener_.fd(), F_SETFL, O_NONBLOCK) != 0) return problem(errno_text("fcntl"), "the listening socket");
  epoll_event event{EPOLLIN, {}};
  event.data.ptr = &wake_;
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, wake_.fd(), &event) != 0) return problem(errno_text("epoll_ctl"));
  event = {EPOLLIN | EPOLLONESHOT, {}};
  event.data.ptr = &listener_;
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, listener_.fd(), &event) != 0) return problem(errno_text("epoll_ctl"), "the listening socket");

  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < settings_.threads; ++i) threads.emplace_back([this] { work(); });
  bool going = true;
  while (going) {
    pollfd entries[2]{{signals, POLLIN, 0}, {last_left_.fd(), POLLIN, 0}};
    if (::poll(entries, 2, -1) < 0 && errno != EINTR) break;
    signalfd_siginfo signal{};
    if ((entries[0].revents & POLLIN) != 0 && ::read(signals, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
      if (signal.ssi_signo == SIGTERM) {
        drain();
      } else {
        going = false;
      }
    }
    if ((entries[1].revents & POLLIN) != 0) going = false;
  }
  stop();
  for (std::thread& thread : threads) thread.join();
  return {};
}

SignerServer::SignerServer(ServerSettings settings, UniqueFd listener, TokenService& service, std::unique_ptr<CaJudge> ca_judge)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(listener), service, std::move(ca_judge))) {}
SignerServer::~SignerServer() = default;

Result<void> SignerServer::run(int signals) { return impl_->run(signals); }

}  // namespace gatehouse::pkcs11
