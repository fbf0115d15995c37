// Servers that are silent, cut off, contradict themselves or send us elsewhere.
#include <gtest/gtest.h>

#include "ca/directory/directory.h"
#include "tests/unit/ca/directory/fake_server.h"

#if defined(__SANITIZE_ADDRESS__)
#define GATEHOUSE_LEAKS_ARE_FOUND
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GATEHOUSE_LEAKS_ARE_FOUND
#endif
#endif
#ifdef GATEHOUSE_LEAKS_ARE_FOUND
#include <sanitizer/lsan_interface.h>
#endif

namespace gatehouse::ca {
namespace {

using test::FakeServer;
using test::ldap_result;
using test::search_entry;

constexpr int bind_response = 0x61;
constexpr int search_done = 0x65;
constexpr int extended_response = 0x78;
constexpr int success = 0;

const std::string alice_dn = "uid=alice,dc=x";
std::string alice_entry() { return search_entry(alice_dn, {{"uid", "alice"}, {"entryUUID", "5cd2c2f6-0000-0000-0000-000000000000"}}); }
std::string identity(const std::string& who) { return ldap_result(extended_response, success, {}, test::ber(0x8b, who)); }

DirectorySettings settings(const std::vector<std::string>& urls) {
  DirectorySettings s;
  s.urls = urls;
  s.base = "dc=x";
  s.connect_timeout = s.bind_timeout = s.search_timeout = std::chrono::milliseconds(1000);
  s.total_timeout = std::chrono::milliseconds(5000);
  return s;
}

struct Asked {
  DirectoryResult<Person> answer;
  std::chrono::steady_clock::duration took;

