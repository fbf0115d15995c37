#include "ca/policy/policy.h"

#include <gtest/gtest.h>

namespace gatehouse::ca {
namespace {

const UnixTime now{Seconds(1768478400)};
constexpr std::uint64_t now_seconds = 1768478400;

const std::string sample = R"(
[role.user]
groups = ["CN=ssh-users, OU=groups,DC=example,DC=test"]
principals = ["{uid}"]
lifetime = "1h"
max_lifetime = "4h"
session = "12h"
extensions = ["permit-pty", "permit-agent-forwarding"]

[role.operator]
groups = ["cn=operators,ou=groups,dc=example,dc=test", "cn=sre,ou=groups,dc=example,dc=test"]
principals = ["{uid}", "operator", "team-{departmentNumber}"]
lifetime = "15m"
session = "1h"
reason = "required"
issuer = "user-ca-2"
key_types = ["ed25519"]
critical_options = { "source-address" = ["10.0.0.0/8", "192.0.2.7/32"], "force-command" = "/usr/bin/true" }

[role.admin]
groups = ["cn=admins,ou=groups,dc=example,dc=test"]
principals = ["root"]
allow_principals = ["root"]
authenticators = ["password"]

[role.service]
groups = ["cn=services,ou=groups,dc=example,dc=test"]
principals = ["{uid}"]
session = "1h"

[host_role.web]
groups = ["cn=host-admins,ou=groups,dc=example,dc=test"]
names = ["*.web.example.test", "gateway", "192.0.2.*", "fe80::1"]
lifetime = "30d"

[admin]
groups = ["cn=ca-admins,ou=groups,dc=example,dc=test"]
)";

Policy policy(const std::string& text = sample) {
  auto parsed = Policy::parse(text, "policy.toml");
  EXPECT_TRUE(parsed) << parsed.error().line();
  return parsed ? std::move(*parsed) : Policy();
}

Person person(const std::string& name, const std::set<std::string>& groups) {
  Person p;
  p.name = name;
  p.dn = p.normalised_dn = "uid=" + name + ",ou=people,dc=example,dc=test";
  for (const auto& group : groups) p.groups.insert("cn=" + group + ",ou=groups,dc=example,dc=test");
  return p;
}

std::string fault(const PolicyResult<IssueDecision>& decision) {
  return decision ? "granted" : std::string(fault_name(decision.error().fault));
}

std::vector<std::string> names_of(const std::vector<keys::CertificateOption>& options) {
  std::vector<std::string> out;
  for (const auto& option : options) out.push_back(option.name + (option.has_value ? "=" + option.value : ""));
  return out;
}

TEST(Policy, AMemberGetsWhatTheRoleSays) {
  const auto decision = policy().decide(person("alice", {"ssh-users"}), UserRequest{}, now);
  ASSERT_TRUE(decision) << decision.error().text;
  EXPECT_EQ(decision->role, "user");
  EXPECT_EQ(decision->fields.type, keys::CertificateType::user);
  EXPECT_EQ(decision->fields.principals, std::vector<std::string>{"alice"});
  EXPECT_EQ(decision->fields.valid_after, now_seconds - 60);
  EXPECT_EQ(decision->fields.valid_before, now_seconds + 3600);
  EXPECT_EQ(decision->session_end, now + Seconds(12 * 3600));
  EXPECT_EQ(names_of(decision->fields.extensions),
            (std::vector<std::string>{"permit-agent-forwarding", "permit-pty",
                                      "session-end@gatehouse=" + std::to_string(now_seconds + 12 * 3600)}));
  EXPECT_TRUE(decision->fields.critical_options.empty());
  EXPECT_EQ(decision->policy_hash.size(), 64u);
  EXPECT_EQ(decision->fields.serial, 0u);  // the issuer's to draw
}

TEST(Policy, WhoIsInNoGroupGetsNothing) {
  EXPECT_EQ(fault(policy().decide(person("bob", {}), UserRequest{}, now)), "no_role");
  auto elsewhere = person("bob", {});
  elsewhere.groups = {"cn=ssh-users,ou=other,dc=example,dc=test"};
  EXPECT_EQ(fault(policy().decide(elsewhere, UserRequest{}, now)), "no_role");
}

TEST(Policy, ARoleOfOthersAndOneThatIsNoneLookTheSame) {
  UserRequest request;
  for (const auto* role : {"admin", "nonesuch"}) {
    request.role = role;
    EXPECT_EQ(fault(policy().decide(person("alice", {"ssh-users"}), request, now)), "role_not_his") << role;
  }
}

TEST(Policy, TheFirstRoleOfTheFileThatAcceptsTheProofIsTaken) {
  auto p = person("alice", {"admins", "ssh-users"});
  EXPECT_EQ(policy().decide(p, UserRequest{}, now)->role, "user");
  const std::string reversed =
      "[role.zebra]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"z\"]\n[role.apple]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"a\"]\n";
  Person q;
  q.name = "q";
  q.groups = {"cn=g,dc=x"};
  EXPECT_EQ(policy(reversed).decide(q, UserRequest{}, now)->role, "zebra");
}

TEST(Policy, ARequestNarrowsAndNeverWidens) {
  auto p = person("alice", {"operators"});
  p.attributes["departmentnumber"] = {"7", "9"};
  UserRequest request;
  request.role = "operator";
  request.reason = "incident 7";
  auto all = policy().decide(p, request, now);
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(all->fields.principals, (std::vector<std::string>{"alice", "operator", "team-7", "team-9"}));
  EXPECT_EQ(names_of(all->fields.critical_options),
            (std::vector<std::string>{"force-command=/usr/bin/true", "source-address=10.0.0.0/8,192.0.2.7/32"}));
  EXPECT_EQ(all->issuer, "user-ca-2");
  request.principals = {"team-9", "operator", "team-9"};
  request.lifetime = Seconds(60);
  auto few = policy().decide(p, request, now);
  ASSERT_TRUE(few) << few.error().text;
  EXPECT_EQ(few->fields.principals, (std::vector<std::string>{"team-9", "operator"}));
  EXPECT_EQ(few->fields.valid_before, now_seconds + 60);
  EXPECT_EQ(few->fields.critical_options, all->fields.critical_options);
  for (const auto* name : {"root", "bob", "alice,operator", "ALICE", "team-8", ""}) {
    request.principals = {name};
    EXPECT_EQ(fault(policy().decide(p, request, now)), "principal") << name;
  }
}

TEST(Policy, ALifetimeEndsAtTheRolesMaximum) {
  const auto p = person("alice", {"ssh-users"});
  UserRequest request;
  request.lifetime = Seconds(4 * 3600);
  EXPECT_EQ(policy().decide(p, request, now)->fields.valid_before, now_seconds + 4 * 3600);
  for (const std::int64_t seconds : {4 * 3600 + 1, 0, -1}) {
    request.lifetime = Seconds(seconds);
    EXPECT_EQ(fault(policy().decide(p, request, now)), "lifetime") << seconds;
  }
}

TEST(Policy, ARoleMayAskForAReasonAndKeyTypes) {
  const auto p = person("alice", {"operators"});
  UserRequest request;
  request.role = "operator";
  EXPECT_EQ(fault(policy().decide(p, request, now)), "reason_missing");
  request.reason = "x";
  EXPECT_EQ(fault(policy().decide(p, request, now)), "granted");
  request.key_type = keys::KeyType::rsa;
  EXPECT_EQ(fault(policy().decide(p, request, now)), "key_type");
}

struct ProofCase {
  std::string name;
  Proof proof;
  bool service;
  std::string role, want;
};
class PolicyProof : public testing::TestWithParam<ProofCase> {};
TEST_P(PolicyProof, Suffices) {
  auto p = person("x", {"ssh-users", "admins", "services"});
  p.is_service = GetParam().service;
  UserRequest request;
  request.role = GetParam().role;
  request.proof = GetParam().proof;
  if (request.proof == Proof::renewal) request.renewed = Session{"s", now - Seconds(60), now + Seconds(600), request.role};
  EXPECT_EQ(fault(policy().decide(p, request, now)), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Each, PolicyProof,
                         testing::Values(ProofCase{"PersonByPassword", Proof::password, false, "user", "granted"},
                                         ProofCase{"PersonByKerberos", Proof::kerberos, false, "user", "granted"},
                                         ProofCase{"PersonByRenewal", Proof::renewal, false, "user", "granted"},
                                         ProofCase{"PersonByEnrolledKey", Proof::enrolled_key, false, "user", "proof_not_enough"},
                                         ProofCase{"ServiceByEnrolledKey", Proof::enrolled_key, true, "service", "granted"},
                                         ProofCase{"ServiceByPassword", Proof::password, true, "service", "granted"},
                                         ProofCase{"ServiceByRenewal", Proof::renewal, true, "service", "proof_not_enough"},
                                         ProofCase{"ListedOnly", Proof::renewal, false, "admin", "proof_not_enough"},
                                         ProofCase{"ListedPassword", Proof::password, false, "admin", "granted"}),
                         [](const auto& example) { return example.param.name; });

TEST(Policy, AnEnrolledKeyIsNeverAPersonsEvenWhereTheRoleListsIt) {
  const auto p = policy(
      "[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"{uid}\"]\nauthenticators=[\"enrolled-key\"]\n"
      "[host_role.h]\ngroups=[\"cn=g,dc=x\"]\nnames=[\"a\"]\nauthenticators=[\"enrolled-key\"]\n");
  Person someone;
  someone.name = "x";
  someone.groups = {"cn=g,dc=x"};
  UserRequest user;
  user.proof = Proof::enrolled_key;
  HostRequest host;
  host.names = {"a"};
  host.proof = Proof::enrolled_key;
  EXPECT_EQ(fault(p.decide(someone, user, now)), "proof_not_enough");
  EXPECT_EQ(fault(p.decide(someone, host, now)), "proof_not_enough");
  someone.is_service = true;
  EXPECT_EQ(fault(p.decide(someone, user, now)), "granted");
  EXPECT_EQ(fault(p.decide(someone, host, now)), "granted");
}

TEST(PolicyRenewal, DoesNotWidenWhatTheRequestNarrowed) {
  const auto p = person("alice", {"ssh-users", "admins"});
  UserRequest request;
  request.proof = Proof::renewal;
  request.renewed = Session{"s", now - Seconds(60), now + Seconds(36000), "user", {"alice"}, Seconds(300)};
  const auto decision = policy().decide(p, request, now);
  ASSERT_TRUE(decision) << decision.error().text;
  EXPECT_EQ(decision->fields.principals, std::vector<std::string>{"alice"});
  EXPECT_EQ(lifetime_of(decision->fields), Seconds(300));
  request.lifetime = Seconds(600);
  EXPECT_EQ(lifetime_of(policy().decide(p, request, now)->fields), Seconds(300));
  request.renewed->principals = {"nobody-of-the-role"};
  EXPECT_EQ(fault(policy().decide(p, request, now)), "principal");
}

TEST(PolicyRenewal, KeepsTheSessionAndEndsWithIt) {
  const auto p = person("alice", {"ssh-users", "admins"});
  UserRequest request;
  request.proof = Proof::renewal;
  request.renewed = Session{"s", now - Seconds(11 * 3600), now + Seconds(1800), "user"};
  const auto decision = policy().decide(p, request, now);
  ASSERT_TRUE(decision) << decision.error().text;
  EXPECT_EQ(decision->session_start, request.renewed->start);
  EXPECT_EQ(decision->session_end, request.renewed->end);
  EXPECT_EQ(decision->fields.valid_before, now_seconds + 1800);  // not beyond the session
  request.renewed->end = now;
  EXPECT_EQ(fault(policy().decide(p, request, now)), "session_ended");
  // A policy with a shorter session than when it began.
  request.renewed = Session{"s", now - Seconds(12 * 3600), now + Seconds(3600), "user"};
  EXPECT_EQ(fault(policy().decide(p, request, now)), "session_ended");
  request.renewed = Session{"s", now - Seconds(60), now + Seconds(3600), "user"};
  request.role = "admin";
  EXPECT_EQ(fault(policy().decide(p, request, now)), "role_not_his");
  request.role.clear();
  EXPECT_EQ(fault(policy().decide(person("alice", {"admins"}), request, now)), "role_not_his");  // left the group meanwhile
  request.renewed.reset();
  EXPECT_EQ(fault(policy().decide(p, request, now)), "session_ended");
}

TEST(PolicyPrincipal, OfADirectoryIsJudgedLikeAnyOther) {
  const std::string text = "[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"{employeeType}\"]\n";
  Person p;
  p.name = "x";
  p.groups = {"cn=g,dc=x"};
  EXPECT_EQ(policy(text).attributes_wanted(), std::vector<std::string>{"employeetype"});
  EXPECT_EQ(fault(policy(text).decide(p, UserRequest{}, now)), "principal");  // no value, no principal
  for (const std::string& value :
       {std::string("a,root"), std::string("a b"), std::string("a\nb"), std::string("root"), std::string("Root"), std::string("ROOT"),
        std::string("*"), std::string("-x"), std::string("#x"), std::string("a\"b"), std::string("a/b"), std::string("a\0b", 3),
        std::string("\xd0\xb0"), std::string(), std::string(129, 'a')}) {
    p.attributes["employeetype"] = {"fine", value};
    EXPECT_EQ(fault(policy(text).decide(p, UserRequest{}, now)), "principal") << value;
  }
  p.attributes["employeetype"] = {"fine", "fine"};
  EXPECT_EQ(policy(text).decide(p, UserRequest{}, now)->fields.principals, std::vector<std::string>{"fine"});
}

TEST(PolicyPrincipal, RootNeedsToBeListed) {
  EXPECT_EQ(policy().decide(person("alice", {"admins"}), UserRequest{}, now)->fields.principals, std::vector<std::string>{"root"});
  // A person of that name in the directory is not enough.
  EXPECT_EQ(fault(policy().decide(person("root", {"ssh-users"}), UserRequest{}, now)), "principal");
}

TEST(PolicyHost, CoversTheNamesOfItsPatterns) {
  const auto p = person("hostadmin", {"host-admins"});
  HostRequest request;
  request.names = {"a.web.example.test", "gateway", "192.0.2.17", "fe80::1", "gateway"};
  const auto decision = policy().decide(p, request, now);
  ASSERT_TRUE(decision) << decision.error().text;
  EXPECT_EQ(decision->fields.type, keys::CertificateType::host);
  EXPECT_EQ(decision->fields.principals, (std::vector<std::string>{"a.web.example.test", "gateway", "192.0.2.17", "fe80::1"}));
  EXPECT_EQ(decision->fields.valid_before, now_seconds + 30 * 86400);
  EXPECT_TRUE(decision->fields.extensions.empty());
  for (const auto* name : {"web.example.test", "a.b.web.example.test", "evil.example.test", "gateway2", "GATEWAY", "*",
                           "*.web.example.test", "", "a,gateway", "a.web.example.test.", ".web.example.test", "-a.web.example.test"}) {
    request.names = {"gateway", name};
    EXPECT_EQ(fault(policy().decide(p, request, now)), "host_name") << name;
  }
  request.names.clear();
  EXPECT_EQ(fault(policy().decide(p, request, now)), "host_name");
  request.names = {"gateway"};
  request.lifetime = Seconds(31 * 86400);
  EXPECT_EQ(fault(policy().decide(p, request, now)), "lifetime");
  request.lifetime.reset();
  request.proof = Proof::renewal;
  EXPECT_EQ(fault(policy().decide(p, request, now)), "proof_not_enough");
  request.proof = Proof::password;
  EXPECT_EQ(fault(policy().decide(person("alice", {"ssh-users"}), request, now)), "no_role");
  request.role = "other";
  EXPECT_EQ(fault(policy().decide(p, request, now)), "role_not_his");
}

TEST(Policy, AdministratorsAreOfTheAdminGroups) {
  EXPECT_TRUE(policy().is_admin(person("x", {"ca-admins"})));
  EXPECT_FALSE(policy().is_admin(person("x", {"ssh-users"})));
  EXPECT_FALSE(policy("[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"x\"]\n").is_admin(person("x", {"ca-admins"})));
}

TEST(Policy, AnExtensionListThatIsAbsentMeansAPtyAndAnEmptyOneNothing) {
  Person p;
  p.name = "x";
  p.groups = {"cn=g,dc=x"};
  const std::string text = "[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"x\"]\n";
  EXPECT_EQ(policy(text).decide(p, UserRequest{}, now)->fields.extensions.front().name, "permit-pty");
  EXPECT_EQ(policy(text + "extensions=[]\n").decide(p, UserRequest{}, now)->fields.extensions.size(), 1u);  // session-end@gatehouse
}

struct Mistake {
  std::string name, text, where, says;
};
class PolicyMistake : public testing::TestWithParam<Mistake> {};
TEST_P(PolicyMistake, IsNamedWithItsLine) {
  const auto parsed = Policy::parse(GetParam().text, "policy.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().where, GetParam().where) << parsed.error().line();
  EXPECT_NE(parsed.error().line().find(GetParam().says), std::string::npos) << parsed.error().line();
}
const std::string head = "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"{uid}\"]\n";
INSTANTIATE_TEST_SUITE_P(
    Each, PolicyMistake,
    testing::Values(
        Mistake{"NoToml", "[role.r]\ngroups = [\n= 3", "policy.toml line 3", ""},
        Mistake{"TwiceDefined", head + "[role.r]\n", "policy.toml line 4", "redefine"},
        Mistake{"UnknownTable", "[roles.r]\n", "policy.toml line 1", "roles"},
        Mistake{"UnknownKey", head + "lifetme = \"1h\"\n", "policy.toml line 4", "lifetme"},
        Mistake{"UnknownHostKey", "[host_role.h]\ngroups=[\"cn=g,dc=x\"]\nnames=[\"a\"]\nsession=\"1h\"\n", "policy.toml line 4",
                "session"},
        Mistake{"UnknownAdminKey", head + "[admin]\ngroups=[\"cn=g,dc=x\"]\nusers=[\"x\"]\n", "policy.toml line 6", "users"},
        Mistake{"Empty", "", "policy.toml", "no role"}, Mistake{"RoleNoTable", "[role]\nr = 3\n", "policy.toml line 2", "no table"},
        Mistake{"NoGroups", "[role.r]\nprincipals = [\"x\"]\n", "policy.toml line 1", "no group"},
        Mistake{"EmptyGroups", "[role.r]\ngroups = []\nprincipals = [\"x\"]\n", "policy.toml line 2", "no group"},
        Mistake{"GroupByCn", "[role.r]\ngroups = [\"ops\"]\nprincipals = [\"x\"]\n", "policy.toml line 2", "is no DN"},
        Mistake{"GroupTwice", "[role.r]\ngroups = [\"cn=g,dc=x\", \"cn=g,dc=x\"]\nprincipals = [\"x\"]\n", "policy.toml line 2", "twice"},
        Mistake{"NoPrincipals", "[role.r]\ngroups = [\"cn=g,dc=x\"]\n", "policy.toml line 1", "no principal"},
        Mistake{"EmptyPrincipals", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = []\n", "policy.toml line 3", "no principal"},
        Mistake{"Root", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"x\",\n\"root\"]\n", "policy.toml line 4", "allow_principals"},
        Mistake{"CommaPrincipal", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"a,b\"]\n", "policy.toml line 3", "no principal"},
        Mistake{"OpenBrace", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"{uid\"]\n", "policy.toml line 3", "braces"},
        Mistake{"TwoPlaces", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"{uid}-{cn}\"]\n", "policy.toml line 3", "braces"},
        Mistake{"EmptyPlace", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [\"{}\"]\n", "policy.toml line 3", "attribute"},
        Mistake{"PrincipalNumber", "[role.r]\ngroups = [\"cn=g,dc=x\"]\nprincipals = [3]\n", "policy.toml line 3", "not a text"},
        Mistake{"LifetimeNumber", head + "lifetime = 3600\n", "policy.toml line 4", "not a text"},
        Mistake{"LifetimeWord", head + "lifetime = \"soon\"\n", "policy.toml line 4", "is no time"},
        Mistake{"LifetimeNone", head + "lifetime = \"0s\"\n", "policy.toml line 4", "is no time"},
        Mistake{"LifetimeYears", head + "lifetime = \"400d\"\n", "policy.toml line 4", "is no time"},
        Mistake{"MaximumShorter", head + "lifetime = \"2h\"\nmax_lifetime = \"1h\"\n", "policy.toml line 5", "shorter"},
        Mistake{"UnknownExtension", head + "extensions = [\"permit-ptty\"]\n", "policy.toml line 4", "no extension"},
        Mistake{"OurExtension", head + "extensions = [\"session-end@gatehouse\"]\n", "policy.toml line 4", "no extension"},
        Mistake{"UnknownOption", head + "critical_options = { \"verify\" = \"1\" }\n", "policy.toml line 4", "verify"},
        Mistake{"BadAddress", head + "critical_options = { \"source-address\" = \"10.0.0.1/8\" }\n", "policy.toml line 4",
                "source-address"},
        Mistake{"EmptyAddress", head + "critical_options = { \"source-address\" = [] }\n", "policy.toml line 4", "source-address"},
        Mistake{"EmptyCommand", head + "critical_options = { \"force-command\" = \"\" }\n", "policy.toml line 4", "empty"},
        Mistake{"KeyType", head + "key_types = [\"dsa\"]\n", "policy.toml line 4", "no key type"},
        Mistake{"NoKeyType", head + "key_types = []\n", "policy.toml line 4", "no key in"},
        Mistake{"Authenticator", head + "authenticators = [\"none\"]\n", "policy.toml line 4", "no authenticator"},
        Mistake{"NoAuthenticator", head + "authenticators = []\n", "policy.toml line 4", "nobody"},
        Mistake{"Reason", head + "reason = \"maybe\"\n", "policy.toml line 4", "required"},
        Mistake{"HostUpperCase", "[host_role.h]\ngroups=[\"cn=g,dc=x\"]\nnames=[\"A\"]\n", "policy.toml line 3", "lower case"},
        Mistake{"HostNoNames", "[host_role.h]\ngroups=[\"cn=g,dc=x\"]\n", "policy.toml line 1", "no host name"},
        Mistake{"RoleName", "[role.\"a b\"]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"x\"]\n", "policy.toml line 1", "name for a role"}),
    [](const auto& example) { return example.param.name; });

TEST(Policy, HashIsOfTheFilesOctets) {
  // printf '[role.r]\ngroups=["cn=g,dc=x"]\nprincipals=["x"]\n' | sha256sum
  EXPECT_EQ(policy("[role.r]\ngroups=[\"cn=g,dc=x\"]\nprincipals=[\"x\"]\n").hash(),
            "8b7285e610317cd546e62018578d78d8e0541c6b9ebd0153f47a2f0d80562c7c");
}

}  // namespace
}  // namespace gatehouse::ca
