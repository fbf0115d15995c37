#include "sshd/config/configuration.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config_text.h"

namespace gatehouse::sshd {
namespace {

using test::dumped;
using test::first_problem;
using test::parsed;
using test::problems_of;

/// A folder of its own for each test, gone afterwards.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "gatehouse-config-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string folder_;
};

ConnectionFacts facts(const std::string& spec) {
  const auto parsed = parse_connection_spec(spec);
  if (!parsed) ADD_FAILURE() << parsed.error().line();
  return parsed ? *parsed : ConnectionFacts{};
}

TEST(FirstValue, WinsOverLaterOnes) {
  const Configuration configuration = parsed("MaxAuthTries 3\nMaxAuthTries 5\n");
  EXPECT_EQ(configuration.global().max_auth_tries, 3U);
  ASSERT_EQ(configuration.notes().size(), 2U);  // and the one that no CA is trusted
  EXPECT_EQ(configuration.notes()[0].where, "/etc/gatehouse/sshd_config line 2");
  EXPECT_EQ(configuration.global().places.at("maxauthtries"), "/etc/gatehouse/sshd_config line 1");
}

TEST(FirstValue, OfTheCommandLineWinsOverTheFile) {
  const Configuration configuration = parsed("MaxAuthTries 3\nPort 2222\n", {"MaxAuthTries=1", "Port 99"});
  EXPECT_EQ(configuration.global().max_auth_tries, 1U);
  ASSERT_EQ(configuration.global().listen.size(), 1U) << "a port of the command line takes the place of the file's";
  EXPECT_EQ(configuration.global().listen[0].port, 99);
}

TEST(FirstValue, ListsGrowWithEachLine) {
  const Settings settings = parsed("AllowUsers a b\nAllowUsers c\nPort 1\nPort 2\nPort 1\nSetEnv A=1 A=2\nSetEnv A=3 B=4\n").global();
  EXPECT_EQ(settings.allow_users, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(settings.listen.size(), 2U);
  EXPECT_EQ(settings.set_env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", "4"}}));
}

TEST(FirstValue, OfEachPenaltyWins) {
  const PerSourcePenalties penalties =
      parsed("PerSourcePenalties crash:1s crash:2s\nPerSourcePenalties crash:3s authfail:4s\n").global().per_source_penalties;
  EXPECT_EQ(penalties.crash.count(), 1);
  EXPECT_EQ(penalties.authfail.count(), 4);
  EXPECT_TRUE(penalties.enabled);
  EXPECT_FALSE(parsed("PerSourcePenalties no").global().per_source_penalties.enabled);
}

TEST(Listen, AddressesWithoutPortTakeEachPort) {
  const Settings settings =
      parsed("Port 22\nPort 2222\nListenAddress 192.0.2.1\nListenAddress [2001:db8::1]:99\nListenAddress ::1\nListenAddress *:7\n")
          .global();
  const std::vector<ListenAddress> expected{{"192.0.2.1", 22}, {"192.0.2.1", 2222}, {"2001:db8::1", 99},
                                            {"::1", 22},       {"::1", 2222},       {"", 7}};
  EXPECT_EQ(settings.listen, expected);
}

TEST(Match, AppliesToThoseItNames) {
  const Configuration configuration = parsed(
      "PermitTTY yes\nMaxSessions 10\n"
      "Match User alice,!bob Address 192.0.2.0/24\n  PermitTTY no\n"
      "Match Group operators\n  MaxSessions 2\n"
      "Match All\n  ForceCommand /bin/last\n");
  EXPECT_FALSE(configuration.settings_for(facts("user=alice,addr=192.0.2.7")).permit_tty);
  EXPECT_TRUE(configuration.settings_for(facts("user=alice,addr=198.51.100.7")).permit_tty) << "all criteria of a line must hold";
  EXPECT_TRUE(configuration.settings_for(facts("user=bob,addr=192.0.2.7")).permit_tty);
  EXPECT_EQ(configuration.settings_for(facts("user=carol,group=users,group=operators")).max_sessions, 2U);
  EXPECT_EQ(configuration.settings_for(facts("user=carol,group=users")).max_sessions, 10U);
  EXPECT_EQ(configuration.settings_for(facts("user=carol")).force_command, "/bin/last");
  EXPECT_FALSE(configuration.global().force_command);
}

TEST(Match, TheFirstBlockThatAppliesWinsAndGoesBeforeTheRest) {
  const Configuration configuration =
      parsed("MaxSessions 1\nMatch User a*\nMaxSessions 2\nMatch User alice\nMaxSessions 3\nMaxAuthTries 4\n");
  const Settings alice = configuration.settings_for(facts("user=alice"));
  EXPECT_EQ(alice.max_sessions, 2U);
  EXPECT_EQ(alice.max_auth_tries, 4U);
  EXPECT_EQ(configuration.settings_for(facts("user=bob")).max_sessions, 1U);
}

TEST(Match, ListsInABlockTakeThePlaceOfTheOuterOnes) {
  const Configuration configuration =
      parsed("AllowUsers a\nSubsystem sftp /one\nMatch User b\nAllowUsers b\nSubsystem other /two\nSubsystem sftp /three\n");
  const Settings settings = configuration.settings_for(facts("user=b"));
  EXPECT_EQ(settings.allow_users, (std::vector<std::string>{"b"}));
  EXPECT_EQ(settings.subsystems.at("sftp"), "/three");
  EXPECT_EQ(settings.subsystems.at("other"), "/two");
  EXPECT_EQ(configuration.settings_for(facts("user=c")).subsystems.at("sftp"), "/one");
}

TEST(Match, KnowsAllCriteria) {
  const auto applies = [](const std::string& criteria, const ConnectionFacts& of) {
    return parsed("Match " + criteria + "\nMaxSessions 2\n").settings_for(of).max_sessions == 2;
  };
  EXPECT_TRUE(applies("LocalPort 2222", facts("lport=2222")));
  EXPECT_FALSE(applies("LocalPort 2222", facts("lport=22")));
  EXPECT_TRUE(applies("LocalAddress 127.0.0.0/8", facts("laddr=127.0.0.1")));
  EXPECT_TRUE(applies("Host *.example,!bad.example", facts("host=Good.Example")));
  EXPECT_FALSE(applies("Host *.example,!bad.example", facts("host=bad.example")));
  EXPECT_TRUE(applies("user=alice", facts("user=alice")));
  EXPECT_TRUE(applies("\"User\" \"alice\"", facts("user=alice")));
  EXPECT_FALSE(applies("User Alice", facts("user=alice"))) << "names have a case";
  EXPECT_FALSE(applies("User *", facts("addr=192.0.2.1"))) << "what is not known matches nothing";
  EXPECT_FALSE(applies("User !bob", facts("user=alice"))) << "a negation alone matches nothing";
  EXPECT_FALSE(applies("Group *,!locked", facts("user=a,group=staff,group=locked")));
  ConnectionFacts nobody = facts("user=ghost");
  EXPECT_FALSE(applies("invalid-user", nobody));
  nobody.invalid_user = true;
  EXPECT_TRUE(applies("invalid-user", nobody));
}

TEST(Match, RefusesWhatItDoesNotKnow) {
  const std::pair<std::string, std::string> bad[] = {
      {"Match", "without criteria"},          {"Match User", "no value"},        {"Match Usr alice", "did you mean user?"},
      {"Match Address 192.0.2.1/24", "bits"}, {"Match LocalPort ssh", "number"}, {"Match All User alice", "Match All beside"},
      {"Match RDomain x", "not supported"},   {"Match User a,,b", "empty"},      {"Match Banana x", "unknown Match criterion"},
      {"Match All=x", "takes no value"},      {"Match User \"alice", "a quote"}, {"Match user=", "no value"},
  };
  for (const auto& [line, what] : bad) EXPECT_NE(first_problem(line).find(what), std::string::npos) << line << ": " << first_problem(line);
}

TEST(Match, SaysWhichCriteriaAreAskedFor) {
  const Configuration configuration = parsed("Match Group a User b\nMaxSessions 2\n");
  EXPECT_TRUE(configuration.matches_on("group"));
  EXPECT_TRUE(configuration.matches_on("User"));
  EXPECT_FALSE(configuration.matches_on("address"));
}

TEST(ConnectionSpec, IsThatOfSshd) {
  const ConnectionFacts all = facts("user=a,host=b.example,addr=192.0.2.1,laddr=192.0.2.2,lport=22,group=x,group=y,port=5");
  EXPECT_EQ(all.user, "a");
  EXPECT_EQ(all.host, "b.example");
  EXPECT_EQ(all.address, "192.0.2.1");
  EXPECT_EQ(all.local_address, "192.0.2.2");
  EXPECT_EQ(all.local_port, 22);
  EXPECT_EQ(all.port, 5);
  EXPECT_EQ(all.groups, (std::vector<std::string>{"x", "y"}));
  for (const std::string_view bad : {"usr=a", "user", "user=", "lport=x", "lport=0", "addr=host", "user=a,,", "laddr=1.2.3"}) {
    EXPECT_FALSE(parse_connection_spec(bad)) << bad;
  }
}

TEST(Problems, AreAllReported) {
  const Problems problems = problems_of("Port 0\nPermitRootLogin maybe\nBanana 1\nMatch User a\nPort 22\n");
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_EQ(problems[3].where, "/etc/gatehouse/sshd_config line 5");
}

TEST(Problems, OfTheCommandLineSayIt) {
  const Problems problems = problems_of("", {"Banana=1"});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].where, "command line");
  EXPECT_FALSE(problems_of("", {"Match User a"}).empty());
  EXPECT_FALSE(problems_of("", {"Include /etc/x"}).empty());
}

TEST(Text, CommentsCarriageReturnsAndALastLineWithoutEnd) {
  const Settings settings = parsed("# Port 1\r\n\r\n  Port 2222 # two\r\nMaxSessions=7").global();
  EXPECT_EQ(settings.listen[0].port, 2222);
  EXPECT_EQ(settings.max_sessions, 7U);
}

TEST(Text, NulOctetsAreRefused) { EXPECT_NE(first_problem(std::string("Port 22\0\n", 9)).find("NUL"), std::string::npos); }

TEST(Text, OfMoreThan4MiBIsRefused) {
  const std::string big = std::string(max_config_size, '#') + "\nPort 22\n";
  EXPECT_NE(first_problem(big).find("larger than 4 MiB"), std::string::npos);
}

TEST(Text, AsDebianShipsItNamesEachLineToChange) {
  const Problems problems = problems_of(
      "KbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\n"
      "Subsystem sftp /usr/lib/openssh/sftp-server\n");
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].what.find("UsePAM"), std::string::npos);
  EXPECT_NE(problems[1].what.find("X11Forwarding"), std::string::npos);
}

