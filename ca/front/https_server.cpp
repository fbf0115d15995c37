#include "ca/front/https_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "ca/api/wiping_allocator.h"
#include "ca/front/routes.h"
#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Code = boost::system::error_code;
using asio::ip::tcp;

constexpr std::chrono::milliseconds krl_poll{1000};
constexpr std::chrono::seconds drain_limit{10};
/// How long a connection that was accepted just before the end may take to send its request.
constexpr std::chrono::seconds fresh_limit{2};

std::string openssl_text() {
  const unsigned long code = ::ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return text == nullptr ? "unknown error" : text;
}

int select_http11(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (::SSL_select_next_proto(&found, size, ours.data(), ours.size(), offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> configure(asio::ssl::context& context, const std::string& chain, const SecretBytes& key) {
  SSL_CTX* ctx = context.native_handle();
  ::SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  ::SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_TICKET);
  ::SSL_CTX_set_num_tickets(ctx, 0);
  ::SSL_CTX_set_alpn_select_cb(ctx, select_http11, nullptr);
  Code code;
  context.use_certificate_chain(asio::buffer(chain), code);
  if (code) return problem("the TLS certificate cannot be used: " + code.message(), {}, "give a PEM file, the server's certificate first");
  context.use_private_key(asio::buffer(key.reveal().data(), key.size()), asio::ssl::context::pem, code);
  if (code) return problem("the TLS key cannot be used: " + code.message(), {}, "give a PEM file with an unencrypted key");
  if (::SSL_CTX_check_private_key(ctx) != 1) return problem("TLS key and certificate do not belong together: " + openssl_text());
  return {};
}

/// Who is connected, counted; shared by the sessions.
class Census {
 public:
  Census(unsigned total, unsigned per_address) : total_limit_(total), address_limit_(per_address) {}
  bool enter(const std::string& address) {
    const std::lock_guard lock(mutex_);
    if (total_ >= total_limit_) return false;
    unsigned& mine = by_address_[address];
    if (mine >= address_limit_) return false;
    ++mine;
    ++total_;
    return true;
  }
  void leave(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
    --total_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, unsigned> by_address_;
  unsigned total_ = 0;
  unsigned total_limit_;
  unsigned address_limit_;
};

struct Shared {
  Shared(HttpsSettings own_settings, IssuerPool& quick_pool, IssuerPool& slow_pool)
      : settings(std::move(own_settings)),
        quick(quick_pool),
        slow(slow_pool),
        census(settings.max_connections, settings.max_connections_per_address) {}
  HttpsSettings settings;
  IssuerPool& quick;
  IssuerPool& slow;
  Census census;
  std::atomic<unsigned> fresh{0};  ///< connections that have not sent a whole request yet
  std::atomic<unsigned> busy{0};   ///< requests between their last octet and the last octet of their reply
  std::atomic<bool> draining{false};
};

constexpr std::chrono::milliseconds linger_limit{500};
constexpr std::size_t linger_octets = 1024 * 1024;

/// Counts while it lives.
class Counted {
 public:
  explicit Counted(std::atomic<unsigned>& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::atomic<unsigned>& count_;
};

/// One connection. All handlers run on its strand.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, asio::ssl::context& context, Shared& shared, std::string address)
      : stream_(std::move(socket), context), timer_(stream_.get_executor()), shared_(shared) {
    fresh_.emplace(shared_.fresh);
    caller_.address = std::move(address);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { shared_.census.leave(caller_.address); }

  void start() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->handshake(); });
  }

 private:
  using Buffer = beast::basic_flat_buffer<WipingAllocator<char>>;
  using Parser = http::request_parser<http::string_body, WipingAllocator<char>>;
  using Response = http::response<http::string_body>;

  void handshake() {
    beast::get_lowest_layer(stream_).expires_after(shared_.settings.handshake_limit);
    stream_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](Code code) {
      if (code) return log::debug("{}: no TLS: {}", self->caller_.address, code.message());
      self->caller_.channel.resize(channel_size);
      const bool exported = ::SSL_export_keying_material(self->stream_.native_handle(), self->caller_.channel.data(), channel_size,
                                                         channel_label.data(), channel_label.size(), nullptr, 0, 0) == 1;
      if (exported) self->read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.settings.max_header));
    parser_->body_limit(max_body_size);
    beast::get_lowest_layer(stream_).expires_after(shared_.settings.request_limit);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](Code code, std::size_t) { self->on_read(code); });
  }

  void on_read(Code code) {
    busy_.emplace(shared_.busy);
    fresh_.reset();
    if (code == http::error::body_limit || code == http::error::header_limit) {
      keep_alive_ = false;
      more_comes_ = true;
      return send(reply_to(ProblemDocument{ProblemType::too_large, "header or body is too long", {}, {}}));
    }
    if (code == http::error::end_of_stream || code == beast::error::timeout || code == asio::error::eof ||
        code == asio::ssl::error::stream_truncated) {
      return close();
    }
    if (code) {
      if (code.category() != http::make_error_code(http::error::bad_method).category()) return;
      keep_alive_ = false;
      return send(reply_to(ProblemDocument{ProblemType::malformed, "not an HTTP request: " + code.message(), {}, {}}));
    }
    keep_alive_ = parser_->get().keep_alive();
    handle();
  }

  static std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

  void handle() {
    const auto& message = parser_->get();
    HttpRequest request;
    request.method = view(message.method_string());
    request.target = view(message.target());
    request.content_type = view(message[http::field::content_type]);
    if (message.count(http::field::authorization) > 0) request.authorization = view(message[http::field::authorization]);
    request.if_none_match = view(message[http::field::if_none_match]);
    request.body = message.body();
    request.caller = caller_;
    auto routed =
        message.count(http::field::authorization) > 1
            ? std::variant<Routed, HttpReply>(reply_to(ProblemDocument{ProblemType::malformed, "two Authorization headers", {}, {}}))
            : route(request);
    // Both wipe what the request said: it may have been a password.
    parser_.reset();
    if (buffer_.size() == 0) buffer_.shrink_to_fit();
    if (auto* reply = std::get_if<HttpReply>(&routed)) return send(std::move(*reply));
    routed_ = std::move(std::get<Routed>(routed));
    wait_until_ = std::chrono::steady_clock::now() + routed_.wait;
    ask();
  }

  void ask() {
    IssuerPool& pool = std::holds_alternative<AskSigned>(routed_.ask) ? shared_.slow : shared_.quick;
    // The body is asked once only, so it may move; a KRL question is short and may be asked again.
    const bool again = std::holds_alternative<AskKrl>(routed_.ask);
    Ask question =
        again ? routed_.ask : std::exchange(routed_.ask, std::holds_alternative<AskTrust>(routed_.ask) ? Ask(AskTrust{}) : Ask(AskNonce{}));
    pool.ask(std::move(question), std::exchange(routed_.password, std::nullopt), [self = shared_from_this()](Answer answer) {
      asio::post(self->stream_.get_executor(), [self, answer = std::move(answer)]() mutable { self->on_answer(std::move(answer)); });
    });
  }

  void on_answer(Answer answer) {
    const bool unchanged = std::holds_alternative<NotModified>(answer.content);
    if (unchanged && std::chrono::steady_clock::now() + krl_poll <= wait_until_ && !shared_.draining) {
      timer_.expires_after(krl_poll);
      timer_.async_wait([self = shared_from_this()](Code code) {
        if (!code) self->ask();
      });
      return;
    }
    HttpReply reply = reply_to(routed_, answer);
    if (answer.hold.count() == 0) return send(std::move(reply));
    timer_.expires_after(answer.hold);
    timer_.async_wait([self = shared_from_this(), reply = std::move(reply)](Code) mutable { self->send(std::move(reply)); });
  }

  void send(HttpReply reply) {
    response_ = {};
    response_.version(11);
    response_.result(reply.status);
    if (!reply.content_type.empty()) response_.set(http::field::content_type, reply.content_type);
    for (const HttpHeader& header : reply.headers) response_.set(header.name, header.value);
    response_.body() = std::move(reply.body);
    response_.keep_alive(keep_alive_ && !shared_.draining);
    if (reply.status != 304) response_.prepare_payload();
    beast::get_lowest_layer(stream_).expires_after(shared_.settings.reply_limit);
    http::async_write(stream_, response_, [self = shared_from_this()](Code code, std::size_t) {
      if (code) return;
      if (self->response_.keep_alive()) {
        self->busy_.reset();
        return self->read();
      }
      if (!self->more_comes_) return self->close();
      beast::get_lowest_layer(self->stream_).expires_after(linger_limit);
      self->linger(linger_octets);
    });
  }

  /// Takes what is still on its way: closed with octets unread, the connection would be reset, and the peer might never see the reply.
  void linger(std::size_t left) {
    stream_.async_read_some(asio::buffer(discarded_), [self = shared_from_this(), left](Code code, std::size_t size) {
      if (code || size >= left) return self->close();
      self->linger(left - size);
    });
  }

  void close() {
    beast::get_lowest_layer(stream_).expires_after(std::chrono::seconds(2));
    stream_.async_shutdown([self = shared_from_this()](Code) {});
  }

  beast::ssl_stream<beast::tcp_stream> stream_;
  asio::steady_timer timer_;
  Shared& shared_;
  std::optional<Counted> fresh_;
  std::optional<Counted> busy_;
  Caller caller_;
  Buffer buffer_;
  std::optional<Parser> parser_;
  Response response_;
  Routed routed_;
  std::chrono::steady_clock::time_point wait_until_{};
  bool keep_alive_ = true;
  bool more_comes_ = false;  ///< the request was refused before its end
  std::array<char, 4096> discarded_{};
};

