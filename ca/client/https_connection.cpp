#include "ca/client/https_connection.h"

#include <openssl/ssl.h>
#include <poll.h>

#include <optional>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>

#include "ca/api/request.h"
#include "ca/api/wiping_allocator.h"

namespace gatehouse::ca {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Code = boost::system::error_code;
using asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;

constexpr std::size_t max_answer_body = 65 * 1024 * 1024;

std::string unquoted(boost::beast::string_view tag) {
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return {};
  return std::string(tag.substr(1, tag.size() - 2));
}

std::string text_of(boost::beast::string_view text) { return std::string(text.data(), text.size()); }

}  // namespace

Result<CaAddress> parse_ca_url(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const auto mend = "write https://HOST:PORT";
  if (parsed.has_error()) return problem("'" + escaped(url) + "' is no URL", {}, mend);
  const auto& view = parsed.value();
  if (view.scheme_id() != boost::urls::scheme::https) return problem("'" + escaped(url) + "' is no https URL", {}, mend);
  const bool plain =
      (view.encoded_path().empty() || view.encoded_path() == "/") && !view.has_query() && !view.has_fragment() && !view.has_userinfo();
  if (!plain || view.encoded_host().empty()) return problem("'" + escaped(url) + "' must be scheme, host and port only", {}, mend);
  CaAddress address;
  address.host = view.host_address();
  address.port = view.has_port() && !view.port().empty() ? std::string(view.port().data(), view.port().size()) : "443";
  address.authority = std::string(view.encoded_host_and_port().data(), view.encoded_host_and_port().size());
  return address;
}

class HttpsConnection::Impl {
 public:
  explicit Impl(CaAddress address) : address_(std::move(address)), context_(asio::ssl::context::tls_client) {}

