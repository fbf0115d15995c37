#include "sshd/preauth/preauth.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/auth/server_auth.h"
#include "sshd/preauth/monitor_link.h"

namespace gatehouse::sshd {
namespace {

auth::ServerAuthSettings auth_settings(const message::UserSettings& settings) {
  auth::ServerAuthSettings result;
  result.accepted_algorithms = settings.accepted_algorithms;
  result.max_tries = settings.max_tries;
  result.banner = settings.banner;
  return result;
}

/// A plain key where only certificates are taken is what an audit wants to know as "no certificate".
std::string reason_of(const auth::AttemptFailed& failed) {
  if (failed.reason == auth::AttemptFailed::Reason::unsupported_algorithm) {
    const auto algorithm = keys::public_key_algorithm_by_name(failed.detail);
    if (algorithm && !algorithm->certificate) return "no_certificate";
  }
  return std::string(auth::reason_word(failed.reason));
}

/// One connection up to its login.
class Preauth {
 public:
  explicit Preauth(PreauthOptions options)
      : connection_(std::move(options.connection)),
        snapshot_(std::move(options.snapshot)),
        monitor_(std::move(options.monitor)),
        transport_(std::move(options.transport)),
        auth_(transport_, auth_settings(options.settings)) {
    transport_.provide_cookie(options.cookie);
  }

  PreauthExit run() {
    while (true) {
      handle_events();
      write_output();
      if (auth_.succeeded() && transport_.can_snapshot()) return hand_over();
      if (done_ || (transport_.closed() && transport_.output().empty())) return end();
      if (!wait()) return end();
    }
  }

 private:
  /// Waits for the socket and reads what is there. @return false when there is nothing to wait for
  bool wait() {
    // No more entries than two: this process may open nothing, and poll() takes no more than the limit of descriptors says.
    std::array<pollfd, 2> entries{pollfd{connection_.fd(), 0, 0}, pollfd{monitor_.fd(), 0, 0}};
    pollfd& entry = entries[0];
    if (transport_.wants_input()) entry.events |= POLLIN;
    if (!transport_.output().empty()) entry.events |= POLLOUT;
    if (entry.events == 0) return false;
    if (poll(entries.data(), entries.size(), -1) < 0) return errno == EINTR;
    if (entries[1].revents != 0) {
      ended_ = "the monitor is gone";
      return false;
    }
    if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && transport_.wants_input()) return read_input();
    return (entry.revents & (POLLHUP | POLLERR)) == 0;
  }

  bool read_input() {
    const auto space = transport_.input_space();
    const ssize_t count = recv(connection_.fd(), space.data(), space.size(), MSG_DONTWAIT);
    if (count > 0) {
      transport_.input_received(static_cast<std::size_t>(count));
      return true;
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    ended_ = count == 0 ? "closed by the peer" : fmt::format("reading: {}", std::strerror(errno));
    return false;
  }

  void write_output() {
    while (!transport_.output().empty()) {
      const Bytes output = transport_.output();
      const ssize_t count = send(connection_.fd(), output.data(), output.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) over(fmt::format("writing: {}", std::strerror(errno)));
        return;
      }
      transport_.output_sent(static_cast<std::size_t>(count));
    }
  }

  void handle_events() {
    // After SUCCESS the transport is asked for more only to finish a key exchange; what else the peer sent is the session's to read.
    while (!done_ && !(auth_.succeeded() && transport_.can_snapshot())) {
      auto event = transport_.next();
      if (!event) return violated(event.error());
      if (!*event) return;
      std::visit([this](auto& happened) { on(happened); }, **event);
    }
  }

  void on(const transport::PeerIdentified&) {}
  void on(const transport::HostKeyOffered&) { std::abort(); }  // only clients are offered host keys

  void on(const transport::CookieNeeded&) {
    const auto cookie = monitor_.next_cookie();
    if (!cookie) return over(cookie.error().what);
    transport_.provide_cookie(*cookie);
  }

  void on(transport::ExchangeHashNeeded& needed) {
    const auto answer = monitor_.sign_exchange(message::sign_exchange_for(std::move(needed)));
    if (!answer) {
      transport_.disconnect(DisconnectReason::key_exchange_failed, "no host key signature");
      return over(answer.error().what);
    }
    if (auto given = transport_.provide_exchange_hash_and_signature(answer->hash, answer->signature); !given) violated(given.error());
  }

  void on(const transport::KeysInstalled& installed) {
    if (installed.first) monitor_.tell(facts());
  }

  void on(const transport::PeerDisconnected& peer) { over(fmt::format("disconnected by the peer: {} ({})", peer.text, peer.reason)); }

