/// What we make, stock ssh-keygen reads and verifies. Skipped where ssh-keygen is not installed.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "protocol/crypto/random.h"
#include "protocol/keys/krl.h"
#include "protocol/keys/private_key.h"
#include "protocol/keys/sshsig.h"
#include "tests/unit/protocol/keys/key_file.h"

namespace gatehouse::keys {
namespace {

class SshKeygen : public testing::TestWithParam<std::string> {
 protected:
  struct Outcome {
    int status;
    std::string output;
  };

  void SetUp() override {
    if (run("command -v ssh-keygen").status != 0) GTEST_SKIP() << "no ssh-keygen";
    std::string name = (std::filesystem::temp_directory_path() / "keysXXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  /// Runs a command of the shell in the test's folder.
  Outcome run(const std::string& command) const {
    const std::string line = (folder_.empty() ? "" : "cd " + folder_.string() + " && ") + "{ " + command + "; } 2>&1";
    FILE* const pipe = popen(line.c_str(), "r");
    Outcome outcome{-1, ""};
    if (pipe == nullptr) return outcome;
    std::array<char, 4096> part{};
    for (std::size_t size = 0; (size = fread(part.data(), 1, part.size(), pipe)) > 0;) outcome.output.append(part.data(), size);
    const int status = pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }
  void write(const std::string& name, Bytes content) const {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    file.close();
    chmod((folder_ / name).c_str(), 0600);
  }
  void write(const std::string& name, std::string_view content) const { write(name, as_bytes(content)); }
  PrivateKey key() const { return PrivateKey::generate(test::key_named(GetParam()).public_key().type(), 2048); }

 private:
  std::filesystem::path folder_;
};
INSTANTIATE_TEST_SUITE_P(Keys, SshKeygen, testing::ValuesIn(test::key_names()), [](const auto& name) { return name.param; });

TEST_P(SshKeygen, ReadsOurPrivateKeyFile) {
  const PrivateKey ours = key();
  write("key", ours.openssh_file("a comment").reveal());
  EXPECT_EQ(run("ssh-keygen -y -f key").output, ours.public_key().line("a comment") + "\n");
  write("key.pub", ours.public_key().line("a comment") + "\n");
  const std::string listed = run("ssh-keygen -l -f key.pub").output;
  EXPECT_NE(listed.find(std::to_string(ours.public_key().bits()) + " " + ours.public_key().fingerprint() + " a comment"), std::string::npos)
      << listed;
}

TEST_P(SshKeygen, SignsWithOurPrivateKeyFile) {
  const PrivateKey ours = key();
  write("key", ours.openssh_file("").reveal());
  write("message", "message");
  ASSERT_EQ(run("ssh-keygen -Y sign -q -n space -f key message").status, 0);
  const std::string armor = run("cat message.sig").output;
  EXPECT_EQ(sshsig_verify(parse_sshsig(sshsig_dearmor(armor).value()).value(), "space", as_bytes("message")), ours.public_key());
}

TEST_P(SshKeygen, ListsOurCertificate) {
  PrivateKey ca = key();
  for (const SignatureAlgorithm algorithm : signatures_of(ca.public_key().type())) {
    CertificateFields fields;
    fields.serial = 18446744073709551615u;
    fields.key_id = "an id";
    fields.principals = {"alice", "bob"};
    fields.valid_after = 1767323045;
    fields.valid_before = 1798859045;
    fields.critical_options = {{"source-address", "10.0.0.0/8", true}, {"force-command", "/bin/true", true}};
    fields.extensions = {{"session-end@gatehouse", "1800000000", true}, {"permit-pty", "", false}};
    const PublicKey subject = PrivateKey::generate(ca.public_key().type(), 2048).public_key();
    const ByteVector data = certificate_to_be_signed(subject, fields, crypto::random_bytes(32), ca.public_key());
    const Certificate certificate = Certificate::parse(assemble_certificate(data, ca.sign(algorithm, data).value())).value();
    write("key-cert.pub", certificate.line("comment") + "\n");
    const Outcome listed = run("TZ=UTC ssh-keygen -L -f key-cert.pub");
    ASSERT_EQ(listed.status, 0) << listed.output;
    const std::vector<std::string> lines{"user certificate",
                                         "Public key: ",
                                         subject.fingerprint(),
                                         "Signing CA: ",
                                         ca.public_key().fingerprint(),
                                         "(using " + std::string(signature_name(algorithm)) + ")",
                                         "Key ID: \"an id\"",
                                         "Serial: 18446744073709551615",
                                         "Valid: from 2026-01-02T03:04:05 to 2027-01-02T03:04:05",
                                         "                alice\n                bob\n",
                                         "force-command /bin/true\n                source-address 10.0.0.0/8\n",
                                         "permit-pty\n",
                                         "session-end@gatehouse"};
    for (const std::string& expected : lines) {
      EXPECT_NE(listed.output.find(expected), std::string::npos) << expected << " is not in\n" << listed.output;
    }
  }
}

TEST_P(SshKeygen, VerifiesOurSignature) {
  PrivateKey ours = key();
  write("signature", sshsig_armor(sshsig_sign(ours, sshsig_namespace::krl, as_bytes("message")).value()));
  write("allowed", "someone " + ours.public_key().line() + "\n");
  write("message", "message");
  const std::string verify = "ssh-keygen -Y verify -f allowed -I someone -s signature -n ";
  EXPECT_EQ(run(verify + "gatehouse-krl < message").status, 0);
  EXPECT_NE(run(verify + "gatehouse-trust < message").status, 0);
  EXPECT_NE(run(verify + "gatehouse-krl < allowed").status, 0);
}

TEST_P(SshKeygen, AsksOurRevocationList) {
  PrivateKey ca = key();
  const PublicKey subject = PrivateKey::generate(KeyType::ed25519).public_key();
  const auto issue = [&](std::uint64_t serial, const std::string& key_id) {
    CertificateFields fields;
    fields.serial = serial;
    fields.key_id = key_id;
    fields.principals = {"alice"};
    fields.valid_before = forever;
    const ByteVector data = certificate_to_be_signed(subject, fields, crypto::random_bytes(32), ca.public_key());
    const SignatureAlgorithm algorithm = preferred_signature(ca.public_key().type());
    write(std::to_string(serial) + "-cert.pub",
          Certificate::parse(assemble_certificate(data, ca.sign(algorithm, data).value())).value().line() + "\n");
  };
  Krl krl;
  krl.version = 9;
  krl.date = 1767323045;
  krl.comment = "a comment";
  krl.revoke_serials(ca.public_key().blob(), 5, 7);
  krl.revoke_serials(ca.public_key().blob(), 100, 101);
  krl.revoke_serials({}, 1000, 1000);
  krl.revoke_key_id(ca.public_key().blob(), "bad id");
  write("list", krl.write());
  const std::string listed = run("TZ=UTC ssh-keygen -Q -l -f list").output;
  EXPECT_NE(listed.find("KRL version 9\n# Generated at 20260102T030405\n# Comment: a comment\n"), std::string::npos) << listed;
  EXPECT_NE(listed.find("serial: 5-7\nserial: 100-101\nid: bad id\n"), std::string::npos) << listed;
  for (const std::uint64_t serial : {4, 5, 6, 7, 8, 99, 100, 101, 102, 1000}) {
    issue(serial, "id");
    const bool revoked = (serial >= 5 && serial <= 7) || serial == 100 || serial == 101 || serial == 1000;
    EXPECT_EQ(run("ssh-keygen -Q -f list " + std::to_string(serial) + "-cert.pub").status, revoked ? 1 : 0) << serial;
  }
  issue(3, "bad id");
  EXPECT_EQ(run("ssh-keygen -Q -f list 3-cert.pub").status, 1);

  const PublicKey other = PrivateKey::generate(ca.public_key().type(), 2048).public_key();
  write("ca.pub", ca.public_key().line() + "\n");
  write("other.pub", other.line() + "\n");
  EXPECT_EQ(run("ssh-keygen -Q -f list ca.pub").status, 0);
  Krl by_key;
  by_key.revoke_key(ca.public_key().blob());
  by_key.revoke_sha256(crypto::hash(crypto::Digest::sha256, other.blob()));
  write("list", by_key.write());
  EXPECT_EQ(run("ssh-keygen -Q -f list ca.pub").status, 1);
  EXPECT_EQ(run("ssh-keygen -Q -f list other.pub").status, 1);
  EXPECT_EQ(run("ssh-keygen -Q -f list 8-cert.pub").status, 1) << "its CA key is listed";
}

}  // namespace
}  // namespace gatehouse::keys
