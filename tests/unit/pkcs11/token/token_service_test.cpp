/// The token service over real SoftHSM2 tokens, and over one that is made to fail.
#include "pkcs11/token/token_service.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>

#include "pkcs11/token/key_management.h"
#include "tests/support/soft_token.h"

namespace gatehouse::pkcs11 {
namespace {

using keys::KeyType;
using keys::SignatureAlgorithm;
using Clock = TokenService::Clock;
using Milliseconds = std::chrono::milliseconds;
using test::Shim;
using test::SoftToken;

SigningRecord no_record() {
  return [](const SigningNote&, const keys::PublicKey&, SignatureAlgorithm, Bytes) -> Result<void> { return {}; };
}

/// A service over its own copy of all that it needs.
class Serving {
 public:
  Serving(const SoftToken& token, const std::vector<std::string>& labels, const std::string& module = test::softhsm_module(),
          UniqueFd memory = {}, SigningRecord record = no_record())
      : pin_(token.open_pin(), std::move(memory)) {
    TokenServiceSettings settings;
    for (const std::string& label : labels) settings.keys.push_back(*Uri::parse(token.uri(label), UriNames::key));
    settings.longest_back_off = Milliseconds(300);
    service_.emplace(*Module::load(module), settings, pin_, watchdog_, std::move(record));
  }
  TokenService& operator*() { return *service_; }
  TokenService* operator->() { return &*service_; }

  SignerResult<ByteVector> sign(const keys::PublicKey& key, Milliseconds patience = Milliseconds(5000)) {
    return service_->sign(key.blob(), keys::preferred_signature(key.type()), data, {"test", {}, {}}, Clock::now() + patience);
  }
  bool reaches(Rung rung, Milliseconds within = Milliseconds(5000)) {
    const auto until = Clock::now() + within;
    while (service_->health().rung != rung) {
      if (Clock::now() > until) return false;
      std::this_thread::sleep_for(Milliseconds(5));
    }
    return true;
  }

  const ByteVector data = to_vector(as_bytes("what is signed"));

 private:
  PinSource pin_;
  Watchdog watchdog_;
  std::optional<TokenService> service_;
};

struct Kind {
  const char* name;
  KeyType type;
  std::uint32_t rsa_bits;
};
class EachKind : public testing::TestWithParam<Kind> {};

TEST_P(EachKind, SignsByEachOfItsAlgorithms) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k", GetParam().type, GetParam().rsa_bits);
  Serving service(token, {"k"});
  for (const SignatureAlgorithm algorithm : keys::signatures_of(key.type())) {
    const auto signature = service->sign(key.blob(), algorithm, service.data, {"test", {}, {}}, Clock::now() + Milliseconds(5000));
    ASSERT_TRUE(signature) << signature.error().problem().line();
    EXPECT_TRUE(key.verify(algorithm, service.data, *signature));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachKind,
                         testing::Values(Kind{"Ed25519", KeyType::ed25519, 0}, Kind{"P256", KeyType::ecdsa_p256, 0},
                                         Kind{"P384", KeyType::ecdsa_p384, 0}, Kind{"P521", KeyType::ecdsa_p521, 0},
                                         Kind{"Rsa3072", KeyType::rsa, 3072}, Kind{"Rsa4096", KeyType::rsa, 4096}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(TokenService, SignsWithAnRsaKeyOf2048BitsThatSomebodyElseMade) {
  SoftToken token;
  token.tool("--keypairgen --key-type RSA:2048 --label old --id 0a --sensitive");
  Serving service(token, {"old"});
  const auto list = service->list_keys(Clock::now() + Milliseconds(3000));
  ASSERT_TRUE(list) << list.error().problem().line();
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().key.bits(), 2048);
  EXPECT_TRUE(service.sign(list->front().key));
}

TEST(TokenService, LetsATokenHashThatWantsTo) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k", KeyType::rsa, 3072);
  shim.order("C_GetMechanismInfo 0x70 1");  // the first that is asked for, CKM_RSA_PKCS
  Serving service(token, {"k"}, test::shim_module());
  for (const SignatureAlgorithm algorithm : keys::signatures_of(key.type())) {
    const auto signature = service->sign(key.blob(), algorithm, service.data, {"test", {}, {}}, Clock::now() + Milliseconds(5000));
    ASSERT_TRUE(signature) << signature.error().problem().line();
    EXPECT_TRUE(key.verify(algorithm, service.data, *signature));
  }
}

TEST(TokenService, SignsForManyThreadsAtOnce) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"});
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        const auto signature = service.sign(key);
        if (signature && key.verify(SignatureAlgorithm::ecdsa_p256, service.data, *signature)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 50);
  EXPECT_EQ(service->health().signatures, 16U * 50U);
}

TEST(TokenService, RefusesAKeyThatItDoesNotServe) {
  SoftToken token;
  token.generate("k");
  const keys::PublicKey other = token.generate("other");
  Serving service(token, {"k"});
  const auto signature = service.sign(other);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().kind, FaultKind::bad_request);
}