  Result<void> trust(const std::string& ca_file) {
    ::SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_3_VERSION);
    ::SSL_CTX_set_options(context_.native_handle(), SSL_OP_CLEANSE_PLAINTEXT);
    context_.set_verify_mode(asio::ssl::verify_peer);
    Code code;
    if (ca_file.empty()) {
      context_.set_default_verify_paths(code);
    } else {
      context_.load_verify_file(ca_file, code);
    }
    if (code) return problem("cannot read the certificates that vouch for the CA: " + code.message(), ca_file, "name a PEM file");
    return {};
  }

  Result<void> connect(Deadline deadline) {
    if (alive()) return {};
    stream_.reset();
    buffer_.clear();
    tcp::resolver resolver(io_);
    tcp::resolver::results_type found;
    Code code = await(deadline, [&](auto done) {
      resolver.async_resolve(address_.host, address_.port, [&found, done](Code result, tcp::resolver::results_type results) {
        found = std::move(results);
        done(result);
      });
    });
    if (code) return failed("cannot find", code);
    stream_.emplace(io_, context_);
    code = await(deadline, [&](auto done) {
      asio::async_connect(stream_->next_layer(), found, [done](Code result, const tcp::endpoint&) { done(result); });
    });
    if (code) return failed("cannot reach", code);
    stream_->next_layer().set_option(tcp::no_delay(true), code);
    Code none;
    asio::ip::make_address(address_.host, none);
    const bool name = static_cast<bool>(none);
    if (name && ::SSL_set_tlsext_host_name(stream_->native_handle(), address_.host.c_str()) != 1)
      return failed("TLS with", asio::error::invalid_argument);
    stream_->set_verify_callback(asio::ssl::host_name_verification(address_.host));
    code = await(deadline, [&](auto done) { stream_->async_handshake(asio::ssl::stream_base::client, done); });
    if (code) return failed("no TLS 1.3 with a certificate that we trust at", code);
    return {};
  }

  ByteVector channel() const {
    ByteVector exported(channel_size);
    // OpenSSL's function takes a handle that may change; the export changes nothing that shows.
    auto* ssl = stream_ ? const_cast<Stream&>(*stream_).native_handle() : nullptr;
    if (ssl == nullptr || ::SSL_export_keying_material(ssl, exported.data(), exported.size(), channel_label.data(), channel_label.size(),
                                                       nullptr, 0, 0) != 1) {
      return {};
    }
    return exported;
  }

  Result<HttpAnswer> call(const HttpCall& call, Deadline deadline) {
    if (!stream_) return problem("not connected", address_.authority);
    using Fields = http::basic_fields<WipingAllocator<char>>;
    http::request<http::string_body, Fields> request;
    request.version(11);
    request.method_string(call.method);
    request.target(call.target);
    request.set(http::field::host, address_.authority);
    request.set(http::field::user_agent, "gatehouse");
    request.set(http::field::accept, "application/json, application/problem+json, application/octet-stream");
    if (!call.if_none_match.empty()) request.set(http::field::if_none_match, '"' + call.if_none_match + '"');
    if (call.authorization != nullptr) {
      const std::string_view value = call.authorization->reveal_text();
      request.set(http::field::authorization, {value.data(), value.size()});
    }
    if (!call.body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = call.body;
    request.prepare_payload();
    Code code =
        await(deadline, [&](auto done) { http::async_write(*stream_, request, [done](Code result, std::size_t) { done(result); }); });
    if (code) return failed("cannot send to", code);
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_answer_body);
    code = await(deadline,
                 [&](auto done) { http::async_read(*stream_, buffer_, parser, [done](Code result, std::size_t) { done(result); }); });
    if (code) return failed("no answer from", code);
    const auto& message = parser.get();
    HttpAnswer answer;
    answer.status = message.result_int();
    answer.content_type = text_of(message[http::field::content_type]);
    answer.etag = unquoted(message[http::field::etag]);
    answer.signature = text_of(message["Gatehouse-Signature"]);
    answer.retry_after = text_of(message[http::field::retry_after]);
    if (!message.keep_alive()) stream_.reset();
    answer.body = std::move(parser.get().body());
    return answer;
  }

 private:
  /// The CA says nothing unasked: what can be read is the end.
  bool alive() {
    if (!stream_ || !stream_->next_layer().is_open()) return false;
    pollfd wait{stream_->next_layer().native_handle(), POLLIN, 0};
    return ::poll(&wait, 1, 0) == 0;
  }

  /// Runs one asynchronous operation to its end or to the deadline.
  template <class Start>
  Code await(Deadline deadline, Start start) {
    std::optional<Code> result;
    io_.restart();
    start([&result](Code code) { result = code; });
    io_.run_until(deadline);
    if (result) return *result;
    Code ignored;
    if (stream_) stream_->next_layer().close(ignored);
    io_.restart();
    while (!result && io_.run_one() > 0) {
    }
    return asio::error::timed_out;
  }

  tl::unexpected<Problem> failed(const std::string& what, Code code) {
    stream_.reset();
    return problem(what + " " + address_.authority + ": " + code.message(), "CA");
  }

  CaAddress address_;
  asio::io_context io_;
  asio::ssl::context context_;
  std::optional<Stream> stream_;
  boost::beast::flat_buffer buffer_;
};

HttpsConnection::HttpsConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsConnection::HttpsConnection(HttpsConnection&&) noexcept = default;
HttpsConnection& HttpsConnection::operator=(HttpsConnection&&) noexcept = default;
HttpsConnection::~HttpsConnection() = default;

Result<HttpsConnection> HttpsConnection::open(CaAddress address, const std::string& ca_file) {
  auto impl = std::make_unique<Impl>(std::move(address));
  if (auto trusted = impl->trust(ca_file); !trusted) return tl::unexpected(trusted.error());
  return HttpsConnection(std::move(impl));
}

Result<void> HttpsConnection::connect(Deadline deadline) { return impl_->connect(deadline); }
ByteVector HttpsConnection::channel() const { return impl_->channel(); }
Result<HttpAnswer> HttpsConnection::call(const HttpCall& call, Deadline deadline) { return impl_->call(call, deadline); }

}  // namespace gatehouse::ca
