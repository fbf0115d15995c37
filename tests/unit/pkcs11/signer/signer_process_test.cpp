/// The real gatehouse-signer, started and kept running by SignerProcess, over real SoftHSM2 tokens.
#include "pkcs11/client/signer_process.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <set>
#include <thread>

#include "pkcs11/client/remote_signer.h"
#include "protocol/crypto/digest.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/sshsig.h"
#include "tests/support/soft_token.h"

namespace gatehouse::pkcs11 {
namespace {

using keys::KeyType;
using keys::SignatureAlgorithm;
using test::Shim;
using test::SoftToken;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

class RunningSigner : public testing::Test {
 protected:
  ~RunningSigner() override {
    if (process) process->stop(Milliseconds(3000));
  }

  SignerSettings settings(std::vector<std::string> labels = {"k"}) const {
    SignerSettings s;
    s.program = test::signer_program();
    s.module = test::softhsm_module();
    s.pin_source = token.pin_file();
    for (const std::string& label : labels) s.keys.push_back(token.uri(label));
    s.socket_path = socket();
    return s;
  }
  void start(SignerSettings s) {
    auto started = SignerProcess::start(std::move(s));
    ASSERT_TRUE(started) << started.error().line();
    process.emplace(*std::move(started));
    ASSERT_TRUE(process->wait_ready(Milliseconds(5000)));
  }
  std::string socket() const { return token.folder() + "/signer.sock"; }
  SignerResult<ByteVector> sign(SignerClient& client, const keys::PublicKey& key) const {
    return client.sign_exchange_hash(key.blob(), keys::preferred_signature(key.type()), hash);
  }
  /// Calls tick() as a parent would. @return whether `done` became true in time
  template <class Done>
  bool tend(Done done, Milliseconds within = Milliseconds(8000)) {
    const auto until = Clock::now() + within;
    while (!done()) {
      if (Clock::now() > until) return false;
      process->tick();
      std::this_thread::sleep_for(Milliseconds(2));
    }
    return true;
  }

