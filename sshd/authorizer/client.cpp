#include "sshd/authorizer/client.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace gatehouse::sshd {

namespace {

using authorizer::Kind;
using Clock = std::chrono::steady_clock;
using Milliseconds = AuthorizerClient::Milliseconds;

/// How long a restart of the authorizer may take before a request fails.
constexpr Milliseconds restart_patience{2000};
/// For each step of revocation(), which is called again and again beside everything else.
constexpr Milliseconds short_patience{200};

/// Waits a little, longer each time. @return false when the patience is at its end
class Patience {
 public:
  bool wait() {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0) return false;
    const auto time = std::min(left, next_);
    timespec rest{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
    next_ = std::min(next_ * 2, Milliseconds(200));
    return true;
  }

 private:
  Clock::time_point deadline_ = Clock::now() + restart_patience;
  Milliseconds next_{10};
};

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&entry, 1, 0) > 0;
}

tl::unexpected<Problem> not_understood(const ProtocolError& error) {
  return problem("the authorizer's answer is not understood: " + error.detail, {},
                 "restart the server: program and authorizer are of different versions");
}

}  // namespace

AuthorizerClient::AuthorizerClient(std::string path, authorizer::Resume known, Milliseconds timeout)
    : path_(std::move(path)), known_(std::move(known)), timeout_(timeout) {}

Result<AuthorizerClient> AuthorizerClient::open(std::string path, authorizer::Open facts, Milliseconds timeout) {
  authorizer::Resume known;
  known.open = std::move(facts);
  AuthorizerClient client(std::move(path), std::move(known), timeout);
  for (Patience patience;;) {
    const auto introduced = client.introduce(true, client.timeout_);
    if (introduced) return client;
    if (!patience.wait()) return tl::unexpected(introduced.error());
  }
}

/// Connects and says who we are. @param first  nothing is known yet but the facts of the connection
Result<void> AuthorizerClient::introduce(bool first, Milliseconds timeout) {
  auto socket = FrameSocket::connect(path_, timeout);
  if (!socket) return tl::unexpected(socket.error());
  socket_ = std::move(*socket);
  const auto failed = [this](Problem trouble) -> Result<void> {
    socket_.close();
    return tl::unexpected(std::move(trouble));
  };
  const auto greeting = ask_once(write(authorizer::Hello{}), timeout);
  if (!greeting) return failed(greeting.error());
  const auto hello = authorizer::parse_hello(greeting->payload);
  if (!hello) return failed(not_understood(hello.error()).value());
  if (hello->version != authorizer::protocol_version) {
    return failed({"the authorizer speaks version " + std::to_string(hello->version) + " of its protocol", path_, "restart the server"});
  }
  const auto answer = ask_once(first ? write(known_.open) : write(known_), timeout);
  if (!answer) return failed(answer.error());
  if (authorizer::kind_of(answer->payload) != Kind::done) return failed({"the authorizer does not take this connection", path_, {}});
  return {};
}

/// Sends a request and waits for its answer; what is pushed before it is kept.
Result<Frame> AuthorizerClient::ask_once(Bytes request, Milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  if (const auto sent = socket_.send(request, timeout); !sent) return tl::unexpected(sent.error());
  while (true) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    auto frame = socket_.receive(left.count() > 0 ? left : Milliseconds(0));
    if (!frame) {
      // An answer that comes later would be taken for that of the next request.
      socket_.close();
      return tl::unexpected(frame.error());
    }
    if (authorizer::kind_of(frame->payload) != Kind::revoked) return frame;
    if (auto revoked = authorizer::parse_revoked(frame->payload)) revoked_ = std::move(*revoked);
  }
}

/// As ask_once, through a restart of the authorizer.
Result<Frame> AuthorizerClient::ask(Bytes request) {
  if (socket_.open()) {
    auto frame = ask_once(request, timeout_);
    if (frame) return frame;
  }
  for (Patience patience;;) {
    const auto introduced = introduce(false, timeout_);
    if (introduced) return ask_once(request, timeout_);
    if (!patience.wait()) return tl::unexpected(introduced.error());
  }
}

