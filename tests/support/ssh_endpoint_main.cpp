/// One SSH connection over a socket on 127.0.0.1, either role, for tests and measurements against other implementations. Host keys live in
/// memory; it is no server for anyone to use.
///
///   ssh_endpoint server KEY_TYPE AUTHORIZED_KEY.pub [name=value …]
///       prints the port and the host key's fingerprint, serves one connection: publickey by that key (or a certificate over it); `exec`
///       of: true, cat, exit N, source N, sink
///   ssh_endpoint client PORT USER PRIVATE_KEY COMMAND [name=value …]
///       runs the command, standard input to the channel and back; exits with its status
///
/// name=value: kex=…, ciphers=…, macs=…, host_keys=… (comma separated lists), certificate=FILE, rekey_bytes=N, verbose=1
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "protocol/auth/client_auth.h"
#include "protocol/auth/server_auth.h"
#include "protocol/connection/connection.h"
#include "protocol/crypto/random.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"
#include "protocol/transport/name_list.h"
#include "protocol/transport/octet_queue.h"

namespace gatehouse {
namespace {

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "ssh_endpoint: " << why << '\n';
  std::exit(255);
}

std::string file_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) stop("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

using Options = std::map<std::string, std::string>;

void apply(const Options& options, transport::Settings& settings) {
  const auto list = [&](const std::string& name, std::vector<std::string>& to) {
    const auto found = options.find(name);
    if (found != options.end()) to = transport::parse_name_list(found->second).value();
  };
  list("kex", settings.algorithms.kex);
  list("ciphers", settings.algorithms.ciphers);
  list("macs", settings.algorithms.macs);
  list("host_keys", settings.algorithms.host_keys);
  if (options.count("rekey_bytes") != 0) settings.rekey.bytes = std::stoull(options.at("rekey_bytes"));
}

/// The loop over one socket, and what both roles do alike.
class Endpoint {
 public:
  Endpoint(int socket, transport::Settings settings, bool verbose) : socket_(socket), verbose_(verbose), transport_(std::move(settings)) {
    const int one = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  virtual ~Endpoint() = default;

  int run() {
    while (true) {
      do {
        handle_events();
        pump();
      } while (write_output());
      if (transport_.closed() && transport_.output().empty()) return status_;
      wait();
    }
  }

 protected:
  virtual void payload_received(const transport::PayloadReceived& payload) = 0;
  virtual void hash_needed(transport::ExchangeHashNeeded&) { std::abort(); }
  virtual void host_key_offered(const transport::HostKeyOffered&) { std::abort(); }
  virtual void first_keys_installed() {}
  /// Moves data between channels and files.
  virtual void pump() {}
  /// Another descriptor to read from, or -1.
  virtual int source() const { return -1; }
  virtual void source_ready() {}

  void on(const transport::PayloadReceived& payload) { payload_received(payload); }
  void on(transport::ExchangeHashNeeded& needed) { hash_needed(needed); }
  void on(const transport::HostKeyOffered& offered) { host_key_offered(offered); }
  void on(const transport::KeysInstalled& installed) {
    const auto& agreed = transport_.negotiated();
    if (verbose_) {
      std::cerr << fmt::format("keys: {} {} {}{}\n", crypto::kex_method_name(agreed.kex), agreed.host_key_algorithm,
                               crypto::cipher_name(agreed.cipher_client_to_server), installed.first ? "" : " (rekey)");
    }
    if (installed.first) first_keys_installed();
  }
  void on(const transport::PeerIdentified&) {
    if (verbose_) std::cerr << "peer: " << transport_.peer_identification() << '\n';
  }
  void on(const transport::CookieNeeded&) {
    transport::Cookie cookie;
    crypto::random_fill(cookie);
    transport_.provide_cookie(cookie);
  }
  void on(const transport::PeerDisconnected& peer) {
    if (verbose_) std::cerr << fmt::format("peer disconnected: {} {}\n", peer.reason, peer.text);
  }

  template <class T>
  T must(ProtocolResult<T> result) {
    if (!result) {
      flush();
      stop(fmt::format("{}: {}", rule(result.error().violation).text, result.error().detail));
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  void flush() {
    while (!transport_.output().empty() && write_output()) {
    }
  }

  int socket_;
  bool verbose_;
  transport::Transport transport_;
  int status_ = 255;

 private:
  void handle_events() {
    while (true) {
      auto event = must(transport_.next());
      if (!event) return;
      std::visit([this](auto& happened) { on(happened); }, *event);
    }
  }

  /// @return whether something went out
  bool write_output() {
    const Bytes output = transport_.output();
    if (output.empty()) return false;
    const ssize_t count = send(socket_, output.data(), output.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN) return false;
      stop("the peer is gone");
    }
    transport_.output_sent(static_cast<std::size_t>(count));
    return true;
  }

  void wait() {
    pollfd entries[2] = {{socket_, 0, 0}, {source(), POLLIN, 0}};
    if (transport_.wants_input()) entries[0].events |= POLLIN;
    if (!transport_.output().empty()) entries[0].events |= POLLOUT;
    if (poll(entries, 2, 60000) <= 0) stop("nothing happens");
    if ((entries[1].revents & (POLLIN | POLLHUP)) != 0) source_ready();
    if ((entries[0].revents & (POLLIN | POLLHUP)) == 0 || !transport_.wants_input()) return;
    const auto space = transport_.input_space();
    const ssize_t count = recv(socket_, space.data(), space.size(), MSG_DONTWAIT);
    if (count == 0) std::exit(status_);
    if (count > 0) transport_.input_received(static_cast<std::size_t>(count));
  }
};

class ServerEnd final : public Endpoint {
 public:
  ServerEnd(int socket, transport::Settings settings, keys::PrivateKey& host_key, keys::PublicKey authorized, bool verbose)
      : Endpoint(socket, std::move(settings), verbose),
        host_key_(host_key),
        authorized_(std::move(authorized)),
        auth_(transport_, every_algorithm()),
        connection_(transport_) {}

 private:
  static auth::ServerAuthSettings every_algorithm() {
    auth::ServerAuthSettings settings;
    settings.accepted_algorithms = transport::AlgorithmLists::defaults().host_keys;
    return settings;
  }
  void hash_needed(transport::ExchangeHashNeeded& needed) override {
    const ByteVector hash = must(transport::exchange_hash(needed.method, needed.inputs));
    const auto algorithm = keys::public_key_algorithm_by_name(needed.host_key_algorithm);
    const auto signature = host_key_.sign(algorithm->signature, hash);
    if (!signature) stop(signature.error().line());
    must(transport_.provide_exchange_hash_and_signature(hash, *signature));
  }

  void payload_received(const transport::PayloadReceived& payload) override {
    if (!auth_.succeeded()) {
      const auto event = must(auth_.receive(payload));
      if (event) std::visit([this](const auto& happened) { on_auth(happened); }, *event);
      return;
    }
    const auto event = must(connection_.receive(payload));
    if (event) std::visit([this](const auto& happened) { on_connection(happened); }, *event);
  }

  bool is_authorized(const auth::PublicKeyMethod& key, const keys::PublicKeyAlgorithm& algorithm) const {
    if (!algorithm.certificate) return equal(key.key_blob, authorized_.blob());
    const auto certificate = keys::Certificate::parse(key.key_blob);
    return certificate && certificate->verify_signature() && certificate->subject() == authorized_;
  }
  void on_auth(const auth::PublicKeyQueried& query) {
    is_authorized(query.key, query.algorithm) ? auth_.accept_query() : must(auth_.reject());
  }
  void on_auth(const auth::PublicKeySigned& request) {
    const ByteVector data = auth::userauth_signed_data(transport_.session_id(), request.user, request.service, request.key);
    if (is_authorized(request.key, request.algorithm) && authorized_.verify(request.algorithm.signature, data, *request.key.signature)) {
      if (verbose_)
        std::cerr << fmt::format("accepted {} {}\n", request.key.algorithm, request.key.server_host_key ? "hostbound" : "plain");
      auth_.succeed();
    } else {
      must(auth_.reject());
    }
  }
  void on_auth(const auth::AttemptFailed& failed) {
    if (verbose_) std::cerr << fmt::format("failed: {} {}\n", auth::reason_word(failed.reason), failed.detail);
    if (!failed.last) return;
    flush();
    stop("too many authentication failures");
  }

  template <class Event>
  void on_connection(const Event&) {}
  void on_connection(const connection::ChannelOpenRequested& request) {
    if (std::holds_alternative<connection::SessionChannel>(request.type)) {
      connection_.confirm_open(request.channel);
    } else {
      connection_.refuse_open(request.channel, connection::OpenFailure::unknown_channel_type, "sessions only");
    }
  }
  void on_connection(const connection::GlobalRequested& request) {
    if (request.want_reply) connection_.reply_global(false);
  }
  void on_connection(const connection::ChannelRequested& request) {
    const auto* exec = std::get_if<connection::ExecRequest>(&request.request);
    const bool known = exec != nullptr && begin(request.channel, exec->command);
    if (request.want_reply) connection_.reply(request.channel, known);
    if (known && exec->command != "cat" && exec->command != "sink" && left_ == 0) end(request.channel, exit_status_);
  }
  bool begin(connection::ChannelId channel, const std::string& command) {
    if (command == "cat") {
      echo_ = true;
    } else if (command.rfind("exit ", 0) == 0) {
      exit_status_ = static_cast<std::uint32_t>(std::stoul(command.substr(5)));
    } else if (command.rfind("source ", 0) == 0) {
      left_ = std::stoull(command.substr(7));
      channel_ = channel;
    } else if (command != "true" && command != "sink") {
      return false;
    }
    return true;
  }
  void end(connection::ChannelId channel, std::uint32_t status) {
    connection_.request(channel, connection::ExitStatus{status}, false);
    connection_.send_eof(channel);
    connection_.close(channel);
  }
  void on_connection(const connection::DataReceived& received) {
    if (!echo_) return connection_.consumed(received.channel, received.data.size());
    channel_ = received.channel;
    waiting_.append(received.data);
    pump();
  }
  void on_connection(const connection::EofReceived& eof) {
    eof_ = true;
    channel_ = eof.channel;
    pump();
  }
  void pump() override {
    if (!channel_) return;
    while (left_ > 0) {
      const std::span<std::uint8_t> space = connection_.start_data(*channel_, 32768);
      if (space.empty()) return;
      const std::size_t size = std::min<std::size_t>(space.size(), left_);
      std::memset(space.data(), 0, size);
      connection_.finish_data(*channel_, size);
      left_ -= size;
      if (left_ == 0) return end(*channel_, 0);
    }
    const std::size_t taken = connection_.write(*channel_, waiting_.view());
    waiting_.drop(taken);
    connection_.consumed(*channel_, taken);
    if (eof_ && waiting_.empty()) {
      end(*channel_, 0);
      channel_.reset();
    }
  }

  keys::PrivateKey& host_key_;
  keys::PublicKey authorized_;
  auth::ServerAuth auth_;
  connection::Connection connection_;
  std::optional<connection::ChannelId> channel_;
  transport::OctetQueue waiting_;
  bool echo_ = false;
  bool eof_ = false;
  std::uint64_t left_ = 0;
  std::uint32_t exit_status_ = 0;
};

class ClientEnd final : public Endpoint {
 public:
  ClientEnd(int socket, transport::Settings settings, std::string user, keys::PrivateKey& key, ByteVector certificate, std::string command,
            bool verbose)
      : Endpoint(socket, std::move(settings), verbose),
        user_(std::move(user)),
        key_(key),
        certificate_(std::move(certificate)),
        command_(std::move(command)),
        connection_(transport_) {}

 private:
  void host_key_offered(const transport::HostKeyOffered& offered) override {
    if (verbose_) std::cerr << fmt::format("host key: {} {}\n", offered.algorithm, keys::fingerprint_of(offered.blob));
    must(transport_.accept_host_key());
  }
  void first_keys_installed() override { auth_.emplace(transport_, user_, std::vector<auth::ClientIdentity>{{&key_, certificate_, true}}); }
  void payload_received(const transport::PayloadReceived& payload) override {
    if (!auth_->succeeded()) {
      const auto event = must(auth_->receive(payload));
      if (event && std::holds_alternative<auth::AuthenticationFailed>(*event)) stop("permission denied");
      if (auth_->succeeded()) channel_ = connection_.open(connection::SessionChannel{});
      return;
    }
    const auto event = must(connection_.receive(payload));
    if (event) std::visit([this](const auto& happened) { on_connection(happened); }, *event);
  }

  template <class Event>
  void on_connection(const Event&) {}
  void on_connection(const connection::ChannelOpened& opened) {
    connection_.request(opened.channel, connection::ExecRequest{command_}, true);
  }
  void on_connection(const connection::ChannelOpenRefused& refused) { stop("channel refused: " + refused.text); }
  void on_connection(const connection::ChannelRequestAnswered& answer) {
    if (!answer.success) stop("command refused");
    running_ = true;
  }
  void on_connection(const connection::GlobalRequested& request) {
    if (request.want_reply) connection_.reply_global(false);
  }
  void on_connection(const connection::DataReceived& received) { put(1, received.channel, received.data); }
  void on_connection(const connection::ExtendedDataReceived& received) { put(2, received.channel, received.data); }
  void on_connection(const connection::ChannelRequested& request) {
    if (const auto* exit = std::get_if<connection::ExitStatus>(&request.request)) status_ = static_cast<int>(exit->status);
    if (request.want_reply) connection_.reply(request.channel, false);
  }
  void on_connection(const connection::ChannelClosed&) { transport_.disconnect(DisconnectReason::by_application, "done"); }

  void put(int descriptor, connection::ChannelId channel, Bytes data) {
    std::size_t written = 0;
    while (written < data.size()) {
      const ssize_t count = write(descriptor, data.data() + written, data.size() - written);
      if (count <= 0) stop("cannot write");
      written += static_cast<std::size_t>(count);
    }
    connection_.consumed(channel, data.size());
  }
  int source() const override { return running_ && !at_end_ && connection_.room(*channel_) > 0 ? 0 : -1; }
  void source_ready() override {
    const std::span<std::uint8_t> space = connection_.start_data(*channel_, 32768);
    const ssize_t count = read(0, space.data(), space.size());
    connection_.finish_data(*channel_, count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count > 0) return;
    at_end_ = true;
    connection_.send_eof(*channel_);
  }

  std::string user_;
  keys::PrivateKey& key_;
  ByteVector certificate_;
  std::string command_;
  std::optional<auth::ClientAuth> auth_;
  connection::Connection connection_;
  std::optional<connection::ChannelId> channel_;
  bool running_ = false;
  bool at_end_ = false;
};

keys::KeyType key_type(const std::string& name) {
  if (name == "ed25519") return keys::KeyType::ed25519;
  if (name == "ecdsa256") return keys::KeyType::ecdsa_p256;
  if (name == "ecdsa384") return keys::KeyType::ecdsa_p384;
  if (name == "ecdsa521") return keys::KeyType::ecdsa_p521;
  if (name == "rsa") return keys::KeyType::rsa;
  stop("key type " + name);
}

int serve(const std::string& type_name, const std::string& authorized_file, const Options& options) {
  auto host_key = keys::PrivateKey::generate(key_type(type_name));
  const auto authorized = keys::PublicKey::parse_line(file_content(authorized_file));
  if (!authorized) stop(authorized.error().line());
  transport::Settings settings;
  settings.role = transport::Role::server;
  apply(options, settings);
  for (const keys::SignatureAlgorithm algorithm : keys::signatures_of(host_key.public_key().type())) {
    settings.host_keys.push_back({std::string(keys::signature_name(algorithm)), to_vector(host_key.public_key().blob())});
  }
  settings.server_sig_algs = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    stop("cannot listen");
  }
  std::cout << ntohs(address.sin_port) << ' ' << host_key.public_key().fingerprint() << std::endl;
  const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ServerEnd server(connection, std::move(settings), host_key, *authorized, options.count("verbose") != 0);
  return server.run();
}

int connect_to(const std::string& port, const std::string& user, const std::string& key_file, const std::string& command,
               const Options& options) {
  auto key = keys::PrivateKey::parse_openssh(SecretBytes::copy_of(as_bytes(file_content(key_file))));
  if (!key) stop(key.error().line());
  ByteVector certificate_blob;
  if (options.count("certificate") != 0) {
    const auto certificate = keys::Certificate::parse_line(file_content(options.at("certificate")));
    if (!certificate) stop(certificate.error().line());
    certificate_blob = to_vector(certificate->blob());
  }
  transport::Settings settings;
  settings.role = transport::Role::client;
  apply(options, settings);
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) stop("cannot connect");
  ClientEnd client(connection, std::move(settings), user, *key, std::move(certificate_blob), command, options.count("verbose") != 0);
  return client.run();
}

}  // namespace
}  // namespace gatehouse

int main(int argc, char** argv) {
  std::vector<std::string> words;
  gatehouse::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    if (words.size() >= 3 && equals != std::string::npos) {
      options[word.substr(0, equals)] = word.substr(equals + 1);
    } else {
      words.push_back(word);
    }
  }
  if (words.size() == 3 && words[0] == "server") return gatehouse::serve(words[1], words[2], options);
  if (words.size() == 5 && words[0] == "client") return gatehouse::connect_to(words[1], words[2], words[3], words[4], options);
  std::cerr << "usage: see ssh_endpoint_main.cpp\n";
  return 2;
}