TEST_F(Files, IncludeTakesPatternsInOrderRelativeToTheMainFile) {
  std::filesystem::create_directory(folder_ + "/d");
  write("d/20.conf", "MaxSessions 20\n");
  write("d/10.conf", "MaxSessions 10\nMaxAuthTries 2\n");
  const std::string main = write("sshd_config", "Include d/*.conf none-there-*.conf\nMaxSessions 30\nMaxAuthTries 9\n");
  const auto configuration = Configuration::load(main);
  ASSERT_TRUE(configuration) << configuration.error()[0].line();
  EXPECT_EQ(configuration->global().max_sessions, 10U);
  EXPECT_EQ(configuration->global().max_auth_tries, 2U);
  EXPECT_EQ(configuration->global().places.at("maxsessions"), folder_ + "/d/10.conf line 1");
}

TEST_F(Files, IncludeEndsItsMatchBlocksAndStandsUnderThoseAround) {
  write("inner", "MaxSessions 2\nMatch User alice\nMaxAuthTries 2\n");
  const std::string main =
      write("sshd_config", "Match Address 192.0.2.0/24\nInclude inner\nClientAliveCountMax 1\nMatch All\nPermitTTY no\n");
  const auto configuration = Configuration::load(main);
  ASSERT_TRUE(configuration) << configuration.error()[0].line();
  const Settings inside = configuration->settings_for(facts("user=bob,addr=192.0.2.1"));
  EXPECT_EQ(inside.max_sessions, 2U);
  EXPECT_EQ(inside.max_auth_tries, 6U) << "the inner Match asks for alice";
  EXPECT_EQ(inside.client_alive_count_max, 1U) << "after Include the outer block goes on";
  EXPECT_EQ(configuration->settings_for(facts("user=alice,addr=192.0.2.1")).max_auth_tries, 2U);
  EXPECT_EQ(configuration->settings_for(facts("user=alice,addr=198.51.100.1")).max_auth_tries, 6U) << "the outer Match counts too";
  EXPECT_FALSE(configuration->settings_for(facts("user=alice,addr=198.51.100.1")).permit_tty);
  const auto copy = Configuration::deserialize(configuration->serialize());
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->settings_for(facts("user=alice,addr=198.51.100.1")).max_auth_tries, 6U) << "nesting survives serialization";
  EXPECT_EQ(copy->settings_for(facts("user=alice,addr=192.0.2.1")).max_auth_tries, 2U);
}

