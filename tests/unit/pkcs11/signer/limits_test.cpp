#include "pkcs11/signer/limits.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gatehouse::pkcs11 {
namespace {

constexpr const char* uri = "pkcs11:token=ca;object=user-ca";

Uri parsed(const char* text) { return *Uri::parse(text, UriNames::key); }

std::string table(const std::string& lines) { return std::string("[[key]]\nuri = \"") + uri + "\"\n" + lines; }

TEST(LimitsFile, ReadsATable) {
  const auto limits = Limits::parse(table(R"(signs = ["user", "krl"]
max_lifetime = "24h"
max_back_dating = 60
max_forward_dating = "1m"
allowed_principals = ["a*", "b"]
forbidden_principals = ["adm?n"]
per_minute = 30
burst = 3)"),
                                    "f");
  ASSERT_TRUE(limits) << limits.error().line();
  const KeyLimits* key = limits->find(parsed("pkcs11:object=user-ca;token=ca?module-path=/m.so"));  // the order does not matter
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->signs, (std::set<Signable>{Signable::user, Signable::krl}));
  EXPECT_EQ(key->max_lifetime, 86400U);
  EXPECT_EQ(key->max_back_dating, 60U);
  EXPECT_EQ(key->max_forward_dating, 60U);
  EXPECT_EQ(key->allowed_principals, (std::vector<std::string>{"a*", "b"}));
  EXPECT_EQ(key->forbidden_principals, (std::vector<std::string>{"adm?n"}));
  EXPECT_EQ(key->per_minute, 30U);
  EXPECT_EQ(key->burst, 3U);
  EXPECT_EQ(limits->find(parsed("pkcs11:token=ca;object=host-ca")), nullptr);
  EXPECT_EQ(limits->find(parsed("pkcs11:token=other;object=user-ca")), nullptr);
}

TEST(LimitsFile, NeedsNoLifetimeWithoutCertificates) {
  EXPECT_TRUE(Limits::parse(table("signs = [\"trust\"]"), "f"));
  EXPECT_FALSE(Limits::parse(table("signs = [\"host\"]"), "f"));
}

TEST(LimitsFile, IsReadAsTheExampleWritesIt) {
  std::ifstream example(std::string(GATEHOUSE_VECTORS) + "/../../etc/signer-limits.toml");
  const std::string text{std::istreambuf_iterator<char>(example), {}};
  const auto limits = Limits::parse(text, "etc/signer-limits.toml");
  ASSERT_TRUE(limits) << limits.error().line();
  const KeyLimits* key = limits->find(parsed("pkcs11:token=gatehouse-ca;object=user-ca"));
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->forbidden_principals, std::vector<std::string>{"root"});
}

struct Wrong {
  const char* name;
  std::string text;
  const char* words;
};
class WrongLimits : public testing::TestWithParam<Wrong> {};
TEST_P(WrongLimits, IsNamedWithItsLine) {
  const auto limits = Limits::parse(GetParam().text, "limits.toml");
  ASSERT_FALSE(limits);
  EXPECT_NE(limits.error().line().find(GetParam().words), std::string::npos) << limits.error().line();
  EXPECT_NE(limits.error().line().find("limits.toml"), std::string::npos) << limits.error().line();
}
INSTANTIATE_TEST_SUITE_P(
    Cases, WrongLimits,
    testing::Values(Wrong{"Empty", "", "allows no key anything"}, Wrong{"NoToml", "[[key]\n", "line 1"},
                    Wrong{"UnknownTable", "[keys]\n", "keys"}, Wrong{"UnknownName", table("signs=[\"krl\"]\nmax_age = 1"), "line 4"},
                    Wrong{"UnknownKind", table("signs = [\"users\"]"), "users"}, Wrong{"NoSigns", table(""), "signs is missing"},
                    Wrong{"EmptySigns", table("signs = []"), "signs is missing"},
                    Wrong{"NoUri", "[[key]]\nsigns = [\"krl\"]", "uri is missing"},
                    Wrong{"BadUri", "[[key]]\nuri = \"pkcs11:object=x\"\nsigns = [\"krl\"]", "no token"},
                    Wrong{"Negative", table("signs=[\"user\"]\nmax_lifetime = -1"), "line 4"},
                    Wrong{"BadDuration", table("signs=[\"user\"]\nmax_lifetime = \"1x\""), "no duration"},
                    Wrong{"FloatDuration", table("signs=[\"user\"]\nmax_lifetime = 1.5"), "no duration"},
                    Wrong{"RateZero", table("signs=[\"krl\"]\nper_minute = 0"), "per_minute"},
                    Wrong{"PrincipalNumber", table("signs=[\"user\"]\nmax_lifetime=1\nallowed_principals = [1]"), "allowed_principals"},
                    Wrong{"Twice", table("signs=[\"krl\"]\n") + table("signs=[\"user\"]\nmax_lifetime=1"), "a table already"}),
    [](const auto& wrong) { return std::string(wrong.param.name); });

