/// Every keyword: its default, a value outside Match, a value inside Match where sshd_config(5) allows one, values that are refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>

#include "config_text.h"
#include "sshd/config/keyword.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {
namespace {

using test::dumped;
using test::first_problem;
using test::parsed;
using test::problems_of;

struct KeywordCase {
  std::string keyword;
  bool in_match;
  std::string line_value;     ///< as written
  std::string dumped_value;   ///< as -T prints it
  std::string default_value;  ///< as -T prints it without the line
  std::vector<std::string> bad_values;
};

constexpr const char* all_certificates =
    "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,"
    "ecdsa-sha2-nistp521-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com";
constexpr const char* all_plain = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

const std::vector<KeywordCase>& cases() {
  static const std::vector<KeywordCase> all = {
      {"Port", false, "2222", "2222", "22", {"0", "65536", "ssh", "22 23", "-1", ""}},
      {"ListenAddress",
       false,
       "127.0.0.1:2222",
       "127.0.0.1:2222",
       "[::]:22",
       {"127.0.0.1:", "[::1", "[::1]x", "1.2.3.4:99999", "a b", "a/b", ""}},
      {"AddressFamily", false, "inet", "inet", "any", {"ipv4", "", "inet inet6"}},
      {"LoginGraceTime", false, "1m30s", "90", "120", {"soon", "-1", ""}},
      {"MaxStartups",
       false,
       "10:30:100",
       "10:30:100",
       "200:30:1000",
       {"0", "10:30", "10:0:100", "10:101:100", "100:30:10", "10:30:100:1", "x", ""}},
      {"PerSourceMaxStartups", false, "5", "5", "none", {"0", "many", "-1", ""}},
      {"PerSourceNetBlockSize", false, "24:64", "24:64", "32:128", {"33", "24:129", "24:64:1", "x", ""}},
      {"PerSourcePenalties",
       false,
       "crash:1m authfail:3 overflow:deny-all",
       "crash:60 authfail:3 noauth:1 invaliduser:5 grace-exceeded:10 refuseconnection:10 max:600 min:15 max-sources4:65536 "
       "max-sources6:65536 overflow:deny-all overflow6:permissive",
       "crash:90 authfail:5 noauth:1 invaliduser:5 grace-exceeded:10 refuseconnection:10 max:600 min:15 max-sources4:65536 "
       "max-sources6:65536 overflow:permissive overflow6:permissive",
       {"maybe", "crash", "crash:x", "banana:5", "max-sources4:0", "overflow:some", ""}},
      {"PerSourcePenaltyExemptList", false, "127.0.0.0/8,::1", "127.0.0.0/8,::1", "none", {"127.0.0.1/8", "localhost.example", ""}},
      {"TCPKeepAlive", false, "no", "no", "yes", {"maybe", ""}},
      {"VersionAddendum", false, "ours 1.0", "ours 1.0", "none", {"\xc3\xa9", std::string(200, 'a'), ""}},
      {"HostKey",
       false,
       "pkcs11:token=t;object=o",
       "pkcs11:token=t;object=o",
       "absent",
       {"/etc/ssh/ssh_host_ed25519_key", "pkcs11:token=t", ""}},
      {"HostCertificate", false, "/etc/gatehouse/host-cert.pub", "/etc/gatehouse/host-cert.pub", "absent", {"host-cert.pub", ""}},
      {"PKCS11Provider", false, "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/softhsm/libsofthsm2.so", "none", {"libsofthsm2.so", ""}},
      {"PKCS11PinSource",
       false,
       "/etc/gatehouse/pin",
       "/etc/gatehouse/pin",
       "none",
       {"1234", "credential:", "credential:../pin", "file:pin", ""}},
      {"KexAlgorithms",
       false,
       "ecdh-sha2-nistp256,curve25519-sha256",
       "ecdh-sha2-nistp256,curve25519-sha256",
       "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521",
       {"diffie-hellman-group1-sha1", "", "a,,b"}},
      {"Ciphers",
       false,
       "-*-ctr",
       "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
       "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
       {"aes128-cbc", "none", "-*"}},
      {"MACs",
       false,
       "hmac-sha2-512",
       "hmac-sha2-512",
       "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512",
       {"hmac-sha1", "hmac-md5", "none"}},
      {"HostKeyAlgorithms",
       false,
       "ssh-ed25519",
       "ssh-ed25519",
       std::string(all_certificates) + "," + all_plain,
       {"ssh-rsa", "ssh-dss", ""}},
      {"PubkeyAcceptedAlgorithms",
       true,
       "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519",
       "ssh-ed25519-cert-v01@openssh.com",
       all_certificates,
       {"ssh-ed25519", "ssh-rsa-cert-v01@openssh.com", "+ssh-rsa", ""}},
      {"CASignatureAlgorithms", true, "ssh-ed25519", "ssh-ed25519", all_plain, {"ssh-rsa", "+ssh-rsa", "ssh-ed25519-cert-v01@openssh.com"}},
      {"RequiredRSASize", false, "3072", "3072", "2048", {"1024", "16385", "big"}},
      {"RekeyLimit", true, "1G 1h", "1073741824 3600", "0 0", {"1T", "1G soon", "1G 1h 1", "", "8"}},
      {"TrustedUserCAKeys", true, "/a /b", "/a /b", "none", {"a", "none /a", ""}},
      {"RevokedKeys", true, "/a /b", "/a /b", "none", {"a", "/a none", ""}},
      {"RevokedKeysMaxAge", true, "90m", "5400", "none", {"0", "old", ""}},
      {"MaxCertificateLifetime", true, "8h", "28800", "86400", {"none", "0", "forever", ""}},
      {"BreakGlassCAKeys", true, "/a", "/a", "none", {"a", ""}},
      {"BreakGlassMaxLifetime", true, "90d", "7776000", "none", {"none", "0", ""}},
      {"AuthorizedPrincipalsFile", true, "/etc/principals/%u", "/etc/principals/%u", "none", {"%x", "/etc/%", ""}},
      {"AllowUsers", true, "alice bob@192.0.2.0/24", "alice", "absent", {"!alice", "bob@192.0.2.1/24", ""}},
      {"DenyUsers", true, "mallory", "mallory", "absent", {"!alice", ""}},
      {"AllowGroups", true, "staff", "staff", "absent", {"!staff", ""}},
      {"DenyGroups", true, "locked", "locked", "absent", {"!staff", ""}},
      {"PermitRootLogin", true, "prohibit-password", "without-password", "no", {"maybe", ""}},
      {"MaxAuthTries", true, "3", "3", "6", {"0", "x", ""}},
      {"StrictModes", false, "no", "no", "yes", {"x", ""}},
      {"UsePAM", false, "no", "no", "no", {"x", ""}},
      {"PAMServiceName", true, "gatehouse", "gatehouse", "sshd", {"a/b", ""}},
      {"RefuseConnection", true, "yes", "yes", "no", {"x", ""}},
      {"Banner", true, "/etc/issue.net", "/etc/issue.net", "none", {"issue.net", ""}},
      {"MaxSessions", true, "0", "0", "10", {"-1", "x", ""}},
      {"ClientAliveInterval", true, "30", "30", "0", {"x", ""}},
      {"ClientAliveCountMax", true, "5", "5", "3", {"x", "-1", ""}},
      {"AcceptEnv", true, "LANG LC_*", "LANG", "absent", {"A=B", ""}},
      {"SetEnv", true, "A=b \"C=d e\"", "A=b", "absent", {"A", "=b", ""}},
      {"ForceCommand", true, "/bin/echo \"a b\" # c", "/bin/echo \"a b\" # c", "none", {""}},
      {"PermitTTY", true, "no", "no", "yes", {"x", ""}},
      {"PermitUserRC", true, "no", "no", "yes", {"x", ""}},
      {"PrintMotd", false, "no", "no", "yes", {"x", ""}},
      {"PrintLastLog", false, "no", "no", "yes", {"x", ""}},
      {"AllowTcpForwarding", true, "no", "no", "no", {"yes", "all", "local", "remote", ""}},
      {"AllowStreamLocalForwarding", true, "no", "no", "no", {"yes", "all", "local", ""}},
      {"AllowAgentForwarding", true, "no", "no", "no", {"yes", ""}},
      {"X11Forwarding", true, "no", "no", "no", {"yes", ""}},
      {"DisableForwarding", true, "yes", "yes", "no", {"x", ""}},
      {"Subsystem",
       true,
       "sftp /usr/lib/openssh/sftp-server -l INFO",
       "sftp /usr/lib/openssh/sftp-server -l INFO",
       "absent",
       {"sftp", ""}},
      {"ChrootDirectory", true, "none", "none", "none", {"/srv", ""}},
      {"ExpiredCertificateAction", true, "session", "session", "disconnect", {"kill", ""}},
      {"MaxSessionLength", true, "12h", "43200", "none", {"x", ""}},
      {"LogLevel", true, "VERBOSE", "VERBOSE", "INFO", {"LOUD", ""}},
      {"SyslogFacility", false, "local3", "LOCAL3", "AUTH", {"MAIL", ""}},
      {"PidFile", false, "/run/x.pid", "/run/x.pid", "/run/gatehouse-sshd.pid", {"x.pid", ""}},
      {"AuditLog", false, "/var/log/audit.json", "/var/log/audit.json", "/var/log/gatehouse/audit.log", {"audit.json", ""}},
      {"AuditFailure", false, "continue", "continue", "refuse", {"ignore", ""}},
      {"PreauthUser", false, "nobody", "nobody", "gatehouse-preauth", {"root", "a:b", "-x", ""}},
      {"AuthorizerUser", false, "nobody", "nobody", "gatehouse-authorizer", {"root", ""}},
      {"SignerUser", false, "nobody", "nobody", "gatehouse-signer", {"root", ""}},
      {"RuntimeDirectory", false, "/run/x", "/run/x", "/run/gatehouse-sshd", {"x", ""}},
  };
  return all;
}

ConnectionFacts alice() {
  ConnectionFacts facts;
  facts.user = "alice";
  return facts;
}

class EachKeyword : public testing::TestWithParam<KeywordCase> {};

TEST_P(EachKeyword, HasItsDefault) { EXPECT_EQ(dumped(parsed("").global(), lower_case(GetParam().keyword)), GetParam().default_value); }

TEST_P(EachKeyword, TakesAValueInAnyCase) {
  const KeywordCase& each = GetParam();
  std::string upper = each.keyword;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& name : {each.keyword, upper, lower_case(each.keyword)}) {
    EXPECT_EQ(dumped(parsed(name + " " + each.line_value).global(), lower_case(each.keyword)), each.dumped_value);
  }
  EXPECT_EQ(dumped(parsed("", {each.keyword + "=" + each.line_value}).global(), lower_case(each.keyword)), each.dumped_value) << "with -o";
}