TEST_F(Files, IncludeOfAMissingFileOrOfItselfIsAnError) {
  const std::string missing = write("a", "Include nowhere.conf\n");
  auto configuration = Configuration::load(missing);
  ASSERT_FALSE(configuration);
  EXPECT_EQ(configuration.error()[0].where, missing + " line 1");
  const std::string loop = write("b", "Include b\n");
  configuration = Configuration::load(loop);
  ASSERT_FALSE(configuration);
  EXPECT_NE(configuration.error()[0].what.find("deeper than 16"), std::string::npos);
}

TEST_F(Files, LoadNamesAFileThatIsNotThereOrNoFile) {
  auto configuration = Configuration::load(folder_ + "/nothing");
  ASSERT_FALSE(configuration);
  EXPECT_NE(configuration.error()[0].line().find(folder_ + "/nothing"), std::string::npos);
  EXPECT_FALSE(Configuration::load(folder_));
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(Configuration::load(fifo)) << "must not wait for a writer";
}

TEST_F(Files, StartupProblemsNameFilesThatAreMissingWithTheirLine) {
  const std::string there = write("there", "");
  const Configuration configuration =
      parsed("HostKey pkcs11:object=a\nPKCS11Provider " + there + "\nPKCS11PinSource /x\nTrustedUserCAKeys " + there +
             " /nowhere/ca\nMatch User a\nRevokedKeys /nowhere/krl\nBanner none\n");
  const Problems problems = configuration.startup_problems();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].where, "/etc/gatehouse/sshd_config line 4");
  EXPECT_NE(problems[0].what.find("/nowhere/ca"), std::string::npos);
  EXPECT_EQ(problems[1].where, "/etc/gatehouse/sshd_config line 6");
}

