// Against a real slapd with ppolicy, memberof and TLS.
#include "ca/directory/directory.h"

#include <gtest/gtest.h>

#include "tests/unit/ca/directory/real_slapd.h"

namespace gatehouse::ca {
namespace {

using test::group_dn;
using test::group_ldif;
using test::people_dn;
using test::person_ldif;
using test::RealSlapd;

SecretBytes secret(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }

// The whole program runs in an environment that would switch verification off, were it read.
class HostileEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    ::setenv("LDAPTLS_REQCERT", "never", 1);
    ::setenv("LDAPREFERRALS", "on", 1);
    ::setenv("LDAPBASE", "dc=evil", 1);
    isolate_from_ldap_configuration();
  }
};
const auto* const hostile_environment = testing::AddGlobalTestEnvironment(new HostileEnvironment);

constexpr const char* key_line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBzD9wQ4EwTOzaQDdJSgMsTRiMdpSgyvBBPrKLxYOMQ";

class OnSlapd : public testing::Test {
 public:
  static void SetUpTestSuite() {
    slapd_ = new RealSlapd;
    slapd_->start();
    slapd_->add(data());
  }
  static void TearDownTestSuite() {
    delete slapd_;
    slapd_ = nullptr;
  }

 protected:
  static std::string data() {
    const std::string base = RealSlapd::base;
    std::string text = "dn: " + base + "\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n";
    for (const auto* unit : {"people", "groups", "other", "services", "system", "policies", "odd"}) text += test::unit_ldif(unit);
    text += "dn: cn=default,ou=policies," + base +
            "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\npwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 3\n"
            "pwdLockoutDuration: 2\npwdFailureCountInterval: 60\n\n";
    text +=
        "dn: cn=ageing,ou=policies," + base +
        "\nobjectClass: device\nobjectClass: pwdPolicy\ncn: ageing\npwdAttribute: userPassword\npwdMaxAge: 2592000\npwdGraceAuthNLimit: 2\n"
        "pwdMustChange: TRUE\n\n";
    for (const auto& [name, password] : {std::pair("ca", RealSlapd::service_password), std::pair("limited", "limited-password")}) {
      text += "dn: cn=" + std::string(name) + ",ou=system," + base +
              "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: " + name + "\nuserPassword: " + password + "\n\n";
    }
    const std::string posix = "objectClass: posixAccount\nuidNumber: 1000\ngidNumber: 5000\nhomeDirectory: /home/x\n";
    text += person_ldif("alice", posix + "mail: alice@example.test\n");
    text += person_ldif("bob") + person_ldif("dave") + person_ldif("erin");
    text += person_ldif("carol", "pwdAccountLockedTime: 000001010000Z\n");
    text += person_ldif("frank", "objectClass: shadowAccount\nshadowExpire: 1\n");
    text += person_ldif("grace", "objectClass: testAccount\nnsAccountLock: TRUE\n");
    text += person_ldif("heidi", "pwdPolicySubentry: cn=ageing,ou=policies," + base + "\npwdChangedTime: 20200101000000Z\n");
    text += person_ldif("ivan", "pwdPolicySubentry: cn=ageing,ou=policies," + base + "\npwdReset: TRUE\n");
    text += person_ldif("judy", "pwdEndTime: 20200101000000Z\n");
    text += person_ldif("Mallory");
    // One name, two entries.
    text += person_ldif("twin") + person_ldif("twin", {}, "ou=other");
    // One entry, two names.
    text += person_ldif("nick", "uid: alias\n");
    // A name that the filter finds by another attribute.
    text += "dn: cn=nameless,ou=odd," + base + "\nobjectClass: person\ncn: nameless\nsn: nameless\nuserPassword: nameless-password\n\n";
    // A DN full of what filters and DNs must escape.
    text += "dn: cn=Odd \\, (name) \\5c*,ou=odd," + base +
            "\nobjectClass: inetOrgPerson\ncn: Odd , (name) \\*\nsn: odd\nuid: odd\nuserPassword: odd-password\n\n";
    text += "dn: uid=nopassword,ou=people," + base + "\nobjectClass: inetOrgPerson\nuid: nopassword\ncn: n\nsn: n\n\n";
    text += "dn: uid=svc-backup,ou=services," + base +
            "\nobjectClass: account\nobjectClass: simpleSecurityObject\nobjectClass: ldapPublicKey\nuid: svc-backup\nuserPassword: "
            "svc-backup-password\nsshPublicKey: " +
            std::string(key_line) + " backup\nsshPublicKey: from=\"10.0.0.1\" " + key_line + "\nsshPublicKey: rubbish\n\n";
    text += person_ldif("withkey", "objectClass: ldapPublicKey\nsshPublicKey: " + std::string(key_line) + "\n");

    text += group_ldif("cn=ssh-users", {people_dn("alice"), people_dn("carol"), "cn=Odd \\, (name) \\5c*,ou=odd," + base});
    text += group_ldif("cn=team", {people_dn("alice")}) + group_ldif("cn=operators", {group_dn("team")});
    text += group_ldif("cn=ring-a", {people_dn("dave"), group_dn("ring-b")}) + group_ldif("cn=ring-b", {group_dn("ring-a")});
    // The same CN elsewhere.
    text += group_ldif("cn=ssh-users", {people_dn("bob")}, "ou=other");
    text += group_ldif("cn=Odd (grp)", {people_dn("bob")}) + group_ldif("cn=above odd", {"cn=Odd (grp),ou=groups," + base});
    text += "dn: cn=unique,ou=groups," + base + "\nobjectClass: groupOfUniqueNames\ncn: unique\nuniqueMember: " + people_dn("bob") + "\n\n";
    text +=
        "dn: cn=posix,ou=groups," + base + "\nobjectClass: posixGroup\ncn: posix\ngidNumber: 6000\nmemberUid: bob\nmemberUid: ALICE\n\n";
    text += "dn: cn=primary,ou=groups," + base + "\nobjectClass: posixGroup\ncn: primary\ngidNumber: 5000\n\n";
    text += group_ldif("cn=level-0", {people_dn("erin")});
    for (int i = 1; i <= 50; ++i) text += group_ldif("cn=level-" + std::to_string(i), {group_dn("level-" + std::to_string(i - 1))});
    return text;
  }