TEST_P(EachKeyword, RefusesBadValuesWithLineAndMend) {
  const KeywordCase& each = GetParam();
  for (const std::string& value : each.bad_values) {
    const Problems problems = problems_of("\n" + each.keyword + " " + value + "\n");
    ASSERT_EQ(problems.size(), 1U) << each.keyword << " " << value;
    EXPECT_EQ(problems[0].where, "/etc/gatehouse/sshd_config line 2");
    EXPECT_NE(problems[0].what.find(each.keyword), std::string::npos);
    EXPECT_FALSE(problems[0].mend.empty()) << problems[0].what;
  }
}

TEST_P(EachKeyword, WorksInsideMatchWhereSshdAllowsIt) {
  const KeywordCase& each = GetParam();
  const std::string text = "Match User alice\n" + each.keyword + " " + each.line_value + "\n";
  if (!each.in_match) {
    EXPECT_NE(first_problem(text).find(each.keyword + " cannot stand in a Match block"), std::string::npos);
    return;
  }
  const Configuration configuration = parsed(text);
  const std::string name = lower_case(each.keyword);
  EXPECT_EQ(dumped(configuration.settings_for(alice()), name), each.dumped_value);
  EXPECT_EQ(dumped(configuration.global(), name), each.default_value) << "outside";
  ConnectionFacts bob;
  bob.user = "bob";
  EXPECT_EQ(dumped(configuration.settings_for(bob), name), each.default_value) << "for another user";
}

