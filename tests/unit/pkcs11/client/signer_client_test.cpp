#include "pkcs11/client/signer_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

namespace gatehouse::pkcs11 {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
constexpr Milliseconds limit{3000};

/// Stands where a signer would: what it does with each connection is the test's to say.
class FakeSigner {
 public:
  using Conduct = std::function<void(FrameSocket& client, int connection)>;

  explicit FakeSigner(Conduct conduct) : conduct_(std::move(conduct)) {
    std::string name = "/tmp/gatehouse-client-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    auto listener = listen_unix(path(), 0600);
    if (!listener) throw std::runtime_error(listener.error().line());
    listener_ = std::move(*listener);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeSigner() {
    stop_ = true;
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/s"; }
  int connections() const { return connections_; }
  int asked() const { return asked_; }

  static void greet(FrameSocket& client) {
    if (!client.receive(limit)) return;
    (void)client.send(write_answer(Welcome{signer_protocol_version, Purpose::host}), limit);
  }
  /// Reads one request. @return whether there was one
  bool read(FrameSocket& client) {
    if (!client.receive(limit)) return false;
    ++asked_;
    return true;
  }

 private:
  void serve() {
    while (!stop_) {
      pollfd entry{listener_.fd(), POLLIN, 0};
      if (::poll(&entry, 1, 10) <= 0) continue;
      FrameSocket client{UniqueFd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC))};
      conduct_(client, ++connections_);
    }
  }
  Conduct conduct_;
  std::string folder_;
  UniqueFd listener_;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

TEST(SignerClient, AsksAgainWhenTheSignerGoesAwayDuringARequest) {
  FakeSigner* self = nullptr;
  FakeSigner signer([&self](FrameSocket& client, int connection) {
    FakeSigner::greet(client);
    if (!self->read(client) || connection < 3) return;
    (void)client.send(write_answer(Signed{{1, 2, 3}}), limit);
  });
  self = &signer;
  SignerClient client(signer.path());
  const auto signature = client.sign_exchange_hash(ByteVector{1}, keys::SignatureAlgorithm::ed25519, ByteVector(32));
  ASSERT_TRUE(signature) << signature.error().problem().line();
  EXPECT_EQ(*signature, (ByteVector{1, 2, 3}));
  EXPECT_EQ(signer.connections(), 3);
}

TEST(SignerClient, GivesUpOnARequestThatEndsEverySigner) {
  FakeSigner* self = nullptr;
  FakeSigner signer([&self](FrameSocket& client, int) {
    FakeSigner::greet(client);
    self->read(client);
  });
  self = &signer;
  SignerClient client(signer.path());
  const auto signature = client.sign_exchange_hash(ByteVector{1}, keys::SignatureAlgorithm::ed25519, ByteVector(32));
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().kind, FaultKind::unreachable);
  EXPECT_EQ(signer.asked(), SignerClient::max_attempts);
}

TEST(SignerClient, NeverAsksTwiceForAKey) {
  FakeSigner* self = nullptr;
  FakeSigner signer([&self](FrameSocket& client, int) {
    FakeSigner::greet(client);
    self->read(client);
  });
  self = &signer;
  SignerClient client(signer.path());
  EXPECT_FALSE(client.generate({keys::KeyType::ed25519, 0, "a", {}}));
  EXPECT_EQ(signer.asked(), 1);
}

TEST(SignerClient, PassesAFaultOnAtOnce) {
  FakeSigner* self = nullptr;
  FakeSigner signer([&self](FrameSocket& client, int) {
    FakeSigner::greet(client);
    while (self->read(client)) (void)client.send(write_answer(SignerFault{FaultKind::token_away, "gone"}), limit);
  });
  self = &signer;
  {
    SignerClient client(signer.path());
    const auto began = Clock::now();
    const auto signature = client.sign_exchange_hash(ByteVector{1}, keys::SignatureAlgorithm::ed25519, ByteVector(32));
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().kind, FaultKind::token_away);
    EXPECT_EQ(signature.error().problem().line(), "signer: token away: gone");
    EXPECT_LT(Clock::now() - began, Milliseconds(500));
    EXPECT_EQ(signer.asked(), 1);
  }
}

TEST(SignerClient, WaitsNoLongerThanItsPatienceForASignerThatIsNotThere) {
  SignerClient client("/tmp/gatehouse-no-such-folder/s");
  const auto began = Clock::now();
  const auto health = client.health();
  const auto took = Clock::now() - began;
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().kind, FaultKind::unreachable);
  EXPECT_GE(took, SignerClient::patience - Milliseconds(50));
  EXPECT_LT(took, SignerClient::patience + Milliseconds(1500));
}

TEST(SignerClient, DoesNotTakeALateAnswerForTheNextOne) {
  FakeSigner* self = nullptr;
  FakeSigner signer([&self](FrameSocket& client, int connection) {
    FakeSigner::greet(client);
    if (!self->read(client)) return;
    if (connection == 1) std::this_thread::sleep_for(Milliseconds(400));
    (void)client.send(write_answer(Signed{{static_cast<std::uint8_t>(connection)}}), limit);
    (void)client.receive(limit);
  });
  self = &signer;
  {
    SignerClient client(signer.path(), Milliseconds(200));
    EXPECT_FALSE(client.sign_exchange_hash(ByteVector{1}, keys::SignatureAlgorithm::ed25519, ByteVector(32)));
    std::this_thread::sleep_for(Milliseconds(400));
    const auto second = client.sign_exchange_hash(ByteVector{1}, keys::SignatureAlgorithm::ed25519, ByteVector(32));
    ASSERT_TRUE(second) << second.error().problem().line();
    EXPECT_NE((*second)[0], 1);
  }
}

TEST(SignerClient, RefusesAnotherVersionOfTheProtocol) {
  FakeSigner signer([](FrameSocket& client, int) {
    (void)client.receive(limit);
    (void)client.send(write_answer(Welcome{signer_protocol_version + 1, Purpose::host}), limit);
  });
  SignerClient client(signer.path());
  const auto health = client.health();
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().kind, FaultKind::failed);
}

}  // namespace
}  // namespace gatehouse::pkcs11
