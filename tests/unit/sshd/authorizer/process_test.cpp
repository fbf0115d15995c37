/// The authorizer as a process in its sandbox, asked through its client over real sockets.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "daemon/sandbox.h"
#include "exchange.h"
#include "files.h"
#include "sshd/authorizer/authorizer.h"
#include "sshd/authorizer/client.h"

namespace gatehouse::sshd {
namespace {

using namespace std::chrono_literals;
using test::authentication;
using test::cookie;
using test::exchange;
using test::host_key;

class AuthorizerProcess : public test::Folder {
 protected:
  void SetUp() override {
    Folder::SetUp();
    put("ca.pub", test::ca().public_key().line() + "\n");
    krl_.version = 1;
    put("krl", krl_.write());
    auto listen = listen_unix(path("socket"), 0600);
    ASSERT_TRUE(listen) << listen.error().line();
    listen_ = std::move(*listen);
    start();
  }
  void TearDown() override {
    control_.reset();
    stop();
    Folder::TearDown();
  }

  /// As the listener does after each death of the process: the same socket, a new control channel.
  void start(uid_t peer = ::getuid()) {
    auto ends = FrameSocket::pair();
    ASSERT_TRUE(ends);
    const int listening = ::dup(listen_.fd());
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      ends->first.close();
      listen_.reset();
      AuthorizerOptions options;
      options.control = ends->second.take();
      options.listen = UniqueFd(listening);
      options.peer_uid = peer;
      options.confine = [] {
        const auto sandbox = Sandbox::compile(SandboxKind::authorizer);
        return sandbox && sandbox->enter();
      };
      ::_exit(run_authorizer(std::move(options)));
    }
    ::close(listening);
    control_.emplace(std::move(ends->first));
  }
  authorizer::Ready set_up(const std::string& more = "") {
    const auto configuration =
        Configuration::parse("TrustedUserCAKeys " + path("ca.pub") + "\nRevokedKeys " + path("krl") + "\n" + more, "test");
    EXPECT_TRUE(configuration);
    authorizer::Setup setup;
    setup.host_keys = {{host_key(), {}}};
    auto ready = control_->setup(configuration->serialize(), setup, 10s);
    if (!ready) ADD_FAILURE() << ready.error().line();
    return ready ? *ready : authorizer::Ready{};
  }
  /// @return its wait status
  int stop() {
    if (pid_ <= 0) return 0;
    ::kill(pid_, SIGKILL);
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

  Result<AuthorizerClient> connect() {
    return AuthorizerClient::open(path("socket"), {"c0ffee", "192.0.2.7", 40022, "127.0.0.1", 22, cookie(1)}, 10s);
  }
  ByteVector blob() const {
    keys::CertificateFields fields = test::good_fields();
    fields.valid_after = static_cast<std::uint64_t>(std::time(nullptr)) - 60;
    fields.valid_before = fields.valid_after + 3600;
    return test::certificate(fields);
  }
  /// A client whose certificate was granted.
  Result<AuthorizerClient> logged_in() {
    auto client = connect();
    if (!client) return client;
    const auto hash = client->exchange_hash(exchange(cookie(1), host_key()));
    if (!hash) return tl::unexpected(hash.error());
    const auto verdict = client->authenticate(authentication(hash->hash, blob()));
    if (!verdict) return tl::unexpected(verdict.error());
    if (test::word(*verdict) != "granted") return problem(test::word(*verdict));
    return client;
  }
  /// Waits for a revocation as a monitor does: by polling the descriptor.
  static std::optional<authorizer::Revoked> await_revocation(AuthorizerClient& client, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd entry{client.fd(), POLLIN, 0};
      ::poll(&entry, 1, 50);
      if (auto revoked = client.revocation()) return revoked;
    }
    return std::nullopt;
  }
  void revoke() {
    ++krl_.version;
    krl_.revoke_key_id({}, "request-1");
    put("krl", krl_.write());
  }