  void on(const transport::PayloadReceived& received) {
    if (auth_.succeeded()) return violated(ProtocolError{Violation::unexpected_message, "data during the key exchange at the hand-over"});
    if (received.message == Message::userauth_request && !user_selected_ && !select_user(received.payload)) return;
    auto event = auth_.receive(received);
    if (!event) return over(event.error().detail);
    if (*event) std::visit([this](const auto& happened) { on(happened); }, **event);
  }

  /// What holds may depend on the user (Match User), so the monitor is asked before the first request is looked at.
  bool select_user(Bytes payload) {
    const auto request = auth::parse_userauth_request(payload);
    if (!request || request->user.size() > auth::max_user_name) return true;  // auth_ says what is wrong with it
    const auto settings = monitor_.select_user(request->user);
    if (!settings) {
      over(settings.error().what);
      return false;
    }
    user_selected_ = true;
    auth_.change_settings(auth_settings(*settings));
    return true;
  }

  void on(const auth::AttemptFailed& failed) {
    monitor_.tell(message::AttemptFailed{reason_of(failed), failed.detail});
    if (failed.last) over("too many authentication failures");
  }

  void on(const auth::PublicKeyQueried& query) {
    const auto answer = ask(query.user, std::string(auth::connection_service), query.key);
    if (!answer) return over(answer.error().what);
    if (answer->word == message::Answer::Word::acceptable) return auth_.accept_query();
    refuse();
  }

  void on(const auth::PublicKeySigned& request) {
    const auto answer = ask(request.user, request.service, request.key);
    if (!answer) return over(answer.error().what);
    if (answer->word == message::Answer::Word::granted) return auth_.succeed();
    refuse();
  }

  Result<message::Answer> ask(const std::string& user, const std::string& service, const auth::PublicKeyMethod& key) {
    message::Authenticate request;
    request.request.user = user;
    request.request.service = service;
    request.request.host_bound = key.server_host_key.has_value();
    request.request.algorithm = key.algorithm;
    request.request.public_key = key.key_blob;
    request.request.signature = key.signature;
    return monitor_.authenticate(request);
  }

  /// Every refusal looks the same from outside, whoever it comes from and whatever its reason is.
  void refuse() {
    if (!auth_.reject()) over("too many authentication failures");
  }

  message::PeerFacts facts() const {
    message::PeerFacts result;
    result.identification = escaped(transport_.peer_identification());
    result.ended = ended_;
    result.key_exchange_finished = !transport_.session_id().empty();
    if (!result.key_exchange_finished) return result;
    const transport::Negotiated& agreed = transport_.negotiated();
    result.kex = crypto::kex_method_name(agreed.kex);
    result.cipher = crypto::cipher_name(agreed.cipher_client_to_server);
    result.mac = agreed.mac_client_to_server == crypto::Mac::none ? "" : std::string(crypto::mac_name(agreed.mac_client_to_server));
    return result;
  }

  void violated(const ProtocolError& error) {
    transport_.fail(error);
    over(fmt::format("{} ({})", rule(error.violation).text, error.detail));
  }

  /// The connection ends once what is left of the output is written.
  void over(std::string how) {
    if (ended_.empty()) ended_ = std::move(how);
    done_ = true;
  }

  PreauthExit end() {
    write_output();
    monitor_.tell(facts());
    return PreauthExit::ended;
  }

  PreauthExit hand_over() {
    const auto snapshot = transport_.snapshot();
    if (!snapshot) {
      over(snapshot.error().detail);
      return end();
    }
    Bytes left = snapshot->reveal();
    while (!left.empty()) {
      // The pipe takes it whole: nobody reads it before this process is gone.
      const ssize_t count = write(snapshot_.fd(), left.data(), left.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        over("the snapshot does not fit in its pipe");
        return end();
      }
      left = left.subspan(static_cast<std::size_t>(count));
    }
    return PreauthExit::handed_over;
  }

  UniqueFd connection_;
  UniqueFd snapshot_;
  MonitorLink monitor_;
  transport::Transport transport_;
  auth::ServerAuth auth_;
  bool user_selected_ = false;
  bool done_ = false;
  std::string ended_;
};

}  // namespace

std::string server_sig_algs(const std::vector<std::string>& accepted_algorithms) {
  std::vector<std::string_view> names;
  for (const std::string& name : accepted_algorithms) {
    const auto algorithm = keys::public_key_algorithm_by_name(name);
    if (!algorithm) continue;
    const std::string_view signature = keys::signature_name(algorithm->signature);
    if (std::find(names.begin(), names.end(), signature) == names.end()) names.push_back(signature);
  }
  return fmt::format("{}", fmt::join(names, ","));
}

PreauthExit run_preauth(PreauthOptions options) { return Preauth(std::move(options)).run(); }

}  // namespace gatehouse::sshd