  SoftToken token;
  const ByteVector hash = ByteVector(32, 0x5a);
  std::optional<SignerProcess> process;
};

TEST_F(RunningSigner, SignsAnExchangeHashWithEachKey) {
  std::vector<keys::PublicKey> made{token.generate("ed", KeyType::ed25519), token.generate("p256", KeyType::ecdsa_p256),
                                    token.generate("p384", KeyType::ecdsa_p384), token.generate("p521", KeyType::ecdsa_p521),
                                    token.generate("rsa", KeyType::rsa, 3072)};
  start(settings({"ed", "p256", "p384", "p521", "rsa"}));
  SignerClient client(socket());
  const auto listed = client.list_keys();
  ASSERT_TRUE(listed) << listed.error().problem().line();
  ASSERT_EQ(listed->size(), made.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ((*listed)[i].key, made[i]);
    const auto signature = sign(client, made[i]);
    ASSERT_TRUE(signature) << signature.error().problem().line();
    EXPECT_TRUE(made[i].verify(keys::preferred_signature(made[i].type()), hash, *signature));
  }
  EXPECT_TRUE(client.health()->serving());
}

TEST_F(RunningSigner, IsASignerForSshsig) {
  const keys::PublicKey key = token.generate("k", KeyType::ed25519);
  start(settings());
  RemoteSigner signer(std::make_shared<SignerClient>(socket()), key);
  const auto blob = keys::sshsig_sign(signer, "gatehouse-host", as_bytes("message"));
  ASSERT_TRUE(blob) << blob.error().line();
  const auto parsed = keys::parse_sshsig(*blob);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(keys::sshsig_verify(*parsed, "gatehouse-host", as_bytes("message")), key);
  EXPECT_FALSE(keys::sshsig_sign(signer, "gatehouse-krl", as_bytes("message")));
}

TEST_F(RunningSigner, RefusesAndCountsWhatIsNotItsPurpose) {
  const keys::PublicKey key = token.generate("k");
  start(settings());
  SignerClient client(socket());
  for (int i = 0; i < 2; ++i) {
    const auto refused = client.sign_sshsig(key.blob(), SignatureAlgorithm::ecdsa_p256, "git", as_bytes("x"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FaultKind::refused);
  }
  EXPECT_EQ(client.destroy(token.uri("k")).error().kind, FaultKind::refused);
  EXPECT_EQ(client.generate({KeyType::ed25519, 0, "new", {}}).error().kind, FaultKind::refused);
  EXPECT_EQ(client.list_objects(token.uri("k")).error().kind, FaultKind::refused);
  EXPECT_EQ(client.health()->refusals, 5U);
  EXPECT_TRUE(sign(client, key));
}

TEST_F(RunningSigner, EndsAConnectionThatSaysNonsense) {
  token.generate("k");
  start(settings());
  auto raw = FrameSocket::connect(socket(), Milliseconds(1000));
  ASSERT_TRUE(raw);
  ASSERT_TRUE(raw->send(as_bytes("nonsense"), Milliseconds(1000)));
  const auto answer = raw->receive(Milliseconds(1000));
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<SignerFault>(*parse_answer(answer->payload)).kind, FaultKind::bad_request);
  EXPECT_FALSE(raw->receive(Milliseconds(1000)));
  auto unpolite = FrameSocket::connect(socket(), Milliseconds(1000));
  ASSERT_TRUE(unpolite->send(write_request(ListKeys{}), Milliseconds(1000)));
  EXPECT_EQ(std::get<SignerFault>(*parse_answer(unpolite->receive(Milliseconds(1000))->payload)).kind, FaultKind::bad_request);
}

TEST_F(RunningSigner, SlowClientsDoNotHoldUpOthers) {
  const keys::PublicKey key = token.generate("k");
  start(settings());
  std::vector<FrameSocket> stuck;
  for (int i = 0; i < 4; ++i) {
    stuck.push_back(*FrameSocket::connect(socket(), Milliseconds(1000)));
    ASSERT_EQ(::write(stuck.back().fd(), "\0\0", 2), 2);  // the beginning of a frame
  }
  SignerClient client(socket());
  const auto began = Clock::now();
  EXPECT_TRUE(sign(client, key));
  EXPECT_LT(Clock::now() - began, Milliseconds(1000));
}

TEST_F(RunningSigner, LosesNoRequestWhenItIsKilledUnderLoad) {
  const keys::PublicKey key = token.generate("k");
  start(settings());
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, lost{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      SignerClient client(socket());
      while (!stop) {
        const auto signature = sign(client, key);
        if (signature && key.verify(SignatureAlgorithm::ecdsa_p256, hash, *signature)) {
          ++good;
        } else {
          ++lost;
        }
      }
    });
  }
  constexpr int kills = 4;
  for (int i = 0; i < kills; ++i) {
    const int before = good;
    ASSERT_TRUE(tend([&] { return good > before + 20 && process->pid() > 0; }));
    // The loop of SignerProcess starts a signer at once when the last one lived for a while.
    const auto until = Clock::now() + Milliseconds(2200);
    tend([&] { return Clock::now() > until; });
    ASSERT_EQ(::kill(process->pid(), SIGKILL), 0);
    ASSERT_TRUE(tend([&, restarts = process->restarts()] { return process->restarts() > restarts; }));
  }
  const int before = good;
  EXPECT_TRUE(tend([&] { return good > before + 20; }));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(process->restarts(), static_cast<unsigned>(kills));
}

TEST_F(RunningSigner, IsStartedAgainWithGrowingPauses) {
  token.generate("k");
  start(settings());
  std::vector<Milliseconds> pauses;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(tend([&] { return process->pid() > 0; }));
    ::kill(process->pid(), SIGKILL);
    ASSERT_TRUE(tend([&] { return process->pid() < 0; }));
    pauses.push_back(process->tick());
  }
  EXPECT_LT(pauses[0], pauses[2]);
  EXPECT_TRUE(tend([&] { return process->pid() > 0; }));
}