  static DirectorySettings settings() {
    DirectorySettings s;
    s.urls = {slapd_->tls_url()};
    s.ca_file = slapd_->path("ca.pem");
    s.base = RealSlapd::base;
    s.bind_dn = RealSlapd::service_dn;
    s.bind_password_file = slapd_->path("service-password");
    s.service_base = std::string("ou=services,") + RealSlapd::base;
    s.group_base = std::string("ou=groups,") + RealSlapd::base;
    s.default_password_policy = std::string("cn=default,ou=policies,") + RealSlapd::base;
    s.connect_timeout = s.bind_timeout = s.search_timeout = std::chrono::milliseconds(2000);
    return s;
  }
  static std::unique_ptr<Directory> opened(DirectorySettings s) {
    auto directory = Directory::open(std::move(s));
    if (!directory) {
      ADD_FAILURE() << directory.error().line();
      return nullptr;
    }
    return std::move(*directory);
  }
  static std::unique_ptr<Directory> opened() { return opened(settings()); }

  static RealSlapd* slapd_;
};
RealSlapd* OnSlapd::slapd_ = nullptr;

// What a question came to, in one word.
std::string outcome(const DirectoryResult<Person>& result) {
  if (result) return "person " + result->name;
  struct Word {
    std::string operator()(const DirectoryUnavailable& e) const { return "unavailable: " + std::string(stage_name(e.stage)); }
    std::string operator()(const CredentialsRefused& e) const { return std::string(fault_name(e.fault)); }
    std::string operator()(const AccountRefused& e) const { return std::string(fault_name(e.fault)); }
  };
  return std::visit(Word{}, result.error());
}

std::string detail(const DirectoryResult<Person>& result) { return result ? std::string() : describe(result.error()); }

TEST_F(OnSlapd, LogInGivesThePersonWithGroupsByDn) {
  const std::vector<std::string> wanted{"mail"};
  const auto alice = opened()->log_in("alice", secret("alice-password"), wanted);
  ASSERT_TRUE(alice) << describe(alice.error());
  EXPECT_EQ(alice->name, "alice");
  EXPECT_EQ(alice->dn, people_dn("alice"));
  EXPECT_EQ(alice->entry_uuid.size(), 36u);
  // member, nested member, primary gidNumber; not memberUid: ALICE, whose rule minds the case.
  EXPECT_EQ(alice->groups, (std::set<std::string>{group_dn("ssh-users"), group_dn("team"), group_dn("operators"), group_dn("primary")}));
  EXPECT_EQ(alice->attributes.at("mail"), std::vector<std::string>{"alice@example.test"});
  EXPECT_FALSE(alice->is_service);
  EXPECT_TRUE(alice->enrolled_keys.empty());
}

