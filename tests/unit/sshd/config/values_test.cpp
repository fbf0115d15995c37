#include "sshd/config/values.h"

#include <gtest/gtest.h>

#include "sshd/config/patterns.h"
#include "sshd/config/token_uri.h"
#include "sshd/config/tokens.h"

namespace gatehouse::sshd {
namespace {

using Words = std::vector<std::string>;

TEST(Arguments, AreApartByWhiteSpaceAndKeepWhatQuotesHold) {
  EXPECT_EQ(*split_arguments("a  b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(*split_arguments("\"a b\" 'c d'e"), (Words{"a b", "c de"}));
  EXPECT_EQ(*split_arguments("a # b"), (Words{"a"}));
  EXPECT_EQ(*split_arguments("a#b"), (Words{"a#b"}));
  EXPECT_EQ(*split_arguments("\"# no comment\""), (Words{"# no comment"}));
  EXPECT_EQ(*split_arguments(R"(a\ b \"c \\d "e\"f" 'g\'h')"), (Words{"a b", "\"c", "\\d", "e\"f", "g'h"}));
  EXPECT_EQ(*split_arguments(R"(C:\path)"), (Words{"C:\\path"}));
  EXPECT_EQ(*split_arguments("\"\""), (Words{""}));
  EXPECT_EQ(*split_arguments("   "), (Words{}));
}

TEST(Arguments, RefuseAQuoteWithoutEnd) {
  EXPECT_FALSE(split_arguments("\"a b"));
  EXPECT_FALSE(split_arguments("'a"));
  EXPECT_FALSE(split_arguments("a \"b\\\""));
}

TEST(Arguments, AreReadBackAsTheyWereQuoted) {
  for (const std::string text : {"plain", "two words", "quote \" inside", "back\\slash", "#", "it's", ""}) {
    EXPECT_EQ(*split_arguments(quoted_argument(text)), (Words{text}));
  }
}

TEST(Keyword, EndsAtWhiteSpaceOrEquals) {
  for (const std::string_view line : {"Port 22", "Port=22", "Port = 22", " \tPort\t22 \r", "\"Port\" 22"}) {
    const auto split = split_keyword(line);
    ASSERT_TRUE(split && *split) << line;
    EXPECT_EQ((*split)->keyword, "Port") << line;
    EXPECT_EQ((*split)->rest, "22") << line;
  }
  EXPECT_FALSE(*split_keyword("  "));
  EXPECT_FALSE(*split_keyword(" # Port 22"));
  EXPECT_FALSE(split_keyword(std::string_view("Port\0 22", 8)));
}

TEST(Time, TakesTheFormatsOfTheManual) {
  EXPECT_EQ(parse_time("600")->count(), 600);
  EXPECT_EQ(parse_time("10m")->count(), 600);
  EXPECT_EQ(parse_time("1h30m")->count(), 5400);
  EXPECT_EQ(parse_time("1w2d3h4m5s")->count(), 788645);
  EXPECT_EQ(parse_time("1H")->count(), 3600);
  EXPECT_EQ(parse_time("0")->count(), 0);
}