TEST_F(RunningSigner, AModuleThatHangsCostsARestartAndNoRequest) {
  const keys::PublicKey key = token.generate("k");
  const Shim shim(token.folder());
  auto s = settings();
  s.module = test::shim_module();
  s.sign_limit = Milliseconds(700);
  start(std::move(s));
  std::atomic<bool> done{false};
  SignerClient client(socket());
  ASSERT_TRUE(sign(client, key));
  shim.order("C_Sign hang 1");
  SignerResult<ByteVector> signature = tl::unexpected(SignerFault{});
  std::thread asker([&] {
    signature = sign(client, key);
    done = true;
  });
  EXPECT_TRUE(tend([&] { return done.load(); }));
  asker.join();
  EXPECT_TRUE(signature) << signature.error().problem().line();
  EXPECT_EQ(process->restarts(), 1U);
}

TEST_F(RunningSigner, AModuleThatCrashesCostsARestartAndNoRequest) {
  const keys::PublicKey key = token.generate("k");
  const Shim shim(token.folder());
  auto s = settings();
  s.module = test::shim_module();
  start(std::move(s));
  SignerClient client(socket());
  ASSERT_TRUE(sign(client, key));
  shim.order("C_Sign crash 1");
  std::atomic<bool> done{false};
  SignerResult<ByteVector> signature = tl::unexpected(SignerFault{});
  std::thread asker([&] {
    signature = sign(client, key);
    done = true;
  });
  EXPECT_TRUE(tend([&] { return done.load(); }));
  asker.join();
  EXPECT_TRUE(signature) << signature.error().problem().line();
}

TEST_F(RunningSigner, ARequestWaitsForASignerThatIsJustStarting) {
  const keys::PublicKey key = token.generate("k");
  const Shim shim(token.folder());
  shim.order("C_Login sleep:500 1");
  auto s = settings();
  s.module = test::shim_module();
  start(std::move(s));
  SignerClient client(socket());
  EXPECT_EQ(client.health()->rung, Rung::starting);
  EXPECT_TRUE(sign(client, key));
}

TEST_F(RunningSigner, StartsWithoutItsTokenAndSaysSo) {
  const keys::PublicKey key = token.generate("k");
  token.take_away();
  start(settings());
  SignerClient client(socket());
  ASSERT_TRUE(tend([&] { return client.health()->rung == Rung::away; }));
  EXPECT_FALSE(client.health()->keys.at(0).found);
  const auto away = sign(client, key);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().problem().what.substr(0, 11), "token away:");
  token.bring_back();
  ASSERT_TRUE(tend([&] { return client.health()->serving(); }));
  EXPECT_TRUE(sign(client, key));
}

TEST_F(RunningSigner, AWrongPinIsNotTriedAgainByTheNextProcess) {
  token.generate("k");
  const Shim shim(token.folder());
  test::write_file(token.pin_file(), "wrong\n", 0400);
  auto s = settings();
  s.module = test::shim_module();
  start(std::move(s));
  SignerClient client(socket());
  ASSERT_TRUE(tend([&] { return client.health()->rung == Rung::pin_rejected; }));
  for (int i = 0; i < 2; ++i) {
    ::kill(process->pid(), SIGKILL);
    ASSERT_TRUE(tend([&] { return process->pid() < 0; }));
    ASSERT_TRUE(tend([&] { return process->pid() > 0; }));
    ASSERT_TRUE(process->wait_ready(Milliseconds(5000)));
    ASSERT_TRUE(tend([&] {
      const auto health = client.health();
      return health && health->rung == Rung::pin_rejected;
    }));
  }
  EXPECT_EQ(shim.calls("C_Login"), 1);
  // The operator puts another file in its place: the parent sees it and starts a signer that has it.
  test::write_file(token.pin_file(), std::string(SoftToken::pin) + "\n", 0400);
  EXPECT_TRUE(tend([&] {
    const auto health = client.health();
    return health && health->serving();
  }));
}