class LimitsOnDisk : public testing::Test {
 protected:
  LimitsOnDisk() {
    std::string name = "/tmp/gatehouse-limits-XXXXXX";
    folder = ::mkdtemp(name.data());
    path = folder + "/limits.toml";
    std::ofstream(path) << table("signs = [\"krl\"]");
    ::chmod(path.c_str(), 0644);
  }
  ~LimitsOnDisk() override { std::filesystem::remove_all(folder); }
  std::string folder, path;
};

TEST_F(LimitsOnDisk, AreReadWhenNobodyElseCanWriteThem) { EXPECT_TRUE(Limits::load(path)); }
TEST_F(LimitsOnDisk, AreRefusedWhenTheGroupCanWriteThem) {
  ::chmod(path.c_str(), 0664);
  const auto limits = Limits::load(path);
  ASSERT_FALSE(limits);
  EXPECT_NE(limits.error().line().find("chmod go-w"), std::string::npos);
}
TEST_F(LimitsOnDisk, AreRefusedWhenTheyAreAnothers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(Limits::load(path));
}
TEST_F(LimitsOnDisk, AreRefusedWhenTheyAreALink) {
  std::filesystem::create_symlink(path, folder + "/link");
  EXPECT_FALSE(Limits::load(folder + "/link"));
}

// Judging --------------------------------------------------------------------------------------------------------------------------------

constexpr std::uint64_t now = 1'700'000'000;

keys::CertificateFields good() {
  keys::CertificateFields fields;
  fields.type = keys::CertificateType::user;
  fields.serial = 42;
  fields.key_id = "id";
  fields.principals = {"alice"};
  fields.valid_after = now - 60;
  fields.valid_before = now + 3600;
  return fields;
}

KeyLimits user_limits() {
  KeyLimits limits;
  limits.signs = {Signable::user};
  limits.max_lifetime = 24 * 3600;
  return limits;
}

TEST(CertificateLimits, LetAnOrdinaryCertificatePass) { EXPECT_EQ(forbidden(user_limits(), good(), now), ""); }

TEST(CertificateLimits, LetTheLongestLifetimePassWithItsBackDating) {
  auto fields = good();
  fields.valid_after = now - 300;
  fields.valid_before = now + 24 * 3600;
  EXPECT_EQ(forbidden(user_limits(), fields, now), "");
  ++fields.valid_before;
  EXPECT_NE(forbidden(user_limits(), fields, now), "");
}