TEST_F(OnSlapd, GroupsOfEverySchemaCountAndTheSameCnElsewhereDoesNot) {
  const auto bob = opened()->log_in("bob", secret("bob-password"));
  ASSERT_TRUE(bob) << describe(bob.error());
  EXPECT_EQ(bob->groups, (std::set<std::string>{group_dn("unique"), group_dn("posix"), "cn=odd (grp),ou=groups,dc=example,dc=test",
                                                "cn=above odd,ou=groups,dc=example,dc=test"}));
}

TEST_F(OnSlapd, MemberOfGivesTheSameGroupsByDnWhereItIsAskedFor) {
  auto s = settings();
  s.group_lookup = GroupLookup::member_of;
  const auto alice = opened(s)->log_in("alice", secret("alice-password"));
  ASSERT_TRUE(alice) << describe(alice.error());
  EXPECT_EQ(alice->groups, (std::set<std::string>{group_dn("ssh-users"), group_dn("team"), group_dn("operators"), group_dn("primary")}));
  const auto bob = opened(s)->log_in("bob", secret("bob-password"));
  ASSERT_TRUE(bob) << describe(bob.error());
  EXPECT_EQ(bob->groups.count("cn=ssh-users,ou=other,dc=example,dc=test"), 0u);  // outside group_base
}

TEST_F(OnSlapd, GroupsInARingEnd) {
  const auto dave = opened()->look_up("dave");
  ASSERT_TRUE(dave) << describe(dave.error());
  EXPECT_EQ(dave->groups, (std::set<std::string>{group_dn("ring-a"), group_dn("ring-b")}));
}

TEST_F(OnSlapd, NestingOfFiftyIsWalkedAndALowerLimitRefusesRatherThanCuts) {
  const auto erin = opened()->look_up("erin");
  ASSERT_TRUE(erin) << describe(erin.error());
  EXPECT_EQ(erin->groups.size(), 51u);
  auto s = settings();
  s.max_group_depth = 50;
  EXPECT_EQ(outcome(opened(s)->look_up("erin")), "unavailable: group search");
  s = settings();
  s.max_groups = 50;
  EXPECT_EQ(outcome(opened(s)->look_up("erin")), "unavailable: group search");
  s = settings();
  s.nested_groups = false;
  EXPECT_EQ(opened(s)->look_up("erin")->groups.size(), 1u);
}

TEST_F(OnSlapd, AGroupAnswerCutOffByTheServersSizeLimitIsNotUsed) {
  auto s = settings();
  s.bind_dn = std::string("cn=limited,ou=system,") + RealSlapd::base;  // slapd.conf: size=5
  s.bind_password_file = slapd_->path("limited-password");
  test::write_file(s.bind_password_file, "limited-password", 0400);
  auto directory = opened(s);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
  std::string many;
  for (int i = 0; i < 6; ++i) many += group_ldif("cn=many-" + std::to_string(i), {people_dn("judy"), people_dn("withkey")});
  slapd_->add(many);
  EXPECT_EQ(outcome(directory->look_up("withkey")), "unavailable: group search");
  EXPECT_EQ(outcome(opened()->look_up("withkey")), "person withkey");
}

TEST_F(OnSlapd, ADnFullOfSpecialCharactersLogsInAndKeepsItsGroups) {
  const auto odd = opened()->log_in("odd", secret("odd-password"));
  ASSERT_TRUE(odd) << describe(odd.error());
  EXPECT_EQ(odd->groups, std::set<std::string>{group_dn("ssh-users")});
}

TEST_F(OnSlapd, PasswordsThatNoDirectoryMaySeeAreRefusedFirst) {
  auto directory = opened();
  // slapd is set to let a bind with a name and no password succeed.
  EXPECT_EQ(outcome(directory->log_in("alice", secret(""))), "bad_password");
  EXPECT_EQ(outcome(directory->log_in("alice", secret(std::string_view("\0alice-password", 15)))), "bad_password");
  EXPECT_EQ(outcome(directory->log_in("alice", secret(std::string_view("\0", 1)))), "bad_password");
  EXPECT_EQ(outcome(directory->log_in("alice", secret(std::string(max_password + 1, 'x')))), "bad_password");
}