  std::string stage() const {
    if (answer) return "person " + answer->name;
    if (const auto* away = std::get_if<DirectoryUnavailable>(&answer.error())) return std::string(stage_name(away->stage));
    if (const auto* credentials = std::get_if<CredentialsRefused>(&answer.error())) return std::string(fault_name(credentials->fault));
    return std::string(fault_name(std::get<AccountRefused>(answer.error()).fault));
  }
};

Asked log_in(const DirectorySettings& s, const std::string& password = "alice-password") {
  isolate_from_ldap_configuration();
  auto directory = Directory::open(s);
  EXPECT_TRUE(directory) << directory.error().line();
  const auto begin = std::chrono::steady_clock::now();
  auto answer = (*directory)->log_in("alice", SecretBytes::copy_of(as_bytes(password)));
  return {std::move(answer), std::chrono::steady_clock::now() - begin};
}

// A server that does everything right, but for what a test changes.
struct Behaviour {
  std::function<std::vector<std::string>(const std::string& request)> user_search = [](const std::string&) {
    return std::vector<std::string>{alice_entry(), ldap_result(search_done, success)};
  };
  std::function<std::vector<std::string>(const std::string& request)> group_search = [](const std::string&) {
    return std::vector<std::string>{ldap_result(search_done, success)};
  };
  std::function<std::vector<std::string>()> user_bind = [] { return std::vector<std::string>{ldap_result(bind_response, success)}; };
  std::function<std::vector<std::string>()> who_am_i = [] { return std::vector<std::string>{identity("dn:" + alice_dn)}; };
  bool hang_up_in_search = false;
};

FakeServer::Script script(const Behaviour& behaviour) {
  return [behaviour](int, int tag, const std::string& request, bool& hang_up) -> std::vector<std::string> {
    if (tag == test::bind_request) {
      if (request.find(alice_dn) != std::string::npos) return behaviour.user_bind();
      return {ldap_result(bind_response, success)};
    }
    if (tag == test::extended_request) return behaviour.who_am_i();
    if (tag == test::search_request) {
      if (request.find("posixGroup") != std::string::npos) return behaviour.group_search(request);
      hang_up = behaviour.hang_up_in_search;
      return behaviour.user_search(request);
    }
    return {};
  };
}

Asked log_in(const Behaviour& behaviour) {
  FakeServer server(script(behaviour));
  return log_in(settings({server.url()}));
}

TEST(HostileServer, OneThatDoesItRightIsBelieved) { EXPECT_EQ(log_in(Behaviour{}).stage(), "person alice"); }

TEST(HostileServer, SilenceEndsAtEachStage) {
  const auto silent = [](const std::function<bool(int, int)>& is_silent) {
    return FakeServer::Script([is_silent, honest = script(Behaviour{})](int number, int tag, const std::string& request, bool& hang_up) {
      return is_silent(number, tag) ? std::vector<std::string>{} : honest(number, tag, request, hang_up);
    });
  };
  struct Case {
    std::string stage;
    FakeServer::Script script;
    std::string scheme = "ldap";
    bool with_ca = false;
  };
  test::TemporaryFolder folder;
  const auto authority = test::make_identity(nullptr, "authority", "", -60, 3600);
  test::write_certificate(authority, folder.path("ca.pem"));
  const std::vector<Case> cases{
      {"tls", silent([](int, int) { return true; }), "ldaps"},       // TCP, then nothing
      {"tls", silent([](int, int) { return true; }), "ldap", true},  // StartTLS unanswered
      {"service bind", silent([](int, int tag) { return tag == test::bind_request; })},
      {"search", silent([](int, int tag) { return tag == test::search_request; })},
      {"who am I", silent([](int, int tag) { return tag == test::extended_request; })},
  };
  for (const auto& example : cases) {
    FakeServer server(example.script);
    auto s = settings({server.url(example.scheme)});
    if (example.with_ca) s.ca_file = folder.path("ca.pem");
    const auto asked = log_in(s);
    EXPECT_EQ(asked.stage(), example.stage) << describe(asked.answer.error());
    EXPECT_LT(asked.took, std::chrono::milliseconds(4500)) << example.stage;
  }
}

TEST(HostileServer, StartTlsThatIsRefusedOrStrippedSendsNothingMore) {
  test::TemporaryFolder folder;
  const auto authority = test::make_identity(nullptr, "authority", "", -60, 3600);
  test::write_certificate(authority, folder.path("ca.pem"));
  for (const int code : {2, 52, 1}) {  // protocolError: no such operation; unavailable; operationsError
    auto honest = script(Behaviour{});
    FakeServer server([&](int number, int tag, const std::string& request, bool& hang_up) {
      return tag == test::extended_request ? std::vector<std::string>{ldap_result(extended_response, code, "no TLS here")}
                                           : honest(number, tag, request, hang_up);
    });
    auto s = settings({server.url()});
    s.ca_file = folder.path("ca.pem");
    EXPECT_EQ(log_in(s).stage(), "tls");
    EXPECT_EQ(server.heard().find("alice"), std::string::npos);
  }
}

TEST(HostileServer, ABlackHoleFirstCostsItsTimeOnce) {
  // 192.0.2.0/24 is for documentation (RFC 5737): nobody answers there; where the network says so at once, that is the quicker way to fail.
  FakeServer second(script(Behaviour{}));
  auto s = settings({"ldaps://192.0.2.1", second.url()});
  isolate_from_ldap_configuration();
  auto directory = Directory::open(s);
  ASSERT_TRUE(directory) << directory.error().line();
  const auto timed = [&] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE((*directory)->look_up("alice"));
    return std::chrono::steady_clock::now() - begin;
  };
  EXPECT_LT(timed(), std::chrono::milliseconds(4000));
  for (int i = 0; i < 3; ++i) EXPECT_LT(timed(), std::chrono::milliseconds(900));
}

TEST(HostileServer, ABindThatSucceedsAndLeavesUsAnonymousIsNoLogIn) {
  for (const auto* who : {"", "dn:", "dn:uid=mallory,dc=x", "u:", "alice"}) {
    Behaviour b;
    b.who_am_i = [who] { return std::vector<std::string>{identity(who)}; };
    EXPECT_EQ(log_in(b).stage(), "not_authenticated") << who;
  }
  Behaviour none;
  none.who_am_i = [] { return std::vector<std::string>{ldap_result(extended_response, 2, "unsupported extended operation")}; };
  EXPECT_EQ(log_in(none).stage(), "who am I");
  Behaviour ad;
  ad.who_am_i = [] { return std::vector<std::string>{identity("u:EXAMPLE\\alice")}; };
  EXPECT_EQ(log_in(ad).stage(), "person alice");
}

TEST(HostileServer, OnlySuccessIsSuccess) {
  const std::vector<std::pair<int, std::string>> codes{
      {49, "wrong_password"}, {48, "wrong_password"}, {50, "wrong_password"}, {32, "wrong_password"}, {19, "locked"},
      {53, "disabled"},       {10, "user bind"},      {51, "user bind"},      {80, "user bind"},      {14, "user bind"}};
  for (const auto& [code, want] : codes) {
    Behaviour b;
    b.user_bind = [code = code] { return std::vector<std::string>{ldap_result(bind_response, code, "no")}; };
    EXPECT_EQ(log_in(b).stage(), want) << code;
  }
}

TEST(HostileServer, AReferralIsNotFollowedAndItsAnswerNotUsed) {
  FakeServer attacker(script(Behaviour{}));
  Behaviour b;
  b.user_search = [&](const std::string&) {
    return std::vector<std::string>{alice_entry(), test::search_reference(attacker.url() + "/dc=x"), ldap_result(search_done, success)};
  };
  EXPECT_EQ(log_in(b).stage(), "search");
  b = Behaviour{};
  b.user_search = [&](const std::string&) {
    return std::vector<std::string>{ldap_result(search_done, 10, {}, test::ber(0xa3, test::ber(0x04, attacker.url() + "/dc=x")))};
  };
  EXPECT_EQ(log_in(b).stage(), "search");
  b = Behaviour{};
  b.user_bind = [&] {
    return std::vector<std::string>{ldap_result(bind_response, 10, {}, test::ber(0xa3, test::ber(0x04, attacker.url() + "/dc=x")))};
  };
  EXPECT_EQ(log_in(b).stage(), "user bind");
  b = Behaviour{};
  b.group_search = [&](const std::string&) {
    return std::vector<std::string>{test::search_reference(attacker.url() + "/dc=x"), ldap_result(search_done, success)};
  };
  EXPECT_EQ(log_in(b).stage(), "group search");
  EXPECT_EQ(attacker.connections(), 0);
}

TEST(HostileServer, PartialAnswersAreNotUsed) {
  const std::string group = search_entry("cn=ops,dc=x", {});
  for (const int code : {3, 4, 11}) {  // timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded
    Behaviour b;
    b.group_search = [&](const std::string&) { return std::vector<std::string>{group, ldap_result(search_done, code)}; };
    EXPECT_EQ(log_in(b).stage(), "group search") << code;
  }
  Behaviour cut;
  cut.user_search = [](const std::string&) { return std::vector<std::string>{alice_entry()}; };
  cut.hang_up_in_search = true;
  EXPECT_EQ(log_in(cut).stage(), "search");
  Behaviour ambiguous;
  ambiguous.user_search = [](const std::string&) { return std::vector<std::string>{alice_entry(), ldap_result(search_done, 4)}; };
  EXPECT_EQ(log_in(ambiguous).stage(), "ambiguous");
  Behaviour flood;  // more entries than the size limit allows
  flood.user_search = [](const std::string&) {
    std::vector<std::string> out(10000, alice_entry());
    out.push_back(ldap_result(search_done, success));
    return out;
  };
  EXPECT_EQ(log_in(flood).stage(), "ambiguous");
}

TEST(HostileServer, ValuesThatActiveDirectoryCutsOffAreNotUsed) {
  FakeServer server(script([] {
    Behaviour b;
    b.user_search = [](const std::string&) {
      return std::vector<std::string>{search_entry(alice_dn, {{"uid", "alice"}, {"memberOf;range=0-1499", "cn=ops,dc=x"}}),
                                      ldap_result(search_done, success)};
    };
    return b;
  }()));
  auto s = settings({server.url()});
  s.group_lookup = GroupLookup::member_of;
  EXPECT_EQ(log_in(s).stage(), "search");
}

TEST(HostileServer, AnEntryOfAnotherNameIsNobody) {
  for (const auto& attributes : std::vector<std::vector<std::pair<std::string, std::string>>>{
           {{"uid", "root"}}, {{"uid", "alice "}}, {{"uid", std::string("alice\0", 6)}}, {{"uid", "alice,root"}}, {}, {{"cn", "alice"}}}) {
    Behaviour b;
    b.user_search = [&](const std::string&) {
      return std::vector<std::string>{search_entry(alice_dn, attributes), ldap_result(search_done, success)};
    };
    EXPECT_EQ(log_in(b).stage(), "name_differs");
  }
}

TEST(HostileServer, AGroupDnThatCannotBeReadIsAFailure) {
  Behaviour b;
  b.group_search = [](const std::string&) {
    return std::vector<std::string>{search_entry("not a dn", {}), ldap_result(search_done, success)};
  };
  EXPECT_EQ(log_in(b).stage(), "group search");
}

// libldap 2.5 forgets a request when octets come in that are no LDAP, and never frees it: not our leak.
class IgnoreLeaks {
 public:
#ifdef GATEHOUSE_LEAKS_ARE_FOUND
  IgnoreLeaks() { __lsan_disable(); }
  ~IgnoreLeaks() { __lsan_enable(); }
#else
  IgnoreLeaks() {}
#endif
  IgnoreLeaks(const IgnoreLeaks&) = delete;
  IgnoreLeaks& operator=(const IgnoreLeaks&) = delete;
};

TEST(HostileServer, GarbageAndHugeLengthsEndTheConnection) {
  const IgnoreLeaks in_libldap;
  for (const std::string& octets : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("\x30\x84\x7f\xff\xff\xff\x02\x01\x01", 9),
                                    std::string("\x30\x80\x02\x01\x01", 5), std::string(64 * 1024, '\xff')}) {
    FakeServer server([&](int, int, const std::string&, bool& hang_up) {
      hang_up = true;
      return std::vector<std::string>{octets};  // inside an envelope
    });
    const auto asked = log_in(settings({server.url()}));
    EXPECT_EQ(asked.stage(), "service bind");
    EXPECT_LT(asked.took, std::chrono::milliseconds(4500));
  }
}

TEST(HostileServer, TheSameWorkIsDoneForANameThatIsNotThere) {
  Behaviour b;
  b.user_search = [](const std::string&) { return std::vector<std::string>{ldap_result(search_done, success)}; };
  FakeServer server(script(b));
  EXPECT_EQ(log_in(settings({server.url()})).stage(), "no_such_person");
  EXPECT_EQ(server.connections(), 2);  // the search's, and one for a bind that cannot succeed
  EXPECT_EQ(server.heard().find("alice-password"), std::string::npos);
}

TEST(HostileServer, AClosedIdleConnectionIsReplacedOnce) {
  // Serves one user search with its groups, then closes: what an idle limit of a firewall looks like at the next question.
  auto honest = script(Behaviour{});
  FakeServer server([&](int number, int tag, const std::string& request, bool& hang_up) {
    auto out = honest(number, tag, request, hang_up);
    hang_up = tag == test::search_request && request.find("posixGroup") != std::string::npos;
    return out;
  });
  isolate_from_ldap_configuration();
  auto directory = Directory::open(settings({server.url()}));
  ASSERT_TRUE(directory);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE((*directory)->look_up("alice")) << i;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(server.connections(), 3);
}

}  // namespace
}  // namespace gatehouse::ca
