#include "agent-bridge/service/server.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <list>
#include <map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>

#include "agent-bridge/identities/keeper.h"
#include "agent-bridge/renewal/ca_calls.h"
#include "agent-bridge/renewal/log_in.h"
#include "daemon/log.h"
#include "protocol/crypto/random.h"

namespace gatehouse::agent {

namespace asio = boost::asio;
using Stream = asio::local::stream_protocol;

namespace {

/// How long a client that lists keys waits for a renewal that is under way: less than a person notices twice.
constexpr std::chrono::seconds patience{3};
constexpr std::size_t max_connections = 256;

Now current_time() {
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  return {static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count()),
          std::chrono::seconds(boot.tv_sec)};
}

double random_spread() { return static_cast<double>(crypto::random_uint64() >> 11) / 9007199254740992.0; }

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(asio::io_context& context, UniqueFd listener)
      : context_(context), acceptor_(context, Stream(), listener.release()), tick_(context), signals_(context, SIGTERM, SIGINT, SIGUSR1) {}

  void run() {
    accept();
    tick();
    wait_for_signal();
    context_.run();
    calls_.stop();
    calls_.join();
    keeper_.store().remove_all();
    log_ins_.clear();
  }
  void stop() {
    asio::post(context_, [this] { context_.stop(); });
  }

 private:
  /// One client. Requests are answered one after the other.
  struct Connection : std::enable_shared_from_this<Connection> {
    Connection(std::shared_ptr<Impl> owner, Stream::socket connected)
        : server(std::move(owner)), socket(std::move(connected)), timer(server->context_) {
      ++server->connections_;
    }
    ~Connection() {
      --server->connections_;
      if (!received.empty()) OPENSSL_cleanse(received.data(), received.size());
      OPENSSL_cleanse(chunk.data(), chunk.size());
    }

    void read() {
      socket.async_read_some(asio::buffer(chunk), [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
        if (error) return;
        self->received.insert(self->received.end(), self->chunk.begin(), self->chunk.begin() + static_cast<std::ptrdiff_t>(count));
        self->next_message();
      });
    }

    void next_message() {
      auto message = take_message(received);
      if (!message) return;  // no way to find the next message: the connection ends with its last reference
      if (!*message) return read();
      auto request = parse_request((*message)->reveal());
      if (!request) return reply({write_failure()});
      server->handle(std::move(*request), shared_from_this());
    }