TEST_F(OnSlapd, WrongPasswordsAndUnknownPeopleAreToldApartForTheLogOnly) {
  auto directory = opened();
  EXPECT_EQ(outcome(directory->log_in("bob", secret("wrong"))), "wrong_password");
  EXPECT_EQ(outcome(directory->log_in("nobody", secret("wrong"))), "no_such_person");
  EXPECT_EQ(outcome(directory->log_in("nopassword", secret("wrong"))), "wrong_password");
  EXPECT_EQ(outcome(directory->look_up("nobody")), "no_such_person");
}

TEST_F(OnSlapd, HostileNamesReachNoDirectory) {
  auto directory = opened();
  for (const std::string& name :
       {std::string("*"), std::string("a)(uid=*"), std::string("admin)(|(x=*"), std::string("\\2a"), std::string("alice,ou=x"),
        std::string("alice "), std::string("\xd0\xb0lice"), std::string(64 * 1024, 'a'), std::string("alice\0", 6)}) {
    EXPECT_EQ(outcome(directory->log_in(name, secret("alice-password"))), "bad_name") << name.substr(0, 40);
    EXPECT_EQ(outcome(directory->look_up(name)), "bad_name") << name.substr(0, 40);
  }
}

TEST_F(OnSlapd, TheNameIsTheEntrysWhateverCaseWasTyped) {
  auto directory = opened();
  EXPECT_EQ(outcome(directory->log_in("ALICE", secret("alice-password"))), "person alice");
  EXPECT_EQ(outcome(directory->log_in("mallory", secret("Mallory-password"))), "person Mallory");
  auto s = settings();
  s.lower_case_names = true;
  EXPECT_EQ(outcome(opened(s)->log_in("MALLORY", secret("Mallory-password"))), "person mallory");
}

TEST_F(OnSlapd, TwoEntriesOrTwoNamesAreNobody) {
  auto directory = opened();
  EXPECT_EQ(outcome(directory->log_in("twin", secret("twin-password"))), "ambiguous");
  EXPECT_EQ(outcome(directory->log_in("nick", secret("nick-password"))), "name_differs");
  EXPECT_EQ(outcome(directory->log_in("alias", secret("nick-password"))), "name_differs");
}

TEST_F(OnSlapd, AnEntryWithoutTheNameAttributeIsNobody) {
  auto s = settings();
  s.user_filter = "(|(uid={user})(cn={user}))";
  EXPECT_EQ(outcome(opened(s)->log_in("nameless", secret("nameless-password"))), "name_differs");
  s.user_filter = "(sn={user})";
  EXPECT_EQ(outcome(opened(s)->log_in("erin", secret("erin-password"))), "person erin");
}

struct StateCase {
  std::string name, with_password, by_look_up;
};
class AccountStateOnSlapd : public OnSlapd, public testing::WithParamInterface<StateCase> {};
TEST_P(AccountStateOnSlapd, IsJudgedWithAndWithoutAPassword) {
  const auto& [name, with_password, by_look_up] = GetParam();
  auto directory = opened();
  const auto bound = directory->log_in(name, secret(name + "-password"));
  EXPECT_EQ(outcome(bound), with_password) << detail(bound);
  const auto found = directory->look_up(name);
  EXPECT_EQ(outcome(found), by_look_up) << detail(found);
}
INSTANTIATE_TEST_SUITE_P(People, AccountStateOnSlapd,
                         testing::Values(StateCase{"carol", "locked", "locked"}, StateCase{"frank", "expired", "expired"},
                                         StateCase{"grace", "disabled", "disabled"},
                                         StateCase{"ivan", "must_change_password", "must_change_password"},
                                         StateCase{"judy", "expired", "expired"}),
                         [](const auto& example) { return example.param.name; });

TEST_F(OnSlapd, AnOldPasswordHasGraceLogInsButNoRenewal) {
  auto directory = opened();
  EXPECT_EQ(outcome(directory->look_up("heidi")), "password_expired");
  const auto first = directory->log_in("heidi", secret("heidi-password"));
  // slapd says "passwordExpired" in no case while grace log-ins are left; it counts them down.
  ASSERT_TRUE(first) << detail(first);
  EXPECT_EQ(first->grace_log_ins, 1);
  EXPECT_EQ(outcome(directory->log_in("heidi", secret("heidi-password"))), "person heidi");
  EXPECT_EQ(outcome(directory->log_in("heidi", secret("heidi-password"))), "password_expired");
}