Result<void> AuthorizerClient::next_cookie(ByteVector cookie) {
  const auto answer = ask(write(authorizer::NextCookie{cookie}));
  if (!answer) return tl::unexpected(answer.error());
  if (authorizer::kind_of(answer->payload) != Kind::done) return problem("the authorizer does not take the cookie");
  known_.open.cookie = std::move(cookie);
  return {};
}

Result<authorizer::Hash> AuthorizerClient::exchange_hash(authorizer::ExchangeHash request) {
  const SecretBytes frame = write(request);
  request.shared_secret = SecretBytes();
  const auto answer = ask(frame.reveal());
  known_.open.cookie.clear();
  if (!answer) return tl::unexpected(answer.error());
  if (authorizer::kind_of(answer->payload) == Kind::refused) {
    const auto refused = authorizer::parse_refused(answer->payload);
    if (!refused) return not_understood(refused.error());
    return problem("the authorizer refuses the key exchange: " + refused->detail);
  }
  auto hash = authorizer::parse_hash(answer->payload);
  if (!hash) return not_understood(hash.error());
  if (known_.session_id.empty()) {
    known_.session_id = hash->hash;
    known_.host_key = std::move(request.host_key);
  }
  return std::move(*hash);
}

Result<Verdict> AuthorizerClient::authenticate(const authorizer::Authenticate& request) {
  const auto answer = ask(write(request));
  if (!answer) return tl::unexpected(answer.error());
  if (authorizer::kind_of(answer->payload) == Kind::refused) {
    const auto refused = authorizer::parse_refused(answer->payload);
    if (!refused) return not_understood(refused.error());
    return problem("the authorizer refuses the request: " + refused->detail);
  }
  auto verdict = authorizer::parse_verdict(answer->payload);
  if (!verdict) return not_understood(verdict.error());
  if (std::holds_alternative<Grant>(*verdict)) {
    // A grant without a signature there cannot be; one for somebody else neither.
    if (!request.signature || std::get<Grant>(*verdict).user != request.user) return problem("the authorizer granted what was not asked");
    known_.certificate = request.public_key;
    known_.user = request.user;
    known_.groups = request.groups;
  }
  return std::move(*verdict);
}

void AuthorizerClient::decline() {
  known_.certificate.reset();
  known_.user.clear();
  known_.groups.clear();
  revoked_.reset();
  socket_.close();  // a conversation ends with its grant; the next request begins another
}

std::optional<authorizer::Revoked> AuthorizerClient::revocation() {
  if (!socket_.open()) (void)introduce(false, short_patience);
  while (socket_.open() && readable(socket_.fd())) {
    const auto frame = socket_.receive(short_patience);
    if (!frame) {
      socket_.close();
      // Once at once: after a crash the next authorizer is there in no time. Else the caller comes again.
      (void)introduce(false, short_patience);
      break;
    }
    if (auto revoked = authorizer::parse_revoked(frame->payload)) revoked_ = std::move(*revoked);
  }
  return std::exchange(revoked_, std::nullopt);
}

Result<authorizer::Ready> AuthorizerControl::setup(Bytes configuration, const authorizer::Setup& setup, std::chrono::milliseconds timeout) {
  const UniqueFd memory(::memfd_create("gatehouse-sshd configuration", MFD_CLOEXEC));
  if (!memory) return problem(std::string("memfd_create: ") + std::strerror(errno));
  for (Bytes left = configuration; !left.empty();) {
    const ssize_t count = ::write(memory.fd(), left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return problem(std::string("the configuration does not fit into memory: ") + std::strerror(errno));
    left = left.subspan(static_cast<std::size_t>(count));
  }
  const int descriptor = memory.fd();
  if (const auto sent = socket_.send(write(setup), timeout, {&descriptor, 1}); !sent) return tl::unexpected(sent.error());
  const auto frame = socket_.receive(timeout);
  if (!frame) return tl::unexpected(frame.error());
  auto ready = authorizer::parse_ready(frame->payload);
  if (!ready) return not_understood(ready.error());
  return std::move(*ready);
}

}  // namespace gatehouse::sshd