    void reply(Reply answer) {
      outgoing = std::move(answer.message);
      if (answer.delay.count() == 0) return send();
      timer.expires_after(answer.delay);
      timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->send();
      });
    }

    void send() {
      asio::async_write(socket, asio::buffer(outgoing), [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (!error) self->next_message();
      });
    }

    std::shared_ptr<Impl> server;
    Stream::socket socket;
    asio::steady_timer timer;
    std::array<std::uint8_t, 16 * 1024> chunk{};
    ByteVector received;
    ByteVector outgoing;
    ClientBindings bindings;
  };

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](boost::system::error_code error, Stream::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && self->may_talk(socket) && self->connections_ < max_connections) {
        std::make_shared<Connection>(self, std::move(socket))->read();
      }
      self->accept();
    });
  }

  static bool may_talk(Stream::socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
    log::warning("refused a connection of uid {}", peer.uid);
    return false;
  }

  void handle(Request request, const std::shared_ptr<Connection>& connection) {
    const bool listing = std::holds_alternative<RequestIdentities>(request);
    const bool removes = std::holds_alternative<RemoveIdentity>(request) || std::holds_alternative<RemoveAllIdentities>(request);
    const bool clears = std::holds_alternative<RemoveAllIdentities>(request);
    if (listing && renew_what_is_due()) {
      waiting_.push_back({connection, std::chrono::steady_clock::now() + patience});
      connection->timer.expires_after(patience);
      connection->timer.async_wait([self = shared_from_this(), connection](boost::system::error_code error) {
        if (!error) self->answer_listing(connection);
      });
      return;
    }
    const Now now = current_time();
    const auto held = [&](const LogIn& log_in) { return keeper_.store().find(log_in.certificate->blob(), now) != nullptr; };
    std::vector<const LogIn*> held_before;
    for (const LogIn& log_in : log_ins_) {
      if (removes && held(log_in)) held_before.push_back(&log_in);
    }
    Outcome outcome = keeper_.answer(std::move(request), connection->bindings, now);
    if (auto* reply = std::get_if<Reply>(&outcome)) {
      // Who removes the certificate means the log-in: its next renewal would bring it back.
      if (removes && reply->message == write_success()) {
        log_ins_.remove_if([&](const LogIn& log_in) {
          return clears || (std::find(held_before.begin(), held_before.end(), &log_in) != held_before.end() && !held(log_in));
        });
      }
      return connection->reply(std::move(*reply));
    }
    if (auto* login = std::get_if<WantsLogin>(&outcome)) return log_in_for(std::move(login->request), connection);
    if (std::holds_alternative<WantsStatus>(outcome)) return connection->reply({status()});
    connection->reply({forget(std::get<WantsLogout>(outcome).ca_url)});
  }

  void answer_listing(const std::shared_ptr<Connection>& connection) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.connection == connection; });
    if (found == waiting_.end()) return;
    waiting_.erase(found);
    Outcome outcome = keeper_.answer(RequestIdentities{}, connection->bindings, current_time());
    connection->reply(std::move(std::get<Reply>(outcome)));
  }

  void answer_all_who_wait() {
    if (std::any_of(log_ins_.begin(), log_ins_.end(), [](const LogIn& log_in) { return log_in.renewing; })) return;
    while (!waiting_.empty()) {
      const auto connection = waiting_.front().connection;
      connection->timer.cancel();
      answer_listing(connection);
    }
  }

  void log_in_for(LoginRequest request, const std::shared_ptr<Connection>& connection) {
    auto shared = std::make_shared<LoginRequest>(std::move(request));
    asio::post(calls_, [self = shared_from_this(), shared, connection] {
      auto key = std::make_shared<keys::PrivateKey>(keys::PrivateKey::generate(keys::KeyType::ed25519));
      auto result = std::make_shared<Result<Issued, CaRefusal>>(agent::log_in(*shared, *key));
      asio::post(self->context_, [self, shared, key, result, connection] { self->logged_in(*shared, key, *result, connection); });
    });
  }

  void logged_in(const LoginRequest& request, const std::shared_ptr<keys::PrivateKey>& key, Result<Issued, CaRefusal>& result,
                 const std::shared_ptr<Connection>& connection) {
    LoginAnswer answer;
    if (!result) {
      answer.outcome = result.error().final ? LoginAnswer::Outcome::refused : LoginAnswer::Outcome::try_again_later;
      answer.problem = result.error().problem;
      return connection->reply({write_extension_response(login_name, write_login_answer(answer))});
    }
    // A new log-in of the same person at the same CA in the same role takes the place of the one before.
    const auto same = [&](const LogIn& old) {
      return old.ca_url == request.ca_url && old.user == request.user && old.role == result->role;
    };
    forget_if(same);
    LogIn log_in;
    log_in.ca_url = request.ca_url;
    log_in.ca_file = request.ca_file;
    log_in.user = request.user;
    log_in.key = key;
    log_in.take(std::move(*result), current_time().unix_seconds, random_spread());
    if (!keeper_.store().add(log_in.identity())) {
      answer.problem = "the agent holds too many keys; remove some with ssh-add -d";
      return connection->reply({write_extension_response(login_name, write_login_answer(answer))});
    }
    answer.outcome = LoginAnswer::Outcome::issued;
    answer.certificate = to_vector(log_in.certificate->blob());
    answer.session_end = log_in.session_end;
    log_ins_.push_back(std::move(log_in));
    connection->reply({write_extension_response(login_name, write_login_answer(answer))});
  }

  ByteVector status() {
    std::vector<SessionStatus> sessions;
    for (const LogIn& log_in : log_ins_) sessions.push_back(log_in.status());
    return write_extension_response(status_name, write_status_answer(sessions));
  }

  ByteVector forget(const std::string& ca_url) {
    const std::size_t forgotten = forget_if([&](const LogIn& log_in) { return ca_url.empty() || log_in.ca_url == ca_url; });
    return write_extension_response(logout_name, write_logout_answer(static_cast<std::uint32_t>(forgotten)));
  }

  std::size_t forget_if(const std::function<bool(const LogIn&)>& which) {
    std::size_t forgotten = 0;
    log_ins_.remove_if([&](const LogIn& log_in) {
      if (!which(log_in)) return false;
      keeper_.store().remove_log_in(log_in.key->public_key());
      ++forgotten;
      return true;
    });
    return forgotten;
  }

  /// One call for many askers. @return whether some renewal is under way that a listing should wait for
  bool renew_what_is_due() {
    const std::uint64_t now = current_time().unix_seconds;
    bool worth_waiting = false;
    for (LogIn& log_in : log_ins_) {
      if (log_in.wants_renewal(now)) start_renewal(log_in);
      if (log_in.renewing && now >= log_in.certificate->fields().valid_before) worth_waiting = true;
    }
    return worth_waiting;
  }

  void start_renewal(LogIn& log_in) {
    log_in.renewing = true;
    asio::post(calls_,
               [self = shared_from_this(), url = log_in.ca_url, ca_file = log_in.ca_file, key = log_in.key, current = log_in.certificate] {
                 auto result = std::make_shared<Result<Issued, CaRefusal>>(renew(url, ca_file, *current, *key));
                 asio::post(self->context_, [self, key, result] { self->renewed(key, *result); });
               });
  }

  void renewed(const std::shared_ptr<keys::PrivateKey>& key, Result<Issued, CaRefusal>& result) {
    // The log-in may have been forgotten meanwhile; its certificate then goes nowhere.
    const auto found = std::find_if(log_ins_.begin(), log_ins_.end(), [&](const LogIn& log_in) { return log_in.key == key; });
    if (found != log_ins_.end()) {
      found->renewing = false;
      const std::uint64_t now = current_time().unix_seconds;
      if (result) {
        const auto before = found->certificate;
        found->take(std::move(*result), now, random_spread());
        keeper_.store().replace(before->blob(), found->identity());
      } else {
        log::warning("renewal for {} at {}: {}", escaped(found->user), escaped(found->ca_url), result.error().problem);
        found->failed(result.error().problem, result.error().final, now, random_spread());
      }
    }
    answer_all_who_wait();
  }

  void tick() {
    const Now now = current_time();
    keeper_.store().drop_ended(now);
    renew_what_is_due();
    log_ins_.remove_if([&](const LogIn& log_in) { return log_in.over(now.unix_seconds); });
    tick_.expires_after(std::chrono::seconds(1));
    tick_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([self = shared_from_this()](boost::system::error_code error, int number) {
      if (error) return;
      if (number != SIGUSR1) return self->context_.stop();
      self->keeper_.store().remove_all();
      self->log_ins_.clear();
      self->wait_for_signal();
    });
  }

  struct Waiting {
    std::shared_ptr<Connection> connection;
    std::chrono::steady_clock::time_point until;
  };

  asio::io_context& context_;
  Stream::acceptor acceptor_;
  asio::steady_timer tick_;
  asio::signal_set signals_;
  asio::thread_pool calls_{2};
  Keeper keeper_;
  std::list<LogIn> log_ins_;
  std::list<Waiting> waiting_;
  std::size_t connections_ = 0;
};

struct Server::Loop {
  asio::io_context context{1};
};

Server::Server(UniqueFd listener) : loop_(std::make_unique<Loop>()), impl_(std::make_shared<Impl>(loop_->context, std::move(listener))) {}
Server::~Server() = default;
void Server::run() { impl_->run(); }
void Server::stop() { impl_->stop(); }

}  // namespace gatehouse::agent