TEST_F(OnSlapd, ALockForTooManyWrongPasswordsHoldsForItsTime) {
  slapd_->add(person_ldif("peggy"));
  auto directory = opened();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(outcome(directory->log_in("peggy", secret("wrong"))), i < 3 ? "wrong_password" : "locked");
  EXPECT_EQ(outcome(directory->log_in("peggy", secret("peggy-password"))), "locked");
  EXPECT_EQ(outcome(directory->look_up("peggy")), "locked");
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));  // pwdLockoutDuration: 2
  EXPECT_EQ(outcome(directory->look_up("peggy")), "person peggy");
  EXPECT_EQ(outcome(directory->log_in("peggy", secret("peggy-password"))), "person peggy");
}

TEST_F(OnSlapd, EnrolledKeysCountBelowTheServiceBaseOnlyAndWithoutOptionsOnly) {
  auto directory = opened();
  const auto service = directory->look_up("svc-backup");
  ASSERT_TRUE(service) << detail(service);
  EXPECT_TRUE(service->is_service);
  ASSERT_EQ(service->enrolled_keys.size(), 1u);
  EXPECT_EQ(service->enrolled_keys.front().line(), key_line);
  const auto person = directory->look_up("withkey");
  ASSERT_TRUE(person) << detail(person);
  EXPECT_FALSE(person->is_service);
  EXPECT_TRUE(person->enrolled_keys.empty());
  auto s = settings();
  s.service_base.clear();
  EXPECT_TRUE(opened(s)->look_up("svc-backup")->enrolled_keys.empty());
}

TEST_F(OnSlapd, StartTlsIsDemandedOnLdapWhereACaIsNamed) {
  auto s = settings();
  s.urls = {slapd_->url()};
  EXPECT_EQ(outcome(opened(s)->log_in("alice", secret("alice-password"))), "person alice");
  s.ca_file = slapd_->path("other-ca.pem");
  EXPECT_EQ(outcome(opened(s)->log_in("alice", secret("alice-password"))), "unavailable: tls");
}

TEST_F(OnSlapd, ACertificateOfAnotherCaIsNobodyEvenWithReqcertNeverInTheEnvironment) {
  auto s = settings();
  s.ca_file = slapd_->path("other-ca.pem");
  const auto refused = opened(s)->log_in("alice", secret("alice-password"));
  EXPECT_EQ(outcome(refused), "unavailable: tls") << detail(refused);
}

TEST_F(OnSlapd, ACertificateForAnotherNameIsNobody) {
  auto s = settings();
  s.urls = {slapd_->tls_url("127.0.0.2")};
  EXPECT_EQ(outcome(opened(s)->log_in("alice", secret("alice-password"))), "unavailable: tls");
}

TEST_F(OnSlapd, TheServiceAccountsPasswordMayChangeWhileWeRun) {
  slapd_->add("dn: cn=rotated,ou=system," + std::string(RealSlapd::base) +
              "\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: rotated\nuserPassword: one\n\n");
  auto s = settings();
  s.bind_dn = std::string("cn=rotated,ou=system,") + RealSlapd::base;
  s.bind_password_file = slapd_->path("rotated-password");
  test::write_file(s.bind_password_file, "one\n", 0400);
  s.max_idle_connections = 0;
  auto directory = opened(s);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
  slapd_->modify("dn: " + s.bind_dn + "\nchangetype: modify\nreplace: userPassword\nuserPassword: two\n");
  EXPECT_EQ(outcome(directory->look_up("alice")), "unavailable: service bind");
  ::unlink(s.bind_password_file.c_str());
  EXPECT_EQ(outcome(directory->look_up("alice")), "unavailable: configuration");
  test::write_file(s.bind_password_file, "two\n", 0400);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
}

TEST_F(OnSlapd, ADeadFirstServerIsAskedLastNextTime) {
  auto s = settings();
  s.urls = {"ldaps://127.0.0.1:" + std::to_string(test::free_port()), slapd_->tls_url()};
  auto directory = opened(s);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
  EXPECT_EQ(directory->probe().server, slapd_->tls_url());
}

TEST_F(OnSlapd, TheDirectoryMayGoAndComeBack) {
  auto directory = opened();
  EXPECT_TRUE(directory->probe().answers);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
  slapd_->stop();
  EXPECT_FALSE(directory->probe().answers);
  EXPECT_EQ(outcome(directory->log_in("alice", secret("alice-password"))), "unavailable: connect");
  slapd_->start();
  EXPECT_EQ(outcome(directory->log_in("alice", secret("alice-password"))), "person alice");
  EXPECT_TRUE(directory->probe().answers);
}

