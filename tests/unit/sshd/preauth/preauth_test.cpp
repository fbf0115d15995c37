/// The process that talks to strangers, between a client and a monitor of the test's.
#include "sshd/preauth/preauth.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "protocol/auth/userauth.h"
#include "protocol/transport/exchange_hash.h"
#include "tests/support/ssh_pair.h"

namespace gatehouse::sshd {
namespace {

using namespace std::chrono_literals;

class PreauthProcess : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_.reset(ends[1]);
    auto sockets = FrameSocket::pair();
    ASSERT_TRUE(sockets);
    monitor_ = std::move(sockets->second);
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    snapshot_.reset(pipe_ends[0]);
    PreauthOptions options;
    options.connection.reset(ends[0]);
    options.monitor = std::move(sockets->first);
    options.snapshot.reset(pipe_ends[1]);
    options.transport = test::server_settings();
    options.transport.identification_sent = true;
    options.cookie = test::fresh_cookie();
    options.settings = {{"ssh-ed25519"}, 3, {}};
    exit_ = std::async(std::launch::async, [given = std::move(options)]() mutable { return run_preauth(std::move(given)); });
  }
  void TearDown() override {
    peer_.reset();
    monitor_.close();
    exit_.wait();
  }

  /// Refuses every key, as a monitor does, and keeps what it is told. Until preauth is gone.
  void be_monitor() {
    while (const auto frame = monitor_.receive(10s)) {
      auto request = message::parse_preauth_request(frame->payload);
      ASSERT_TRUE(request) << request.error().detail;
      if (auto* asked = std::get_if<message::SignExchange>(&*request)) sign(*asked);
      if (std::holds_alternative<message::SelectUser>(*request)) {
        ASSERT_TRUE(monitor_.send(message::write(message::UserSettings{{"ssh-ed25519"}, 3, {}}), 10s));
      }
      if (std::holds_alternative<message::Authenticate>(*request)) {
        ++authentications_;
        ASSERT_TRUE(monitor_.send(message::write(message::Answer{message::Answer::Word::refused}), 10s));
      }
      if (const auto* fact = std::get_if<message::AttemptFailed>(&*request)) failures_.push_back(fact->reason);
    }
  }
  void sign(message::SignExchange& asked) {
    transport::ExchangeHashInputs inputs;
    inputs.client_identification = asked.inputs.client_version;
    inputs.server_identification = asked.inputs.server_version;
    inputs.client_kexinit = asked.inputs.client_kexinit;
    inputs.server_kexinit = asked.inputs.server_kexinit;
    inputs.host_key = asked.inputs.host_key;
    inputs.client_share = asked.inputs.client_public;
    inputs.server_share = asked.inputs.server_public;
    inputs.shared_secret = std::move(asked.inputs.shared_secret);
    const auto hash = transport::exchange_hash(*crypto::kex_method_by_name(asked.inputs.method), inputs);
    ASSERT_TRUE(hash);
    const auto signature = test::host_private_key(keys::KeyType::ed25519).sign(keys::SignatureAlgorithm::ed25519, *hash);
    ASSERT_TRUE(signature);
    ASSERT_TRUE(monitor_.send(message::write(message::SignedExchange{*hash, *signature}), 10s));
  }

  /// Sends the requests one after the other, each after the answer to the one before. @return the numbers of the answers
  std::vector<int> be_client(const std::vector<ByteVector>& requests) {
    test::End client(test::client_settings());
    client.transport.feed(as_bytes("SSH-2.0-TestServer\r\n"));
    std::vector<int> answers;
    std::size_t sent = 0;
    bool open = true;
    while (open && !client.disconnected && !client.error) {
      client.turn();
      for (const ByteVector& payload : std::exchange(client.payloads, {})) answers.push_back(payload[0]);
      if (client.keys_installed > 0 && sent == answers.size() && sent < requests.size()) client.transport.send(requests[sent++]);
      while (!client.transport.output().empty()) {
        const Bytes output = client.transport.output();
        const ssize_t count = ::send(peer_.fd(), output.data(), output.size(), MSG_NOSIGNAL);
        if (count <= 0) break;
        client.transport.output_sent(static_cast<std::size_t>(count));
      }
      if (answers.size() == requests.size()) break;
      pollfd entry{peer_.fd(), POLLIN, 0};
      if (poll(&entry, 1, 10000) <= 0) break;
      const auto space = client.transport.input_space();
      const ssize_t count = recv(peer_.fd(), space.data(), space.size(), 0);
      open = count > 0;
      if (open) client.transport.input_received(static_cast<std::size_t>(count));
    }
    client.turn();
    if (client.disconnected) answers.push_back(-static_cast<int>(client.disconnected->reason));
    return answers;
  }

  template <class Method>
  static ByteVector request(const Method& method) {
    return auth::write_userauth_request({"alice", "ssh-connection", method});
  }
  static ByteVector signed_request() {
    auth::PublicKeyMethod method;
    method.algorithm = "ssh-ed25519";
    method.key_blob = to_vector(test::host_private_key(keys::KeyType::ed25519).public_key().blob());
    method.signature = test::host_private_key(keys::KeyType::ed25519).sign(keys::SignatureAlgorithm::ed25519, method.key_blob).value();
    return request(method);
  }
  static ByteVector service() { return auth::write_service_request(auth::userauth_service); }

  UniqueFd peer_;
  FrameSocket monitor_;
  UniqueFd snapshot_;
  std::future<PreauthExit> exit_;
  std::vector<std::string> failures_;
  int authentications_ = 0;
};

TEST_F(PreauthProcess, EndsWithItsMonitor) {
  ASSERT_EQ(exit_.wait_for(100ms), std::future_status::timeout) << "the peer is silent, and it waits";
  monitor_.close();
  ASSERT_EQ(exit_.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(exit_.get(), PreauthExit::ended);
  exit_ = std::async(std::launch::deferred, [] { return PreauthExit::ended; });
}

TEST_F(PreauthProcess, ARefusedKeyIsAFailureUpToTheLastTry) {
  auto monitor = std::async(std::launch::async, [this] { be_monitor(); });
  const auto answers = be_client({service(), signed_request(), signed_request(), signed_request()});
  EXPECT_EQ(answers, (std::vector<int>{6, 51, 51, -14})) << "SERVICE_ACCEPT, FAILURE, FAILURE, DISCONNECT";
  monitor.wait();
  EXPECT_EQ(authentications_, 3);
}

TEST_F(PreauthProcess, TellsOfTheLastRefusedAttemptToo) {
  auto monitor = std::async(std::launch::async, [this] { be_monitor(); });
  const ByteVector password = request(auth::UnknownMethod{"password"});
  const auto answers = be_client({service(), password, password, password});
  EXPECT_EQ(answers, (std::vector<int>{6, 51, 51, -14}));
  monitor.wait();
  EXPECT_EQ(failures_, (std::vector<std::string>{"unknown_method", "unknown_method", "unknown_method"}));
}

}  // namespace
}  // namespace gatehouse::sshd