TEST(TokenService, RefusesAnAlgorithmOfAnotherKeyType) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"});
  const auto signature =
      service->sign(key.blob(), SignatureAlgorithm::rsa_sha2_256, service.data, {"test", {}, {}}, Clock::now() + Milliseconds(5000));
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().kind, FaultKind::bad_request);
}

TEST(TokenService, ReleasesNothingThatItCannotRecord) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  std::atomic<bool> full{false};
  Serving service(token, {"k"}, test::softhsm_module(), {},
                  [&full](const SigningNote&, const keys::PublicKey&, SignatureAlgorithm, Bytes) -> Result<void> {
                    if (full) return problem("disk full");
                    return {};
                  });
  ASSERT_TRUE(service.sign(key));
  full = true;
  const auto signature = service.sign(key);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().kind, FaultKind::failed);
}

// Keys that are not fit ------------------------------------------------------------------------------------------------------------------

/// What the service says of the one key it was to serve.
std::string trouble_of(const SoftToken& token, const std::string& label, const std::string& module = test::softhsm_module()) {
  Serving service(token, {label}, module);
  const auto until = Clock::now() + Milliseconds(5000);
  Health health = service->health();
  while (health.rung == Rung::starting && Clock::now() < until) {
    std::this_thread::sleep_for(Milliseconds(5));
    health = service->health();
  }
  if (health.keys.empty() || health.keys.front().found) return "found";
  return health.keys.front().trouble;
}

TEST(UnfitKey, ThatIsExtractableIsNotServed) {
  SoftToken token;
  token.tool("--keypairgen --key-type EC:prime256v1 --label k --id 01 --sensitive --extractable");
  EXPECT_NE(trouble_of(token, "k").find("extractable"), std::string::npos) << trouble_of(token, "k");
}

TEST(UnfitKey, WithoutPublicObjectIsNotServed) {
  SoftToken token;
  token.tool("--keypairgen --key-type EC:prime256v1 --label k --id 01 --sensitive");
  token.tool("--delete-object --type pubkey --id 01");
  EXPECT_NE(trouble_of(token, "k").find("no public key object"), std::string::npos) << trouble_of(token, "k");
}

TEST(UnfitKey, ThatIsNotThereIsNamedWithWhatIs) {
  SoftToken token;
  token.generate("spelled-right");
  const std::string trouble = trouble_of(token, "spelt-wrong");
  EXPECT_NE(trouble.find("spelt-wrong"), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("spelled-right"), std::string::npos) << trouble;
}

TEST(UnfitKey, ThatIsTwoIsNamedWithBoth) {
  SoftToken token;
  token.tool("--keypairgen --key-type EC:prime256v1 --label k --id 01 --sensitive");
  token.tool("--keypairgen --key-type EC:prime256v1 --label k --id 02 --sensitive");
  const std::string trouble = trouble_of(token, "k");
  EXPECT_NE(trouble.find("2 private keys"), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("id 01"), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("id 02"), std::string::npos) << trouble;
}

TEST(UnfitKey, ThatTheTokenHasNoMechanismForIsNotServed) {
  SoftToken token;
  const Shim shim(token.folder());
  token.generate("k");
  shim.order("C_GetMechanismInfo 0x70 100000");
  const std::string trouble = trouble_of(token, "k", test::shim_module());
  EXPECT_NE(trouble.find("cannot sign with keys of type ecdsa-sha2-nistp256"), std::string::npos) << trouble;
}

TEST(UnfitKey, OnASecondTokenIsNotServed) {
  SoftToken token;
  token.generate("k");
  token.add_token("elsewhere");
  PinSource pin(token.open_pin(), {});
  Watchdog watchdog;
  TokenServiceSettings settings;
  settings.keys = {*Uri::parse(token.uri("k"), UriNames::key), *Uri::parse("pkcs11:token=elsewhere;object=k", UriNames::key)};
  TokenService service(*Module::load(test::softhsm_module()), settings, pin, watchdog, no_record());
  const auto list = service.list_keys(Clock::now() + Milliseconds(3000));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), 1U);
  EXPECT_NE(service.health().keys.at(1).trouble.find("another token"), std::string::npos) << service.health().keys.at(1).trouble;
}