  keys::Krl krl_;
  UniqueFd listen_;
  std::optional<AuthorizerControl> control_;
  pid_t pid_ = -1;
};

TEST_F(AuthorizerProcess, GrantsOverTheSessionIdThatItComputed) {
  EXPECT_TRUE(set_up().problems.empty());
  auto client = connect();
  ASSERT_TRUE(client) << client.error().line();
  const auto hash = client->exchange_hash(exchange(cookie(1), host_key()));
  ASSERT_TRUE(hash) << hash.error().line();
  EXPECT_EQ(hash->hash, test::hash_of(exchange(cookie(1), host_key())));
  EXPECT_EQ(client->session_id(), hash->hash);
  const auto refused = client->authenticate(authentication(ByteVector(32, 1), blob()));
  ASSERT_TRUE(refused);
  EXPECT_EQ(test::word(*refused), "bad_signature");
  const auto verdict = client->authenticate(authentication(hash->hash, blob()));
  ASSERT_TRUE(verdict) << verdict.error().line();
  EXPECT_EQ(test::word(*verdict), "granted");
  EXPECT_FALSE(client->exchange_hash(exchange(cookie(1), host_key()))) << "without a new cookie";
  ASSERT_TRUE(client->next_cookie(cookie(2)));
  const auto rekey = client->exchange_hash(exchange(cookie(2), host_key()));
  ASSERT_TRUE(rekey) << rekey.error().line();
  EXPECT_EQ(client->session_id(), hash->hash);
}

TEST_F(AuthorizerProcess, TellsALiveSessionOfItsRevocation) {
  set_up();
  auto client = logged_in();
  auto other = connect();
  ASSERT_TRUE(client && other) << client.error().line();
  EXPECT_FALSE(await_revocation(*client, 400ms));
  revoke();
  const auto revoked = await_revocation(*client, 5s);
  ASSERT_TRUE(revoked);
  EXPECT_NE(revoked->detail.find("request-1"), std::string::npos);
  EXPECT_FALSE(other->revocation());
}

TEST_F(AuthorizerProcess, ARevocationThatComesBeforeAnAnswerIsKept) {
  set_up();
  auto client = logged_in();
  ASSERT_TRUE(client);
  revoke();
  pollfd entry{client->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&entry, 1, 5000), 1);
  ASSERT_TRUE(client->next_cookie(cookie(2)));
  EXPECT_TRUE(client->revocation());
}

TEST_F(AuthorizerProcess, MonitorsGoOnAfterItsRestart) {
  set_up();
  auto before_grant = connect();
  auto client = logged_in();
  ASSERT_TRUE(before_grant && client);
  const auto hash = before_grant->exchange_hash(exchange(cookie(1), host_key()));
  ASSERT_TRUE(hash);
  EXPECT_EQ(WTERMSIG(stop()), SIGKILL);
  start();
  set_up();
  const auto verdict = before_grant->authenticate(authentication(hash->hash, blob()));
  ASSERT_TRUE(verdict) << verdict.error().line();
  EXPECT_EQ(test::word(*verdict), "granted") << "the session id went with the monitor";
  revoke();
  EXPECT_TRUE(await_revocation(*client, 5s)) << "the grant was registered again";
}

TEST_F(AuthorizerProcess, ARequestFailsWhenNobodyComesBack) {
  set_up();
  auto client = connect();
  ASSERT_TRUE(client);
  stop();
  listen_.reset();
  std::filesystem::remove(path("socket"));
  EXPECT_FALSE(client->next_cookie(cookie(2)));
  EXPECT_FALSE(client->revocation());
  EXPECT_EQ(client->fd(), -1);
}

TEST_F(AuthorizerProcess, OneThatHangsDoesNotHoldUpWhoLooksForRevocations) {
  set_up();
  auto client = logged_in();
  ASSERT_TRUE(client);
  stop();
  start();  // and nobody sets it up: it listens, and answers nothing
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(client->revocation());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  }
  set_up();
  revoke();
  EXPECT_TRUE(await_revocation(*client, 5s)) << "registered again once it answers";
}