TEST_P(EachKeyword, SurvivesTheWayToAnotherProcess) {
  const KeywordCase& each = GetParam();
  const std::string where = each.in_match ? "Match User alice\n" : "";
  const Configuration configuration = parsed(where + each.keyword + " " + each.line_value + "\n");
  const auto copy = Configuration::deserialize(configuration.serialize());
  ASSERT_TRUE(copy);
  EXPECT_EQ(dump(copy->settings_for(alice())), dump(configuration.settings_for(alice())));
  EXPECT_EQ(dumped(copy->settings_for(alice()), lower_case(each.keyword)), each.dumped_value);
}

INSTANTIATE_TEST_SUITE_P(Table, EachKeyword, testing::ValuesIn(cases()), [](const auto& each) { return each.param.keyword; });

TEST(Keywords, EachIsInTheTableAbove) {
  std::set<std::string> tested;
  for (const KeywordCase& each : cases()) tested.insert(each.keyword);
  for (const auto part :
       {network_keywords(), token_keywords(), algorithm_keywords(), login_keywords(), session_keywords(), process_keywords()}) {
    for (const Keyword& each : part) {
      EXPECT_EQ(tested.count(std::string(each.name)), 1U) << each.name;
      const auto found = std::find_if(cases().begin(), cases().end(), [&](const KeywordCase& one) { return one.keyword == each.name; });
      ASSERT_NE(found, cases().end());
      EXPECT_EQ(found->in_match, each.scope == Scope::match) << each.name;
    }
  }
}