TEST(AmbiguousToken, IsAnErrorThatListsBoth) {
  SoftToken token;
  token.generate("k");
  token.add_token("lab");
  Serving service(token, {"k"});
  ASSERT_TRUE(service.reaches(Rung::away));
  EXPECT_NE(service->health().detail.find("2 tokens match"), std::string::npos) << service->health().detail;
}

// The ladder -----------------------------------------------------------------------------------------------------------------------------

TEST(LostToken, IsToldAtOnceAndComesBackByItself) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"});
  ASSERT_TRUE(service.sign(key));
  token.take_away();
  const auto lost = service.sign(key);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, FaultKind::token_away);
  const auto began = Clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(service.sign(key).error().kind, FaultKind::token_away);
  EXPECT_LT(Clock::now() - began, Milliseconds(1000));  // at once, not after a wait each
  EXPECT_EQ(service->health().rung, Rung::away);
  EXPECT_FALSE(service->health().detail.empty());
  token.bring_back();
  ASSERT_TRUE(service.reaches(Rung::serving));
  EXPECT_TRUE(service.sign(key));
  EXPECT_EQ(service->health().recoveries, 1U);
}

TEST(LostToken, IsWaitedForFromTheStart) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  token.take_away();
  Serving service(token, {"k"});
  ASSERT_TRUE(service.reaches(Rung::away));
  token.bring_back();
  ASSERT_TRUE(service.reaches(Rung::serving));
  EXPECT_TRUE(service.sign(key));
}

TEST(LostToken, UnderManyThreadsLosesNothingButTheRequestsMeanwhile) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, away{0}, other{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto signature = service.sign(key);
        if (signature) {
          ++good;
        } else {
          ++(signature.error().kind == FaultKind::token_away ? away : other);
          std::this_thread::sleep_for(Milliseconds(1));
        }
      }
    });
  }
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(Milliseconds(100));
    token.take_away();
    EXPECT_TRUE(service.reaches(Rung::away));
    token.bring_back();
    EXPECT_TRUE(service.reaches(Rung::serving));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(good, 0);
  EXPECT_GT(away, 0);
  EXPECT_EQ(other, 0);
}

TEST(MissingKey, IsToldAtOnceAndFoundWhenItIsMade) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k", "later"});
  ASSERT_TRUE(service.sign(key));
  EXPECT_FALSE(service->health().keys.at(1).found);
  const keys::PublicKey later = token.generate("later");
  const auto until = Clock::now() + Milliseconds(8000);
  while (!service->health().keys.at(1).found && Clock::now() < until) std::this_thread::sleep_for(Milliseconds(20));
  EXPECT_TRUE(service.sign(later));
}

TEST(MissingKey, ThatWasDestroyedUnderOurHandsIsMissing) {
  SoftToken token;
  const keys::PublicKey key = token.generate("k");
  const keys::PublicKey doomed = token.generate("doomed");
  Serving service(token, {"k", "doomed"});
  ASSERT_TRUE(service.sign(doomed));
  {
    auto process = token.manage();
    ASSERT_TRUE(process.client().destroy(token.uri("doomed")));
  }
  const auto signature = service.sign(doomed);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().kind, FaultKind::key_missing) << signature.error().problem().line();
  EXPECT_TRUE(service.sign(key));
}

struct Failure {
  const char* name;
  const char* order;
};
class OnceFailing : public testing::TestWithParam<Failure> {};

TEST_P(OnceFailing, IsHealedWithinTheRequest) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.sign(key));
  shim.order(GetParam().order);
  const auto signature = service.sign(key);
  ASSERT_TRUE(signature) << signature.error().problem().line();
  EXPECT_TRUE(key.verify(SignatureAlgorithm::ecdsa_p256, service.data, *signature));
  EXPECT_EQ(service->health().rung, Rung::serving);
}

INSTANTIATE_TEST_SUITE_P(Codes, OnceFailing,
                         testing::Values(Failure{"SessionHandleInvalid", "C_SignInit 0xb3 1"}, Failure{"SessionClosed", "C_Sign 0xb0 1"},
                                         Failure{"UserNotLoggedIn", "C_SignInit 0x101 2"},
                                         Failure{"ObjectHandleInvalid", "C_SignInit 0x82 2"},
                                         Failure{"OperationActive", "C_SignInit 0x90 1"}, Failure{"DeviceError", "C_Sign 0x30 1"},
                                         Failure{"DeviceRemoved", "C_Sign 0x32 1"}, Failure{"TokenNotPresent", "C_SignInit 0xe0 1"},
                                         Failure{"GeneralError", "C_Sign 0x5 1"}, Failure{"NotInitialized", "C_SignInit 0x190 1"},
                                         Failure{"Vendor", "C_Sign 0x80000042 1"},
                                         // Reopening fails as well: the module must be initialised anew.
                                         Failure{"StaleUntilInitialised", "C_Sign 0x32 1\nC_FindObjects 0x30 1"},
                                         Failure{"CorruptedOnce", "C_Sign corrupt 1"}),
                         [](const auto& failure) { return std::string(failure.param.name); });