TEST_F(RunningSigner, DrainsOnSigterm) {
  const keys::PublicKey key = token.generate("k");
  start(settings());
  SignerClient stays(socket());
  ASSERT_TRUE(sign(stays, key));
  const pid_t pid = process->pid();
  ASSERT_EQ(::kill(pid, SIGTERM), 0);
  std::this_thread::sleep_for(Milliseconds(200));
  EXPECT_TRUE(sign(stays, key));
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
  stays = SignerClient(socket());
  int status = -1;
  const auto until = Clock::now() + Milliseconds(5000);
  while (::waitpid(pid, &status, WNOHANG) == 0 && Clock::now() < until) std::this_thread::sleep_for(Milliseconds(5));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  process.reset();
}

TEST_F(RunningSigner, StopsInTime) {
  token.generate("k");
  start(settings());
  const pid_t pid = process->pid();
  const auto began = Clock::now();
  process->stop(Milliseconds(3000));
  EXPECT_LT(Clock::now() - began, Milliseconds(1500));
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(RunningSigner, GoesWhenItsParentDies) {
  token.generate("k");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto started = SignerProcess::start(settings());
    const pid_t pid = started ? started->pid() : -1;
    if (started) started->wait_ready(Milliseconds(5000));
    ::_exit(::write(ends[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  pid_t pid = -1;
  ASSERT_EQ(::read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::waitpid(parent, nullptr, 0);
  ASSERT_GT(pid, 0);
  const auto until = Clock::now() + Milliseconds(5000);
  const auto alive = [pid] {  // a zombie of nobody's is as good as gone
    const std::string stat = test::read_file("/proc/" + std::to_string(pid) + "/stat");
    return !stat.empty() && stat.find(") Z") == std::string::npos;
  };
  while (alive() && Clock::now() < until) std::this_thread::sleep_for(Milliseconds(5));
  EXPECT_FALSE(alive());
}

TEST_F(RunningSigner, HoldsNoDescriptorThatItWasNotGiven) {
  const UniqueFd foreign(::open("/dev/zero", O_RDONLY));  // not close-on-exec
  token.generate("k");
  start(settings());
  SignerClient client(socket());
  ASSERT_TRUE(tend([&] { return client.health()->serving(); }));
  DIR* folder = ::opendir(("/proc/" + std::to_string(process->pid()) + "/fd").c_str());
  if (folder == nullptr) GTEST_SKIP() << "only root sees the descriptors of a process that cannot be dumped";
  while (const dirent* entry = ::readdir(folder)) {
    std::array<char, 512> target{};
    const std::string path = "/proc/" + std::to_string(process->pid()) + "/fd/" + entry->d_name;
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size() - 1);
    EXPECT_NE(std::string(target.data(), length > 0 ? static_cast<std::size_t>(length) : 0), "/dev/zero");
  }
  ::closedir(folder);
}

TEST_F(RunningSigner, CannotGainPrivilegesAndCannotBeDumped) {
  token.generate("k");
  start(settings());
  const std::string status = test::read_file("/proc/" + std::to_string(process->pid()) + "/status");
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
  struct stat about {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(process->pid()) + "/mem").c_str(), &about), 0);
  EXPECT_EQ(about.st_uid, 0U);
}

TEST_F(RunningSigner, BecomesAnAccountAndServesOnlyWhoItWasTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody";
  const keys::PublicKey key = token.generate("k");
  const auto nobody = find_account("nobody");
  ASSERT_TRUE(nobody);
  test::run("chown -R nobody " + token.folder() + "/objects && chmod 755 " + token.folder() + " && chmod 644 " + token.folder() +
            "/softhsm2.conf");
  auto s = settings();
  s.account = *nobody;
  s.socket_mode = 0666;
  s.peer_uids = {nobody->uid};
  start(std::move(s));
  SignerClient client(socket());
  EXPECT_TRUE(sign(client, key));  // root may always
  EXPECT_EQ(client.health()->rung, Rung::serving);
  const std::string status = test::read_file("/proc/" + std::to_string(process->pid()) + "/status");
  EXPECT_NE(status.find("Uid:\t65534\t65534\t65534\t65534"), std::string::npos) << status;
  for (const uid_t uid : {nobody->uid, uid_t{1}}) {
    const pid_t other = ::fork();
    if (other == 0) {
      if (::setresuid(uid, uid, uid) != 0) ::_exit(3);
      SignerClient theirs(socket(), Milliseconds(500));
      ::_exit(theirs.health() ? 0 : 1);
    }
    int result = -1;
    ::waitpid(other, &result, 0);
    EXPECT_EQ(WEXITSTATUS(result), uid == nobody->uid ? 0 : 1) << uid;
  }
}

TEST_F(RunningSigner, KeepsALogOfAllThatItSigned) {
  const keys::PublicKey key = token.generate("k", KeyType::ed25519);
  auto s = settings();
  s.signed_log_file = token.folder() + "/signed.log";
  start(std::move(s));
  SignerClient client(socket());
  ASSERT_TRUE(sign(client, key));
  const std::string log = test::read_file(token.folder() + "/signed.log");
  EXPECT_NE(log.find("\"kind\":\"self-test\""), std::string::npos) << log;
  EXPECT_NE(log.find("\"kind\":\"exchange-hash\""), std::string::npos) << log;
  EXPECT_NE(log.find(hex(crypto::hash(crypto::Digest::sha256, hash))), std::string::npos) << log;
  EXPECT_NE(log.find(key.fingerprint()), std::string::npos) << log;
}

// Settings that cannot work --------------------------------------------------------------------------------------------------------------

TEST_F(RunningSigner, IsNotStartedWithAPinFileThatOthersCanRead) {
  ::chmod(token.pin_file().c_str(), 0440);
  const auto started = SignerProcess::start(settings());
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().line().find("chmod 0400"), std::string::npos) << started.error().line();
}

TEST_F(RunningSigner, IsNotStartedWithBadSettings) {
  const auto refused = [&](auto change, const char* words) {
    SignerSettings s = settings();
    change(s);
    const auto checked = check(s);
    ASSERT_FALSE(checked) << words;
    EXPECT_NE(checked.error().line().find(words), std::string::npos) << checked.error().line();
  };
  refused([](SignerSettings& s) { s.module = "libsofthsm2.so"; }, "absolute");
  refused([](SignerSettings& s) { s.module = "/no/such/module.so"; }, "cannot find the PKCS#11 module");
  refused([](SignerSettings& s) { s.keys = {}; }, "no key");
  refused([](SignerSettings& s) { s.keys = {"pkcs11:token=lab"}; }, "names no key");
  refused([](SignerSettings& s) { s.keys.push_back("pkcs11:token=other;object=k"); }, "another token");
  refused([](SignerSettings& s) { s.keys = {"pkcs11:token=lab;object=k?module-path=/other.so"}; }, "module-path");
  refused([](SignerSettings& s) { s.pin_source = "/no/such/pin"; }, "PIN file");
  refused([](SignerSettings& s) { s.pin_source = ""; }, "no PIN source");
  refused([](SignerSettings& s) { s.purpose = Purpose::ca; }, "limits file");
  refused([](SignerSettings& s) { s.program = "/no/such/program"; }, "cannot execute");
  EXPECT_TRUE(check(settings()));
}

// Purpose ca -----------------------------------------------------------------------------------------------------------------------------

TEST_F(RunningSigner, OfPurposeCaSignsCertificatesWithinItsLimits) {
  const keys::PublicKey ca_key = token.generate("ca", KeyType::ecdsa_p384);
  test::write_file(token.folder() + "/limits.toml",
                   "[[key]]\nuri = \"" + token.uri("ca") + "\"\nsigns = [\"user\"]\nmax_lifetime = \"1h\"\n", 0644);
  auto s = settings({"ca"});
  s.purpose = Purpose::ca;
  s.limits_file = token.folder() + "/limits.toml";
  s.signed_log_file = token.folder() + "/signed.log";
  start(std::move(s));

  keys::CertificateFields fields;
  fields.serial = 0xFFFFFFFFFFFFFFFE;
  fields.key_id = "request-7";
  fields.principals = {"alice"};
  fields.valid_after = static_cast<std::uint64_t>(std::time(nullptr)) - 60;
  fields.valid_before = fields.valid_after + 3600;
  const keys::PublicKey subject = keys::PrivateKey::generate(KeyType::ed25519).public_key();
  SignerClient client(socket());
  const auto to_be_signed = [&] { return keys::certificate_to_be_signed(subject, fields, ByteVector(32, 9), ca_key); };
  const auto signature = client.sign_certificate(ca_key.blob(), SignatureAlgorithm::ecdsa_p384, to_be_signed());
  ASSERT_TRUE(signature) << signature.error().problem().line();
  const auto certificate = keys::Certificate::parse(keys::assemble_certificate(to_be_signed(), *signature));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->verify_signature(), SignatureAlgorithm::ecdsa_p384);

  test::write_file(token.folder() + "/user-cert.pub", certificate->line() + "\n", 0644);
  const std::string shown = test::run("ssh-keygen -L -f " + token.folder() + "/user-cert.pub");
  EXPECT_NE(shown.find("Serial: 18446744073709551614"), std::string::npos) << shown;
  const std::string log = test::read_file(token.folder() + "/signed.log");
  EXPECT_NE(log.find("\"serial\":\"18446744073709551614\",\"key_id\":\"request-7\""), std::string::npos) << log;

  fields.principals = {"root"};
  const auto root = client.sign_certificate(ca_key.blob(), SignatureAlgorithm::ecdsa_p384, to_be_signed());
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().kind, FaultKind::refused);
  EXPECT_EQ(sign(client, ca_key).error().kind, FaultKind::refused);
  EXPECT_EQ(test::read_file(token.folder() + "/signed.log"), log);
}

