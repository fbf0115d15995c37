/// Certificates and revocation lists as stock ssh-keygen makes them.
#include <gtest/gtest.h>

#include <ctime>

#include "certificates.h"
#include "files.h"
#include "sshd/authorizer/trust_state.h"

namespace gatehouse::sshd {
namespace {

using test::OwnedRequest;
using test::settings;
using test::word;

class StockKeygen : public test::Folder {
 protected:
  void SetUp() override {
    Folder::SetUp();
    ASSERT_TRUE(run("command -v ssh-keygen")) << "ssh-keygen is needed (openssh-client)";
    ASSERT_TRUE(run("for k in ca other user; do ssh-keygen -q -t ed25519 -N '' -C $k -f $k; done"));
  }

  std::uint64_t now() const { return static_cast<std::uint64_t>(std::time(nullptr)); }

  /// Signs user.pub with the arguments given. @return the certificate's blob
  ByteVector certify(const std::string& arguments, const std::string& key = "user") {
    EXPECT_TRUE(run("rm -f " + key + "-cert.pub; ssh-keygen -q -s " + arguments + " " + key + ".pub")) << arguments;
    auto certificate = keys::Certificate::parse_line(get(key + "-cert.pub"));
    if (!certificate) {
      ADD_FAILURE() << arguments << ": " << certificate.error().line();
      return {};
    }
    return to_vector(certificate->blob());
  }

  keys::PrivateKey private_key(const std::string& name) {
    return *keys::PrivateKey::parse_openssh(SecretBytes::copy_of(as_bytes(get(name))));
  }

  Verdict judge(ByteVector blob, const std::string& more = "", const std::string& algorithm = "ssh-ed25519-cert-v01@openssh.com",
                const std::string& key = "user") {
    OwnedRequest request = test::request_with(std::move(blob));
    request.algorithm = algorithm;
    keys::PrivateKey signer = private_key(key);
    request.sign(signer);
    const Settings with = settings("TrustedUserCAKeys " + path("ca.pub") + "\n" + more);
    return decide(request.view(), state_.trust_for(with, now()), with, now());
  }