std::string plain_address(const tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

class HttpsServer::Impl {
 public:
  Impl(HttpsSettings settings, IssuerPool& quick, IssuerPool& slow)
      : context_(asio::ssl::context::tls_server),
        shared_(std::move(settings), quick, slow),
        signals_(io_, SIGTERM, SIGINT),
        acceptor_(io_),
        timer_(io_) {}

  Result<void> prepare(UniqueFd listener) {
    if (auto done = configure(context_, shared_.settings.certificate_chain, shared_.settings.private_key); !done) return done;
    shared_.settings.private_key = {};
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&name), &size) != 0) return problem("the listening socket is none");
    Code code;
    acceptor_.assign(name.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listener.fd(), code);
    if (code) return problem("the listening socket cannot be used: " + code.message());
    listener.release();
    return {};
  }

  void run() {
    signals_.async_wait([this](Code code, int) {
      if (!code) drain();
    });
    accept();
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < shared_.settings.threads; ++i) helpers.emplace_back([this] { io_.run(); });
    io_.run();
    for (std::thread& helper : helpers) helper.join();
  }

 private:
  void accept() {
    acceptor_.async_accept(asio::make_strand(io_), [this](Code code, tcp::socket socket) {
      if (shared_.draining) {
        if (!code) begin(std::move(socket));  // it was accepted before the end began
        return;
      }
      if (code) {
        log::warning("cannot accept: {}", code.message());  // out of descriptors: not in a busy loop
        timer_.expires_after(std::chrono::milliseconds(100));
        timer_.async_wait([this](Code) { accept(); });
        return;
      }
      begin(std::move(socket));
      accept();
    });
  }

  void begin(tcp::socket socket) {
    Code code;
    const tcp::endpoint peer = socket.remote_endpoint(code);
    if (code) return;
    socket.set_option(tcp::no_delay(true), code);
    std::string address = plain_address(peer);
    if (!shared_.census.enter(address)) return log::warning("{}: too many connections, closed", address);
    std::make_shared<Session>(std::move(socket), context_, shared_, std::move(address))->start();
  }

  void drain() {
    shared_.draining = true;
    drain_began_ = std::chrono::steady_clock::now();
    Code code;
    acceptor_.close(code);
    look_whether_done();
  }

  void look_whether_done() {
    const auto elapsed = std::chrono::steady_clock::now() - drain_began_;
    const bool done = shared_.busy == 0 && (shared_.fresh == 0 || elapsed >= fresh_limit);
    if (done || elapsed >= drain_limit) return io_.stop();
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](Code) { look_whether_done(); });
  }

  asio::ssl::context context_;
  Shared shared_;
  asio::io_context io_;  // destroyed before what its handlers use
  asio::signal_set signals_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point drain_began_{};
};

HttpsServer::HttpsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsServer::~HttpsServer() = default;

Result<std::unique_ptr<HttpsServer>> HttpsServer::open(UniqueFd listener, HttpsSettings settings, IssuerPool& quick, IssuerPool& slow) {
  auto impl = std::make_unique<Impl>(std::move(settings), quick, slow);
  if (auto prepared = impl->prepare(std::move(listener)); !prepared) return tl::unexpected(prepared.error());
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(impl)));
}

void HttpsServer::run() { impl_->run(); }

Result<void> check_tls_files(const std::string& certificate_chain, const SecretBytes& private_key) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  return configure(context, certificate_chain, private_key);
}

}  // namespace gatehouse::ca