TEST_F(OnSlapd, AServerThatStandsStillEndsInTime) {
  auto s = settings();
  s.search_timeout = s.bind_timeout = s.connect_timeout = std::chrono::milliseconds(500);
  auto directory = opened(s);
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
  slapd_->process().freeze();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(outcome(directory->look_up("alice")), "unavailable: tls");  // the kept connection first, then a new one
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  slapd_->process().thaw();
  EXPECT_EQ(outcome(directory->look_up("alice")), "person alice");
}

TEST_F(OnSlapd, AnExpiredServerCertificateIsRefused) {
  slapd_->stop();
  slapd_->start("expired");
  EXPECT_EQ(outcome(opened()->look_up("alice")), "unavailable: tls");
  slapd_->stop();
  slapd_->start();
  EXPECT_EQ(outcome(opened()->look_up("alice")), "person alice");
}

TEST_F(OnSlapd, AMissingBaseIsAFailureAndNoAbsence) {
  auto s = settings();
  s.user_base = "ou=nowhere," + std::string(RealSlapd::base);
  EXPECT_EQ(outcome(opened(s)->log_in("alice", secret("alice-password"))), "unavailable: search");
  s = settings();
  s.group_base = "ou=nowhere," + std::string(RealSlapd::base);
  EXPECT_EQ(outcome(opened(s)->log_in("alice", secret("alice-password"))), "unavailable: group search");
  s = settings();
  s.base = s.user_base = s.group_base = "dc=else,dc=test";
  EXPECT_FALSE(opened(s)->probe().answers);
}

TEST_F(OnSlapd, ManyThreadsAskAtOnce) {
  auto directory = opened();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        if (outcome(directory->log_in("alice", secret("alice-password"))) == "person alice") ++good;
        if (outcome(directory->look_up("dave")) == "person dave") ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
}

TEST_F(OnSlapd, ABindPasswordThatOthersMayReadIsRefusedAtStart) {
  auto s = settings();
  s.bind_password_file = slapd_->path("open-password");
  test::write_file(s.bind_password_file, "x\n", 0644);
  const auto refused = Directory::open(s);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("mode 0644"), std::string::npos) << refused.error().line();
}

struct SettingsCase {
  std::string name;
  std::function<void(DirectorySettings&)> change;
  std::string says;
};
class SettingsRefused : public OnSlapd, public testing::WithParamInterface<SettingsCase> {};
TEST_P(SettingsRefused, WithTheKeyAndTheMend) {
  auto s = settings();
  GetParam().change(s);
  const auto refused = Directory::open(s);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find(GetParam().says), std::string::npos) << refused.error().line();
}
INSTANTIATE_TEST_SUITE_P(
    Each, SettingsRefused,
    testing::Values(SettingsCase{"NoUrl", [](auto& s) { s.urls.clear(); }, "[directory] urls"},
                    SettingsCase{"Ldapi", [](auto& s) { s.urls = {"ldapi:///"}; }, "not supported"},
                    SettingsCase{"UrlWithBase", [](auto& s) { s.urls = {"ldaps://h/dc=x"}; }, "more than scheme"},
                    SettingsCase{"UrlWithNul", [](auto& s) { s.urls = {std::string("ldaps://h\0x", 11)}; }, "no LDAP URL"},
                    SettingsCase{"ClearText",
                                 [](auto& s) {
                                   s.urls = {"ldap://ldap.example.com"};
                                   s.start_tls = false;
                                 },
                                 "in clear"},
                    SettingsCase{"NoBase", [](auto& s) { s.base.clear(); }, "[directory] base"},
                    SettingsCase{"BaseNoDn", [](auto& s) { s.base = "example"; }, "is no DN"},
                    SettingsCase{"FilterWithoutUser", [](auto& s) { s.user_filter = "(uid=alice)"; }, "{user}"},
                    SettingsCase{"FilterWithoutParentheses", [](auto& s) { s.user_filter = "uid={user}"; }, "parentheses"},
                    SettingsCase{"NoPasswordFile", [](auto& s) { s.bind_password_file.clear(); }, "go together"},
                    SettingsCase{"MissingCa", [](auto& s) { s.ca_file = "/nonexistent"; }, "[directory] ca_file"},
                    SettingsCase{"NoTime", [](auto& s) { s.connect_timeout = std::chrono::milliseconds(0); }, "time limit"}),
    [](const auto& example) { return example.param.name; });

}  // namespace
}  // namespace gatehouse::ca
