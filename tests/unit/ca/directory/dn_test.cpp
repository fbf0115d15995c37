#include "ca/directory/dn.h"

#include <gtest/gtest.h>

namespace gatehouse::ca {
namespace {

std::string normal(std::string_view dn) {
  const auto result = normalised_dn(dn);
  return result ? *result : "refused: " + result.error().what;
}

TEST(Rfc4514DistinguishedName, IsOneTextForAllSpellings) {
  const std::string want = "cn=ops,ou=groups,dc=example,dc=com";
  for (const auto* dn :
       {"cn=ops,ou=groups,dc=example,dc=com", "CN=Ops, OU=Groups, DC=Example, DC=COM",
        "commonName=ops,organizationalUnitName=groups,domainComponent=example,dc=com", "2.5.4.3=ops,2.5.4.11=groups,dc=example,dc=com",
        "cn=\\6fps,ou=groups,dc=example,dc=com", "cn=  ops ,ou=groups,dc=example,dc=com"}) {
    EXPECT_EQ(normal(dn), want) << dn;
  }
}

TEST(Rfc4514DistinguishedName, KeepsApartWhatDiffers) {
  EXPECT_NE(normal("cn=ops,ou=groups,dc=example,dc=com"), normal("cn=ops,ou=other,dc=example,dc=com"));
  EXPECT_NE(normal("cn=o ps,dc=x"), normal("cn=ops,dc=x"));
  EXPECT_NE(normal("cn=ops,dc=x"), normal("sn=ops,dc=x"));
  // A comma inside a value is no border.
  EXPECT_NE(normal("cn=ops\\,ou=groups,dc=x"), normal("cn=ops,ou=groups,dc=x"));
  // An attribute whose matching rule is not known keeps its case.
  EXPECT_NE(normal("automountKey=A,dc=x"), normal("automountKey=a,dc=x"));
}

TEST(Rfc4514DistinguishedName, SortsTheValuesOfAnRdn) { EXPECT_EQ(normal("cn=Kurt+sn=Z,dc=x"), normal("SN=z+CN=kurt,DC=x")); }

TEST(Rfc4514DistinguishedName, WritesEscapesInOneWay) {
  EXPECT_EQ(normal("cn=Smith\\, John,dc=x"), normal("cn=Smith\\2c John,dc=x"));
  EXPECT_EQ(normal("cn=Smith\\, John,dc=x"), "cn=smith\\2c john,dc=x");
  EXPECT_EQ(normal("cn=a(b)*\\5c,dc=x"), "cn=a(b)*\\5c,dc=x");
  EXPECT_EQ(normal("cn=Lu\xc4\x8di\xc4\x87,dc=x"), "cn=lu\\c4\\8di\\c4\\87,dc=x");  // the example of RFC 4514 section 4
  EXPECT_EQ(normal("cn=a\\00b,dc=x"), "cn=a\\00b,dc=x");
}

TEST(Rfc4514DistinguishedName, OfItsOwnNormalFormIsTheSame) {
  for (const auto* dn :
       {"cn=Smith\\, John,dc=x", "1.3.6.1.4.1.1466.0=#04024869,dc=x", "cn=a\\00b\\2b,dc=x", "UID=jsmith,DC=example,DC=net"}) {
    EXPECT_EQ(normal(normal(dn)), normal(dn)) << dn;
  }
}

TEST(Rfc4514DistinguishedName, RefusesWhatIsNone) {
  for (const auto* dn : {"", "ops", "cn=ops,,dc=x", "cn=ops,dc", "=ops", "cn=ops;dc=x", "cn=#", "cn=a+sn=#", "cn=\\", "cn=a\\zz"}) {
    EXPECT_FALSE(normalised_dn(dn)) << dn;
  }
  EXPECT_FALSE(normalised_dn("cn=" + std::string(max_dn, 'a')));
}

TEST(DnIsWithin, HoldsForTheBaseAndBelowOnly) {
  const auto base = normal("ou=services,dc=example,dc=com");
  EXPECT_TRUE(dn_is_within(base, base));
  EXPECT_TRUE(dn_is_within(normal("uid=backup,ou=services,dc=example,dc=com"), base));
  EXPECT_FALSE(dn_is_within(normal("uid=backup,ou=xservices,dc=example,dc=com"), base));
  EXPECT_FALSE(dn_is_within(normal("xou=services,dc=example,dc=com"), base));
  EXPECT_FALSE(dn_is_within(normal("uid=a\\,ou=services,dc=example,dc=com"), base));
  EXPECT_FALSE(dn_is_within(normal("dc=com"), base));
  EXPECT_FALSE(dn_is_within(normal("dc=com"), ""));
}

TEST(Rfc4515FilterValue, EscapesTheExamplesOfTheRfc) {
  EXPECT_EQ(filter_escaped("Parens R Us (for all your parenthetical needs)"), "Parens R Us \\28for all your parenthetical needs\\29");
  EXPECT_EQ(filter_escaped("C:\\MyFile"), "C:\\5cMyFile");
  EXPECT_EQ(filter_escaped("*"), "\\2a");
  EXPECT_EQ(filter_escaped(std::string_view("\0\0\0\x04", 4)), "\\00\\00\\00\\04");
  EXPECT_EQ(filter_escaped("Lu\xc4\x8di\xc4\x87"), "Lu\\c4\\8di\\c4\\87");
}

TEST(UserName, LetsPlainNamesThrough) {
  for (const auto& name : std::vector<std::string>{"alice", "svc-backup", "j.smith", "_apt", "HOST1$", "0day", std::string(64, 'a')}) {
    EXPECT_TRUE(is_acceptable_user_name(name)) << name;
  }
}

TEST(UserName, StopsWhatCouldMeanMoreThanAName) {
  for (const std::string& name :
       {std::string(),         std::string("*"),          std::string("a)(uid=*"),     std::string("admin)(|(x=*"),
        std::string("\\2a"),   std::string("alice,ou=x"), std::string("alice "),       std::string(" alice"),
        std::string("-alice"), std::string(".alice"),     std::string("\xd0\xb0lice"), std::string("a\0b", 3),
        std::string("a#b"),    std::string("a\"b"),       std::string("a\nb"),         std::string("a@b"),
        std::string("a$b"),    std::string("$"),          std::string(65, 'a'),        std::string(64 * 1024, 'a')}) {
    EXPECT_FALSE(is_acceptable_user_name(name)) << name.substr(0, 70);
  }
}

}  // namespace
}  // namespace gatehouse::ca