TEST(Time, RefusesWhatIsNoneOrTooLong) {
  for (const std::string_view text :
       {"", "m", "1x", "-1", "1h-1m", "1 h", "1.5h", "99999999999999999999", "101000w", "5300w", "0x10", "1hh"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
  EXPECT_TRUE(parse_time("5200w"));
}

TEST(Size, TakesUnits) {
  EXPECT_EQ(*parse_size("1024"), 1024U);
  EXPECT_EQ(*parse_size("1K"), 1024U);
  EXPECT_EQ(*parse_size("2m"), 2U * 1024 * 1024);
  EXPECT_EQ(*parse_size("4G"), std::uint64_t{4} << 30);
  for (const std::string_view text : {"", "K", "1T", "1KB", "-1", "18446744073709551616", "9999999999G"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Number, IsDecimalAndInRange) {
  EXPECT_EQ(*parse_number("22", 1, 65535), 22U);
  for (const std::string_view text : {"", "0", "65536", "-1", "+1", "0x16", "22 ", "4294967318"})
    EXPECT_FALSE(parse_number(text, 1, 65535)) << text;
}

TEST(Algorithms, PlainListReplaces) {
  const Words known{"a", "b", "c"};
  EXPECT_EQ(*parse_algorithms("c,a", known, {"a", "b"}), (Words{"c", "a"}));
  EXPECT_EQ(*parse_algorithms("a,a", known, {}), (Words{"a"}));
}

TEST(Algorithms, SignsWorkOnTheDefaults) {
  const Words known{"a", "b", "c", "ab"};
  EXPECT_EQ(*parse_algorithms("+c", known, {"a", "b"}), (Words{"a", "b", "c"}));
  EXPECT_EQ(*parse_algorithms("+a", known, {"a", "b"}), (Words{"a", "b"}));
  EXPECT_EQ(*parse_algorithms("^b", known, {"a", "b"}), (Words{"b", "a"}));
  EXPECT_EQ(*parse_algorithms("-a*", known, {"a", "b", "ab"}), (Words{"b"}));
  EXPECT_EQ(*parse_algorithms("-unknown", known, {"a"}), (Words{"a"}));
  EXPECT_FALSE(parse_algorithms("-*", known, {"a", "b"}));
}

TEST(Algorithms, AnUnknownNameGetsTheNearestKnownOne) {
  const Words known{"aes128-ctr", "aes256-ctr"};
  const auto list = parse_algorithms("aes126-ctr,aes256-ctr", known, known);
  ASSERT_FALSE(list);
  EXPECT_NE(list.error().mend.find("did you mean aes128-ctr?"), std::string::npos);
  for (const std::string_view text : {"", ",", "aes128-ctr,", "+", "-", "^", "aes*", "+aes*"})
    EXPECT_FALSE(parse_algorithms(text, known, known)) << text;
}

TEST(Nearest, FindsSlipsAndNothingElse) {
  constexpr std::string_view words[] = {"PermitRootLogin", "PermitTTY", "Port"};
  EXPECT_EQ(nearest("PermitRotLogin", words), "PermitRootLogin");
  EXPECT_EQ(nearest("permitrootlogni", words), "PermitRootLogin");
  EXPECT_EQ(nearest("Prot", words), "Port");
  EXPECT_FALSE(nearest("Banana", words));
  EXPECT_FALSE(nearest(std::string(10000, 'a'), words));
}

TEST(Pattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(pattern_matches("*", ""));
  EXPECT_TRUE(pattern_matches("a*c", "abbbc"));
  EXPECT_TRUE(pattern_matches("a*b*c", "axbybc"));
  EXPECT_TRUE(pattern_matches("?", "x"));
  EXPECT_TRUE(pattern_matches("**a", "a"));
  EXPECT_FALSE(pattern_matches("?", ""));
  EXPECT_FALSE(pattern_matches("a", "A"));
  EXPECT_FALSE(pattern_matches("", "a"));
  EXPECT_FALSE(pattern_matches("a*c", "abd"));
}

TEST(Pattern, ManyStarsEndInTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(pattern_matches(pattern + "b", std::string(5000, 'a')));
}

TEST(PatternList, ANegatedMatchDecides) {
  EXPECT_EQ(pattern_list_matches("a*,!ab", "ac"), ListMatch::yes);
  EXPECT_EQ(pattern_list_matches("a*,!ab", "ab"), ListMatch::negated);
  EXPECT_EQ(pattern_list_matches("!ab", "x"), ListMatch::no);
}

TEST(AddressList, BlocksAddressesAndPatterns) {
  EXPECT_EQ(address_list_matches("192.0.2.0/24", "192.0.2.77"), ListMatch::yes);
  EXPECT_EQ(address_list_matches("192.0.2.0/24", "192.0.3.77"), ListMatch::no);
  EXPECT_EQ(address_list_matches("192.0.2.0/24,!192.0.2.1", "192.0.2.1"), ListMatch::negated);
  EXPECT_EQ(address_list_matches("192.0.2.0/24", "::ffff:192.0.2.1"), ListMatch::yes);
  EXPECT_EQ(address_list_matches("2001:db8::/32", "2001:db8::5"), ListMatch::yes);
  EXPECT_EQ(address_list_matches("::/0", "192.0.2.1"), ListMatch::no);
  EXPECT_EQ(address_list_matches("0.0.0.0/0", "192.0.2.1"), ListMatch::yes);
  EXPECT_EQ(address_list_matches("192.0.2.*", "192.0.2.9"), ListMatch::yes);
  EXPECT_EQ(address_list_matches("*", "no address"), ListMatch::no);
  EXPECT_EQ(address_list_matches("*", ""), ListMatch::no);
}

TEST(AddressList, IsCheckedBeforeItIsUsed) {
  EXPECT_TRUE(check_address_list("192.0.2.0/24,!2001:db8::/32,10.*"));
  for (const std::string_view list :
       {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "2001:db8::1/32", "", "192.0.2.0/24,", "host.example", "300.0.0.0/8"}) {
    EXPECT_FALSE(check_address_list(list)) << list;
  }
}

TEST(UserLists, FollowTheOrderOfTheManual) {
  Settings settings;
  EXPECT_EQ(refused_by_lists(settings, "alice", {"staff"}, "192.0.2.1", "192.0.2.1"), "");
  settings.deny_users = {"mal*"};
  settings.allow_users = {"alice", "bob@192.0.2.0/24", "eve@*.example,!bad.example"};
  EXPECT_EQ(refused_by_lists(settings, "mallory", {}, "192.0.2.1", "192.0.2.1"), "DenyUsers");
  EXPECT_EQ(refused_by_lists(settings, "alice", {}, "192.0.2.1", "192.0.2.1"), "");
  EXPECT_EQ(refused_by_lists(settings, "bob", {}, "192.0.2.1", "192.0.2.1"), "");
  EXPECT_EQ(refused_by_lists(settings, "bob", {}, "198.51.100.1", "198.51.100.1"), "AllowUsers");
  EXPECT_EQ(refused_by_lists(settings, "eve", {}, "good.example", "198.51.100.1"), "");
  EXPECT_EQ(refused_by_lists(settings, "eve", {}, "bad.example", "198.51.100.1"), "AllowUsers");
  settings.deny_groups = {"locked"};
  settings.allow_groups = {"staff"};
  EXPECT_EQ(refused_by_lists(settings, "alice", {"staff", "locked"}, "", "192.0.2.1"), "DenyGroups");
  EXPECT_EQ(refused_by_lists(settings, "alice", {"users"}, "", "192.0.2.1"), "AllowGroups");
  EXPECT_EQ(refused_by_lists(settings, "alice", {"users", "staff"}, "", "192.0.2.1"), "");
}

TEST(Rfc7512Uri, TakesKeysByLabelOrId) {
  EXPECT_TRUE(check_key_uri("pkcs11:token=Host%20Token;object=host-ed25519"));
  EXPECT_TRUE(check_key_uri("pkcs11:id=%01%02;type=private;serial=1234"));
  EXPECT_TRUE(check_key_uri("pkcs11:object=a;x-vendor=b"));
}

TEST(Rfc7512Uri, NamesWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"pkcs12:object=a", "no pkcs11: URI"},
      {"pkcs11:", "neither object nor id"},
      {"pkcs11:token=a", "neither object nor id"},
      {"pkcs11:object=a b", "does not belong into a URI"},
      {"pkcs11:object=%4", "hexadecimal"},
      {"pkcs11:object=%zz", "hexadecimal"},
      {"pkcs11:object=a;object=b", "twice"},
      {"pkcs11:object=", "empty"},
      {"pkcs11:objekt=a", "unknown attribute"},
      {"pkcs11:object", "not name=value"},
      {"pkcs11:object=a;", "not name=value"},
      {"pkcs11:object=a?pin-value=1234", "holds a PIN"},
      {"pkcs11:object=a?pin-source=/x", "PIN source"},
      {"pkcs11:object=a?module-path=/x.so", "names a module"},
      {"pkcs11:object=a?foo=1", "query attribute"},
      {"pkcs11:object=a;type=cert", "no key"},
  };
  for (const auto& [uri, what] : cases) {
    const auto sound = check_key_uri(uri);
    ASSERT_FALSE(sound) << uri;
    EXPECT_NE(sound.error().what.find(what), std::string::npos) << uri << ": " << sound.error().what;
    EXPECT_EQ(sound.error().line().find("1234"), std::string::npos) << "a PIN must not be repeated";
  }
}

}  // namespace
}  // namespace gatehouse::sshd