struct Bad {
  const char* name;
  void (*change)(keys::CertificateFields&);
};
class ForbiddenCertificate : public testing::TestWithParam<Bad> {};
TEST_P(ForbiddenCertificate, IsRefused) {
  auto fields = good();
  GetParam().change(fields);
  EXPECT_NE(forbidden(user_limits(), fields, now), "");
}
using Fields = keys::CertificateFields;
INSTANTIATE_TEST_SUITE_P(Cases, ForbiddenCertificate,
                         testing::Values(Bad{"HostByAUserKey", [](Fields& f) { f.type = keys::CertificateType::host; }},
                                         Bad{"SerialZero", [](Fields& f) { f.serial = 0; }},
                                         Bad{"Forever", [](Fields& f) { f.valid_before = keys::forever; }},
                                         Bad{"TooLong", [](Fields& f) { f.valid_before = now + 2 * 24 * 3600; }},
                                         Bad{"EndsBeforeItBegins", [](Fields& f) { f.valid_before = f.valid_after; }},
                                         Bad{"WrapsAround",
                                             [](Fields& f) {
                                               f.valid_after = keys::forever;
                                               f.valid_before = 10;
                                             }},
                                         Bad{"FromTheBeginningOfTime",
                                             [](Fields& f) {
                                               f.valid_after = 0;
                                               f.valid_before = 3600;
                                             }},
                                         Bad{"BackDated", [](Fields& f) { f.valid_after = now - 301; }},
                                         Bad{"ForTomorrow",
                                             [](Fields& f) {
                                               f.valid_after = now + 24 * 3600;
                                               f.valid_before = now + 25 * 3600;
                                             }},
                                         Bad{"NoPrincipal", [](Fields& f) { f.principals.clear(); }},
                                         Bad{"EmptyPrincipal",
                                             [](Fields& f) {
                                               f.principals = {"alice", ""};
                                             }},
                                         Bad{"Root",
                                             [](Fields& f) {
                                               f.principals = {"alice", "root"};
                                             }},
                                         Bad{"Comma", [](Fields& f) { f.principals = {"alice,root"}; }},
                                         Bad{"Blank", [](Fields& f) { f.principals = {"alice bob"}; }},
                                         Bad{"NewLine", [](Fields& f) { f.principals = {"alice\nroot"}; }},
                                         Bad{"Pattern", [](Fields& f) { f.principals = {"*"}; }},
                                         Bad{"Question", [](Fields& f) { f.principals = {"roo?"}; }},
                                         Bad{"Negation", [](Fields& f) { f.principals = {"!root"}; }}),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(CertificateLimits, LetRootPassWhereItIsNamed) {
  const auto limits = Limits::parse(table("signs=[\"user\"]\nmax_lifetime = \"1h\"\nallowed_principals = [\"root\", \"a*\"]"), "f");
  ASSERT_TRUE(limits);
  const KeyLimits& key = *limits->find(parsed(uri));
  auto fields = good();
  fields.principals = {"root", "alice"};
  EXPECT_EQ(forbidden(key, fields, now), "");
  fields.principals = {"bob"};
  EXPECT_NE(forbidden(key, fields, now), "");
}

TEST(CertificateLimits, KeepWhatIsForbiddenByNameForbidden) {
  const auto limits = Limits::parse(
      table("signs=[\"user\"]\nmax_lifetime = \"1h\"\nallowed_principals = [\"root\"]\nforbidden_principals = [\"root\"]"), "f");
  ASSERT_TRUE(limits);
  auto fields = good();
  fields.principals = {"root"};
  EXPECT_NE(forbidden(*limits->find(parsed(uri)), fields, now), "");
}

TEST(Rate, GivesABurstAndThenSoManyAMinute) {
  Rate rate(60, 3);
  const auto start = Rate::Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.take(start));
  EXPECT_FALSE(rate.take(start));
  EXPECT_FALSE(rate.take(start + std::chrono::milliseconds(900)));
  EXPECT_TRUE(rate.take(start + std::chrono::milliseconds(1100)));
  EXPECT_FALSE(rate.take(start + std::chrono::milliseconds(1200)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.take(start + std::chrono::hours(1)));
  EXPECT_FALSE(rate.take(start + std::chrono::hours(1)));
}

}  // namespace
}  // namespace gatehouse::pkcs11