TEST(WrongSignature, NeverLeaves) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.sign(key));
  shim.order("C_Sign corrupt 1000");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(service.sign(key));
  shim.order("");
  ASSERT_TRUE(service.reaches(Rung::serving));
  EXPECT_TRUE(service.sign(key));
}

TEST(ModuleThatKeepsFailing, IsAwayAndNotAskedForEachRequest) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.sign(key));
  shim.order("C_Sign 0x32 100000\nC_OpenSession 0x32 100000");
  EXPECT_EQ(service.sign(key).error().kind, FaultKind::token_away);
  const int before = shim.calls("C_Sign");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(service.sign(key).error().kind, FaultKind::token_away);
  EXPECT_EQ(shim.calls("C_Sign"), before);
  shim.order("");
  EXPECT_TRUE(service.reaches(Rung::serving));
}

TEST(SessionShortage, MakesThePoolSmaller) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k");
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.sign(key));
  shim.order("C_OpenSession 0xb1 1000\nC_Sign sleep:20 1000");
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (service.sign(key)) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

// The PIN --------------------------------------------------------------------------------------------------------------------------------

TEST(WrongPin, IsTriedOnceUntilThePinSourceHoldsAnother) {
  SoftToken token;
  const Shim shim(token.folder());
  const keys::PublicKey key = token.generate("k");
  const int logins_before = shim.calls("C_Login");
  test::write_file(token.pin_file(), "wrong\n", 0600);
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.reaches(Rung::pin_rejected));
  std::this_thread::sleep_for(Milliseconds(1500));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(service.sign(key).error().kind, FaultKind::pin_rejected);
  EXPECT_EQ(shim.calls("C_Login"), logins_before + 1);
  std::ofstream(token.pin_file()) << SoftToken::pin << '\n';  // in place: the descriptor sees it
  ASSERT_TRUE(service.reaches(Rung::serving));
  EXPECT_TRUE(service.sign(key));
  EXPECT_EQ(shim.calls("C_Login"), logins_before + 2);
}

TEST(WrongPin, IsRememberedOverARestart) {
  SoftToken token;
  const Shim shim(token.folder());
  token.generate("k");
  test::write_file(token.pin_file(), "wrong\n", 0600);
  const UniqueFd memory(::memfd_create("test", MFD_CLOEXEC));
  const int logins_before = shim.calls("C_Login");
  for (int start = 0; start < 3; ++start) {
    Serving service(token, {"k"}, test::shim_module(), UniqueFd(::dup(memory.fd())));
    EXPECT_TRUE(service.reaches(Rung::pin_rejected));
  }
  EXPECT_EQ(shim.calls("C_Login"), logins_before + 1);
  std::string kept(64, '\0');
  ASSERT_GT(::pread(memory.fd(), kept.data(), kept.size(), 0), 0);
  EXPECT_EQ(kept.find("wrong"), std::string::npos);
}

TEST(WrongPin, IsNotTriedWhenTheTokenSaysThatOneMoreLocksIt) {
  SoftToken token;
  const Shim shim(token.folder());
  token.generate("k");
  const int logins_before = shim.calls("C_Login");
  shim.order("C_GetTokenInfo final-try 100000");
  Serving service(token, {"k"}, test::shim_module());
  ASSERT_TRUE(service.reaches(Rung::pin_rejected));
  EXPECT_EQ(shim.calls("C_Login"), logins_before);
  shim.order("");
  EXPECT_TRUE(service.reaches(Rung::serving));
}

TEST(EmptyPinSource, IsWaitedFor) {
  SoftToken token;
  token.generate("k");
  test::write_file(token.pin_file(), "", 0600);
  Serving service(token, {"k"});
  ASSERT_TRUE(service.reaches(Rung::pin_rejected));
  std::ofstream(token.pin_file()) << SoftToken::pin << '\n';
  EXPECT_TRUE(service.reaches(Rung::serving));
}

TEST(KeyThatAlwaysAuthenticates, GetsThePinEachTime) {
  SoftToken token;
  token.tool("--keypairgen --key-type EC:prime256v1 --label k --id 01 --sensitive --always-auth");
  Serving service(token, {"k"});
  const auto list = service->list_keys(Clock::now() + Milliseconds(3000));
  ASSERT_TRUE(list) << list.error().problem().line();
  ASSERT_EQ(list->size(), 1U) << service->health().keys.front().trouble;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(service.sign(list->front().key));
}

}  // namespace
}  // namespace gatehouse::pkcs11