TEST_F(RunningSigner, OfPurposeCaDoesNotStartWithoutATableForItsKey) {
  token.generate("ca");
  test::write_file(token.folder() + "/limits.toml", "[[key]]\nuri = \"" + token.uri("other") + "\"\nsigns = [\"krl\"]\n", 0644);
  auto s = settings({"ca"});
  s.purpose = Purpose::ca;
  s.limits_file = token.folder() + "/limits.toml";
  auto started = SignerProcess::start(std::move(s));
  ASSERT_TRUE(started);
  process.emplace(*std::move(started));
  EXPECT_FALSE(process->wait_ready(Milliseconds(5000)));
}

TEST_F(RunningSigner, IsCarriedOverAnExecOfItsParent) {
  const keys::PublicKey key = token.generate("k");
  start(settings());
  const auto carried = process->carry();
  const pid_t pid = process->pid();
  for (const int fd : {carried.listener, carried.memory}) ASSERT_EQ(::fcntl(fd, F_SETFD, 0), 0);
  const SignerProcess::Carried copy{carried.pid, ::dup(carried.listener), ::dup(carried.memory)};
  process.reset();  // as exec would: the objects go, the process and the descriptors stay
  auto adopted = SignerProcess::adopt(settings(), copy);
  ASSERT_TRUE(adopted) << adopted.error().line();
  process.emplace(*std::move(adopted));
  EXPECT_EQ(process->pid(), pid);
  SignerClient client(socket());
  EXPECT_TRUE(sign(client, key));
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(tend([&] { return process->restarts() == 1; }));
  EXPECT_TRUE(sign(client, key));
}

}  // namespace
}  // namespace gatehouse::pkcs11