  TrustState state_;
};

TEST_F(StockKeygen, CertificatesAreGrantedAsTheySay) {
  const Verdict verdict =
      judge(certify("ca -I 'key id 1' -z 18446744073709551615 -n alice,bob -V -1m:+1h -O force-command='/bin/date -u' "
                    "-O source-address=192.0.2.0/24,2001:db8::/32 -O no-pty -O no-x11-forwarding"));
  ASSERT_EQ(word(verdict), "granted") << test::detail(verdict);
  const Grant& grant = std::get<Grant>(verdict);
  EXPECT_EQ(grant.certificate.serial, 0xffffffffffffffffU);
  EXPECT_EQ(grant.certificate.key_id, "key id 1");
  EXPECT_EQ(grant.force_command, "/bin/date -u");
  EXPECT_EQ(grant.source_addresses.size(), 2U);
  EXPECT_EQ(grant.permits, (Permits{false, true, true, false, true}));
}

TEST_F(StockKeygen, RefusalsOneByOne) {
  struct Case {
    std::string arguments, verdict;
  };
  const Case cases[] = {
      {"ca -I x -n alice -V -1m:+1h", "granted"},
      {"ca -I x -n alice -V -1m:+1h -O clear", "granted"},
      {"other -I x -n alice -V -1m:+1h", "untrusted_ca"},
      {"ca -h -I x -n alice -V -1m:+1h", "not_a_user_certificate"},
      {"ca -I x -V -1m:+1h", "no_principals"},
      {"ca -I x -n bob -V -1m:+1h", "principal_mismatch"},
      {"ca -I x -n alice -V -2h:-1h", "expired"},
      {"ca -I x -n alice -V +1h:+2h", "not_yet_valid"},
      {"ca -I x -n alice -V always:forever", "lifetime_exceeds_maximum"},
      {"ca -I x -n alice", "lifetime_exceeds_maximum"},
      {"ca -I x -n alice -V -1m:+3d", "lifetime_exceeds_maximum"},
      {"ca -I x -n alice -V -1m:+1h -O critical:banana=yellow", "unknown_critical_option"},
      {"ca -I x -n alice -V -1m:+1h -O critical:banana", "unknown_critical_option"},
      {"ca -I x -n alice -V -1m:+1h -O extension:banana=yellow", "granted"},
      {"ca -I x -n alice -V -1m:+1h -O verify-required", "unknown_critical_option"},
      {"ca -I x -n alice -V -1m:+1h -O source-address=198.51.100.0/24", "source_address"},
  };
  for (const Case& each : cases) EXPECT_EQ(word(judge(certify(each.arguments))), each.verdict) << each.arguments;
}

TEST_F(StockKeygen, KeysOfEveryKindThatItMakes) {
  ASSERT_TRUE(run("ssh-keygen -q -t rsa -b 3072 -N '' -f rsa; for b in 256 384 521; do ssh-keygen -q -t ecdsa -b $b -N '' -f p$b; done"));
  const std::pair<std::string, std::string> kinds[] = {{"rsa", "rsa-sha2-512-cert-v01@openssh.com"},
                                                       {"rsa", "rsa-sha2-256-cert-v01@openssh.com"},
                                                       {"p256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"},
                                                       {"p384", "ecdsa-sha2-nistp384-cert-v01@openssh.com"},
                                                       {"p521", "ecdsa-sha2-nistp521-cert-v01@openssh.com"}};
  for (const auto& [key, algorithm] : kinds) {
    EXPECT_EQ(word(judge(certify("ca -I x -n alice -V -1m:+1h", key), "", algorithm, key)), "granted") << algorithm;
  }
  for (const std::string key : {"rsa", "p256", "p384", "p521"}) {
    ASSERT_TRUE(run("cp " + key + ".pub ca.pub"));
    EXPECT_EQ(word(judge(certify(key + " -I x -n alice -V -1m:+1h"))), "granted") << "CA " << key;
  }
}

TEST_F(StockKeygen, ACaThatSignsWithSha1IsRefused) {
  ASSERT_TRUE(run("ssh-keygen -q -t rsa -b 3072 -N '' -f rsa; cp rsa.pub ca.pub"));
  EXPECT_EQ(word(judge(certify("rsa -t rsa-sha2-256 -I x -n alice -V -1m:+1h"))), "granted");
  EXPECT_EQ(word(judge(certify("rsa -t ssh-rsa -I x -n alice -V -1m:+1h"))), "ca_algorithm");
}

TEST_F(StockKeygen, RevocationListsOfEveryKind) {
  ASSERT_TRUE(run("ssh-keygen -q -t ed25519 -N '' -f friend"));
  const ByteVector blob = certify("ca -I one -z 7 -n alice -V -1m:+1h");
  const std::string keyword = "RevokedKeys " + path("krl") + "\n";
  struct Case {
    std::string how, verdict;
  };
  const Case cases[] = {
      {"ssh-keygen -q -k -f krl -s ca.pub -z 1 /dev/null", "granted"},
      {"printf 'serial: 7\\n' > spec; ssh-keygen -q -k -f krl -s ca.pub spec", "revoked"},
      {"printf 'serial: 1-6\\nserial: 8-1000\\n' > spec; ssh-keygen -q -k -f krl -s ca.pub spec", "granted"},
      {"printf 'serial: 1-1000\\n' > spec; ssh-keygen -q -k -f krl -s ca.pub spec", "revoked"},
      {"seq -f 'serial: %g' 1 2 4000 > spec; ssh-keygen -q -k -f krl -s ca.pub spec", "revoked"},
      {"printf 'serial: 7\\n' > spec; ssh-keygen -q -k -f krl -s other.pub spec", "granted"},
      {"printf 'id: one\\n' > spec; ssh-keygen -q -k -f krl -s ca.pub spec", "revoked"},
      {"ssh-keygen -q -k -f krl user.pub", "revoked"},
      {"ssh-keygen -q -k -f krl ca.pub", "revoked"},
      {"ssh-keygen -q -k -f krl friend.pub", "granted"},
      {"printf 'sha1: ' > spec; cat user.pub >> spec; ssh-keygen -q -k -f krl spec", "revoked"},
      {"printf 'sha256: ' > spec; cat ca.pub >> spec; ssh-keygen -q -k -f krl spec", "revoked"},
      {"cp user.pub krl", "revoked"},
      {"cp friend.pub krl", "granted"},
      {"cat friend.pub ca.pub > krl", "revoked"},
      {"ssh-keygen -q -k -f krl user.pub; head -c 20 krl > cut; cp cut krl", "krl_unavailable"},
      {"rm krl", "krl_unavailable"},
  };
  for (const Case& each : cases) {
    ASSERT_TRUE(run(each.how)) << each.how;
    state_ = TrustState();
    EXPECT_EQ(word(judge(blob, keyword)), each.verdict) << each.how;
  }
}

}  // namespace
}  // namespace gatehouse::sshd