TEST(Keywords, EachIsInTheManual) {
  std::ifstream file(GATEHOUSE_VECTORS "/../../docs/sshd_config.md");
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(manual.empty());
  for (const KeywordCase& each : cases()) EXPECT_NE(manual.find("`" + each.keyword + "`"), std::string::npos) << each.keyword;
}

TEST(Keywords, WhatWouldWeakenCertificateOnlyLoginIsRefusedWithTheReason) {
  for (const std::string line : {"PasswordAuthentication yes", "KbdInteractiveAuthentication yes", "ChallengeResponseAuthentication yes",
                                 "PermitEmptyPasswords yes", "HostbasedAuthentication yes", "AuthorizedKeysFile .ssh/authorized_keys",
                                 "AuthorizedKeysFile none .ssh/authorized_keys", "AuthorizedKeysCommand /bin/x", "GSSAPIAuthentication yes",
                                 "KerberosAuthentication yes", "IgnoreRhosts no", "passwordauthentication TRUE"}) {
    for (const std::string before : {"", "Match User alice\n"}) {
      const std::string problem = first_problem(before + line);
      EXPECT_NE(problem.find("would let people in without a certificate"), std::string::npos) << line << ": " << problem;
    }
  }
  EXPECT_NE(first_problem("PubkeyAuthentication no").find("nobody"), std::string::npos);
  EXPECT_NE(first_problem("PermitUserEnvironment yes").find("environment"), std::string::npos);
  EXPECT_NE(first_problem("AuthenticationMethods publickey,password").find("does not exist here"), std::string::npos);
  EXPECT_NE(first_problem("UseDNS yes").find("UseDNS yes"), std::string::npos);
}

TEST(Keywords, HarmlessValuesOfTheSameAreAccepted) {
  for (const FixedKeyword& each : fixed_keywords()) {
    for (const std::string_view value : each.accepted) {
      EXPECT_TRUE(problems_of(std::string(each.name) + " " + std::string(value)).empty()) << each.name;
      if (each.scope == Scope::match) {
        EXPECT_TRUE(problems_of("Match User a\n" + std::string(each.name) + " " + std::string(value)).empty()) << each.name << " in Match";
      }
    }
    EXPECT_FALSE(problems_of(std::string(each.name) + " banana").empty()) << each.name;
    EXPECT_FALSE(problems_of(std::string(each.name)).empty()) << each.name;
    EXPECT_EQ(dumped(parsed("").global(), lower_case(each.name)), each.accepted.front());
  }
}

TEST(Keywords, APrivateKeyInAFileIsRefusedAsHostKey) {
  const std::string path = testing::TempDir() + "gatehouse_host_key";
  FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("-----BEGIN OPENSSH PRIVATE KEY-----\n", file);
  std::fclose(file);
  EXPECT_NE(first_problem("HostKey " + path).find("a private key in a file is refused"), std::string::npos);
  std::remove(path.c_str());
  EXPECT_NE(first_problem("HostKey " + path).find("host keys live in a token"), std::string::npos);
}

TEST(Keywords, UnknownOnesGetTheNearestKnown) {
  EXPECT_EQ(first_problem("PermitRotLogin no"),
            "/etc/gatehouse/sshd_config line 1: unknown keyword \"PermitRotLogin\" (did you mean PermitRootLogin?)");
  EXPECT_NE(first_problem("PasswortAuthentication no").find("did you mean PasswordAuthentication?"), std::string::npos);
  EXPECT_NE(first_problem("Banana yes").find("unknown keyword"), std::string::npos);
  EXPECT_NE(first_problem("Bad\x1b[31m yes").find("\\x1b"), std::string::npos) << "control characters are escaped";
}

TEST(Keywords, UnsupportedOnesSayWhatToDo) {
  for (const UnsupportedKeyword& each : unsupported_keywords()) {
    EXPECT_EQ(find_keyword(each.name), nullptr) << each.name;
    EXPECT_EQ(find_fixed_keyword(each.name), nullptr) << each.name;
    const Problems problems = problems_of(std::string(each.name) + " x");
    ASSERT_EQ(problems.size(), 1U) << each.name;
    EXPECT_EQ(problems[0].mend, each.mend);
  }
}

TEST(Keywords, FeaturesThatAreNotBuiltAreClearErrors) {
  for (const std::string line :
       {"UsePAM yes", "ChrootDirectory /srv", "AllowTcpForwarding yes", "AllowAgentForwarding yes", "X11Forwarding yes",
        "AllowStreamLocalForwarding yes", "PermitTunnel yes",
        "GatewayPorts yes", "Compression yes", "SessionRecording yes", "ChannelTimeout *=1h"}) {
    EXPECT_NE(first_problem(line).find("not supported by this version"), std::string::npos) << line << ": " << first_problem(line);
  }
}

}  // namespace
}  // namespace gatehouse::sshd