TEST_F(AuthorizerProcess, ADeclinedGrantIsForgottenOnBothSides) {
  set_up();
  auto client = logged_in();
  ASSERT_TRUE(client);
  EXPECT_FALSE(client->authenticate(authentication(client->session_id(), blob()))) << "one grant a conversation";
  client->decline();
  const auto verdict = client->authenticate(authentication(client->session_id(), blob()));
  ASSERT_TRUE(verdict) << verdict.error().line();
  EXPECT_EQ(test::word(*verdict), "granted");
  client->decline();
  auto other = logged_in();
  ASSERT_TRUE(other);
  EXPECT_FALSE(client->revocation());  // connected again
  revoke();
  EXPECT_TRUE(await_revocation(*other, 5s));
  EXPECT_FALSE(client->revocation()) << "nobody watches what nobody uses";
}

TEST_F(AuthorizerProcess, ServesNobodyOfAnotherUid) {
  control_.reset();
  stop();
  start(::getuid() + 1);
  set_up();
  EXPECT_FALSE(connect());
}

TEST_F(AuthorizerProcess, OutlivesTheListenerUntilItsLastClientHasGone) {
  set_up();
  {
    auto client = logged_in();
    ASSERT_TRUE(client);
    control_.reset();
    revoke();
    EXPECT_TRUE(await_revocation(*client, 5s));
    ASSERT_TRUE(client->next_cookie(cookie(3)));
    EXPECT_EQ(::waitpid(pid_, nullptr, WNOHANG), 0);
  }
  EXPECT_EQ(wait(), 0);
}

TEST_F(AuthorizerProcess, EndsWithAnErrorWithoutConfiguration) {
  control_.reset();
  const int status = wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(AuthorizerProcess, ABrokenClientBreaksNobodyElse) {
  set_up();
  auto client = logged_in();
  ASSERT_TRUE(client);
  for (const ByteVector& garbage : {ByteVector{}, ByteVector(5, 0xff), write(authorizer::NextCookie{cookie(1)})}) {
    auto broken = FrameSocket::connect(path("socket"), 5s);
    ASSERT_TRUE(broken);
    ASSERT_TRUE(broken->send(garbage, 5s));
    EXPECT_FALSE(broken->receive(5s)) << "closed";
  }
  auto half = FrameSocket::connect(path("socket"), 5s);
  ASSERT_TRUE(half);
  const std::uint8_t header[] = {0, 0, 1, 0, 0, 1};
  ASSERT_EQ(::write(half->fd(), header, sizeof header), 6);
  EXPECT_TRUE(client->next_cookie(cookie(2)));
}

TEST_F(AuthorizerProcess, ANewConfigurationHoldsFromTheNextRequestOn) {
  set_up();
  auto client = connect();
  ASSERT_TRUE(client);
  const auto hash = client->exchange_hash(exchange(cookie(1), host_key()));
  ASSERT_TRUE(hash);
  set_up("MaxCertificateLifetime 1m\n");
  const auto verdict = client->authenticate(authentication(hash->hash, blob()));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(test::word(*verdict), "lifetime_exceeds_maximum");
}

TEST_F(AuthorizerProcess, SaysAtStartWhatIsWrongWithItsFiles) {
  std::filesystem::remove(path("krl"));
  const auto ready = set_up();
  ASSERT_EQ(ready.problems.size(), 1U);
  EXPECT_NE(ready.problems[0].find(path("krl")), std::string::npos);
  auto client = connect();
  ASSERT_TRUE(client);
  const auto hash = client->exchange_hash(exchange(cookie(1), host_key()));
  ASSERT_TRUE(hash);
  const auto verdict = client->authenticate(authentication(hash->hash, blob()));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(test::word(*verdict), "krl_unavailable");
}

}  // namespace
}  // namespace gatehouse::sshd