TEST_F(Files, StartupProblemsNameWhatAHostKeyNeeds) {
  EXPECT_NE(parsed("").startup_problems().at(0).what.find("no HostKey"), std::string::npos);
  const Problems problems = parsed("HostKey pkcs11:object=a\n").startup_problems();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_NE(problems[0].what.find("PKCS11Provider"), std::string::npos);
  EXPECT_NE(problems[1].what.find("PKCS11PinSource"), std::string::npos);
}

TEST(TrustFiles, AreThoseOfAllBlocks) {
  const auto all =
      parsed("TrustedUserCAKeys /a\nBreakGlassCAKeys /b\nRevokedKeys /r\nMatch User x\nTrustedUserCAKeys /c /a\nRevokedKeys none\n")
          .trust_files();
  EXPECT_EQ(all.ca_keys, (std::vector<std::string>{"/a", "/b", "/c"}));
  EXPECT_EQ(all.revoked_keys, (std::vector<std::string>{"/r"}));
}

TEST(Serialized, CutOrChangedOctetsAreNoCrash) {
  const ByteVector whole = parsed("Port 2222\nMatch User a Address 192.0.2.0/24\nMaxSessions 2\nSetEnv A=1\n").serialize();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(Configuration::deserialize(Bytes(whole).first(size)));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
      ByteVector changed = whole;
      changed[i] ^= flip;
      (void)Configuration::deserialize(changed);
    }
  }
  ByteVector longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(Configuration::deserialize(longer));
}

}  // namespace
}  // namespace gatehouse::sshd
