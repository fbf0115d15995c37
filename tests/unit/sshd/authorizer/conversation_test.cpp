#include "sshd/authorizer/conversation.h"

#include <gtest/gtest.h>

#include "exchange.h"
#include "files.h"

namespace gatehouse::sshd::authorizer {
namespace {

using test::authentication;
using test::cookie;
using test::exchange;
using test::host_key;
using test::now;

class ConversationTest : public test::Folder {
 protected:
  void SetUp() override {
    Folder::SetUp();
    put("ca.pub", test::ca().public_key().line() + "\n");
    configure();
  }

  void configure(const std::string& more = "") {
    auto configuration = Configuration::parse("TrustedUserCAKeys " + path("ca.pub") + "\n" + more, "test");
    ASSERT_TRUE(configuration) << configuration.error()[0].line();
    server_.configuration = *configuration;
    server_.host_keys = {};
    server_.host_keys.add(
        {{{to_vector(test::key_of(keys::KeyType::rsa, 11).public_key().blob()), {}}, {host_key(), {host_certificate(1)}}}});
  }

  /// Of our second host key, by some host CA.
  static ByteVector host_certificate(std::uint64_t serial) {
    keys::CertificateFields fields;
    fields.type = keys::CertificateType::host;
    fields.serial = serial;
    fields.principals = {"host.example"};
    return test::certificate(fields, test::other_ca(), test::key_of(keys::KeyType::ed25519, 4));
  }

  std::optional<ByteVector> ask(Bytes frame) { return conversation_.answer(server_, frame, now); }
  Kind kind(Bytes frame) {
    const auto answer = ask(frame);
    return answer ? *kind_of(*answer) : Kind{0};
  }
  Kind kind(const SecretBytes& frame) { return kind(frame.reveal()); }

  Open open() const { return {"c0ffee", "192.0.2.7", 40022, "127.0.0.1", 22, cookie(1)}; }
  void begin() {
    ASSERT_EQ(kind(write(Hello{})), Kind::hello);
    ASSERT_EQ(kind(write(open())), Kind::done);
  }
  /// Through the first key exchange. @return the session id
  ByteVector session() {
    begin();
    const auto answer = ask(write(exchange(cookie(1), host_key())).reveal());
    const auto hash = parse_hash(*answer);
    if (!hash) ADD_FAILURE() << "no hash";
    return hash ? hash->hash : ByteVector();
  }
  std::string verdict(const Authenticate& request) {
    const auto answer = ask(write(request));
    const auto parsed = answer ? parse_verdict(*answer) : ProtocolResult<Verdict>(violation(Violation::bad_encoding));
    return parsed ? test::word(*parsed) : "no verdict";
  }

  Server server_{*Configuration::parse("", "empty"), {}, TrustState()};
  Conversation conversation_;
};

TEST_F(ConversationTest, BeginsWithHelloAndOpen) {
  EXPECT_FALSE(ask(write(open())));
  EXPECT_FALSE(ask({}));
  EXPECT_EQ(kind(write(Hello{})), Kind::hello);
  EXPECT_FALSE(ask(write(NextCookie{cookie(1)})));
  EXPECT_FALSE(ask(write(exchange(cookie(1), host_key())).reveal()));
  EXPECT_EQ(kind(write(open())), Kind::done);
  EXPECT_FALSE(ask(write(open()))) << "once";
  EXPECT_FALSE(ask(write(Resume{})));
  EXPECT_FALSE(ask(write(Hello{})));
}

TEST_F(ConversationTest, AnotherVersionHearsOursAndNoMore) {
  const auto answer = ask(write(Hello{protocol_version + 1}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(parse_hello(*answer)->version, protocol_version);
  EXPECT_FALSE(ask(write(open())));
}

TEST_F(ConversationTest, ComputesTheExchangeHashItself) {
  begin();
  const ExchangeHash request = exchange(cookie(1), host_key());
  const auto answer = parse_hash(*ask(write(request).reveal()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(hex(answer->hash), hex(test::hash_of(request)));
  EXPECT_EQ(answer->host_key, host_key()) << "which of our host keys signs";
}

TEST_F(ConversationTest, OurKexinitMustCarryTheMonitorsCookie) {
  begin();
  EXPECT_EQ(kind(write(exchange(cookie(2), host_key()))), Kind::refused);
  EXPECT_EQ(kind(write(exchange(cookie(1), host_key()))), Kind::refused) << "the attempt used the cookie up";
  EXPECT_EQ(kind(write(NextCookie{cookie(3)})), Kind::done);
  ExchangeHash no_kexinit = exchange(cookie(3), host_key());
  no_kexinit.server_kexinit[0] = 21;
  EXPECT_EQ(kind(write(no_kexinit)), Kind::refused);
  EXPECT_EQ(kind(write(NextCookie{cookie(4)})), Kind::done);
  ExchangeHash cut = exchange(cookie(4), host_key());
  cut.server_kexinit.resize(16);
  EXPECT_EQ(kind(write(cut)), Kind::refused);
  EXPECT_EQ(kind(write(NextCookie{cookie(5)})), Kind::done);
  EXPECT_EQ(kind(write(exchange(cookie(5), host_key()))), Kind::hash);
  EXPECT_EQ(kind(write(exchange(cookie(5), host_key()))), Kind::refused) << "each serves one exchange";
}

TEST_F(ConversationTest, TheHostKeyMustBeOurs) {
  begin();
  EXPECT_EQ(kind(write(exchange(cookie(1), to_vector(test::person().public_key().blob())))), Kind::refused);
  EXPECT_EQ(kind(write(NextCookie{cookie(2)})), Kind::done);
  EXPECT_EQ(kind(write(exchange(cookie(2), {}))), Kind::refused);
  EXPECT_EQ(kind(write(NextCookie{cookie(3)})), Kind::done);
  const auto answer = parse_hash(*ask(write(exchange(cookie(3), host_certificate(1))).reveal()));
  ASSERT_TRUE(answer) << "one of its certificates";
  EXPECT_EQ(answer->host_key, host_key());
  EXPECT_EQ(kind(write(NextCookie{cookie(4)})), Kind::done);
  EXPECT_EQ(kind(write(exchange(cookie(4), host_certificate(2)))), Kind::refused) << "a certificate of our key that is not ours";
}

TEST_F(ConversationTest, ARenewedHostCertificateBreaksNoSession) {
  begin();
  ASSERT_EQ(kind(write(exchange(cookie(1), host_certificate(1)))), Kind::hash);
  server_.host_keys.add({{{host_key(), {host_certificate(2)}}}});
  for (const std::uint64_t serial : {1, 2}) {
    ASSERT_EQ(kind(write(NextCookie{cookie(2)})), Kind::done);
    const auto answer = parse_hash(*ask(write(exchange(cookie(2), host_certificate(serial))).reveal()));
    ASSERT_TRUE(answer) << serial;
    EXPECT_EQ(answer->host_key, host_key());
  }
}

TEST_F(ConversationTest, ARenewedHostCertificateBreaksNoSessionOverARestart) {
  Resume resume;
  resume.open = open();
  resume.session_id = ByteVector(32, 1);
  resume.host_key = host_certificate(7);  // what the new process was never told of
  ASSERT_EQ(kind(write(Hello{})), Kind::hello);
  ASSERT_EQ(kind(write(resume)), Kind::done);
  const auto answer = parse_hash(*ask(write(exchange(cookie(1), host_certificate(7))).reveal()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->host_key, host_key());
  ASSERT_EQ(kind(write(NextCookie{cookie(2)})), Kind::done);
  EXPECT_EQ(kind(write(exchange(cookie(2), host_certificate(8)))), Kind::refused);
}

TEST_F(ConversationTest, TheMethodMustBeKnown) {
  begin();
  EXPECT_EQ(kind(write(exchange(cookie(1), host_key(), "diffie-hellman-group1-sha1"))), Kind::refused);
}

TEST_F(ConversationTest, GrantsOnceAndOnlyOverTheFirstHash) {
  const ByteVector id = session();
  const ByteVector blob = test::certificate(test::good_fields());
  EXPECT_EQ(verdict(authentication(ByteVector(32, 0x42), blob)), "bad_signature") << "a session id of preauth's own";
  // A rekey before authentication changes no session id.
  ASSERT_EQ(kind(write(NextCookie{cookie(9)})), Kind::done);
  const auto rekeyed = parse_hash(*ask(write(exchange(cookie(9), host_key())).reveal()));
  ASSERT_TRUE(rekeyed);
  ASSERT_NE(rekeyed->hash, id);
  EXPECT_EQ(verdict(authentication(rekeyed->hash, blob)), "bad_signature");
  EXPECT_FALSE(conversation_.watching());
  EXPECT_EQ(verdict(authentication(id, blob)), "granted");
  EXPECT_TRUE(conversation_.watching());
  EXPECT_EQ(kind(write(authentication(id, blob))), Kind::refused) << "after the grant";
  ASSERT_EQ(kind(write(NextCookie{cookie(10)})), Kind::done) << "rekeys go on";
  EXPECT_EQ(kind(write(exchange(cookie(10), host_key()))), Kind::hash);
}

TEST_F(ConversationTest, AuthenticatesNobodyBeforeTheFirstKeyExchange) {
  begin();
  EXPECT_EQ(kind(write(authentication({}, test::certificate(test::good_fields())))), Kind::refused);
}

TEST_F(ConversationTest, QueriesGrantNothing) {
  const ByteVector id = session();
  Authenticate query = authentication(id, test::certificate(test::good_fields()));
  query.signature.reset();
  EXPECT_EQ(verdict(query), "acceptable");
  EXPECT_FALSE(conversation_.watching());
}

TEST_F(ConversationTest, MatchBlocksSeeUserGroupsAndAddresses) {
  configure("Match User alice Group staff Address 192.0.2.0/24 LocalPort 22\nMaxCertificateLifetime 1m\n");
  const ByteVector id = session();
  Authenticate request = authentication(id, test::certificate(test::good_fields()));
  request.groups = {"staff"};
  EXPECT_EQ(verdict(request), "lifetime_exceeds_maximum");
  request.groups = {"users"};
  EXPECT_EQ(verdict(request), "granted");
}

TEST_F(ConversationTest, UsesTheAddressOfTheConnection) {
  const ByteVector id = session();
  keys::CertificateFields fields = test::good_fields();
  fields.critical_options = {test::valued("source-address", "198.51.100.0/24")};
  EXPECT_EQ(verdict(authentication(id, test::certificate(fields))), "source_address");
}

TEST_F(ConversationTest, EndsAtTooManyRequests) {
  const ByteVector id = session();
  Authenticate request = authentication(id, {});
  for (int i = 0; i < 1024; ++i) ASSERT_EQ(verdict(request), "malformed");
  EXPECT_EQ(kind(write(request)), Kind::refused);
}

TEST_F(ConversationTest, TellsARevocationOnce) {
  keys::Krl krl;
  krl.version = 1;
  put("krl", krl.write());
  configure("RevokedKeys " + path("krl") + "\n");
  const ByteVector id = session();
  ASSERT_EQ(verdict(authentication(id, test::certificate(test::good_fields()))), "granted");
  EXPECT_FALSE(conversation_.revocation(server_, now));
  krl.version = 2;
  krl.revoke_key_id({}, "request-1");
  put("krl", krl.write());
  const auto told = conversation_.revocation(server_, now);
  ASSERT_TRUE(told);
  EXPECT_NE(parse_revoked(*told)->detail.find("request-1"), std::string::npos);
  EXPECT_FALSE(conversation_.revocation(server_, now));
}

TEST_F(ConversationTest, AMissingListEndsNoSession) {
  put("krl", keys::Krl().write());
  configure("RevokedKeys " + path("krl") + "\n");
  const ByteVector id = session();
  ASSERT_EQ(verdict(authentication(id, test::certificate(test::good_fields()))), "granted");
  std::filesystem::remove(path("krl"));
  EXPECT_FALSE(conversation_.revocation(server_, now));
}

TEST_F(ConversationTest, ResumesWhatAMonitorRemembers) {
  keys::Krl krl;
  krl.revoke_key_id({}, "request-1");
  put("krl", krl.write());
  configure("Match Group staff\nRevokedKeys " + path("krl") + "\n");
  Resume resume;
  resume.open = open();
  resume.open.cookie.clear();
  resume.session_id = ByteVector(32, 1);
  resume.host_key = host_key();
  resume.certificate = test::certificate(test::good_fields());
  resume.user = "alice";
  resume.groups = {"staff"};
  ASSERT_EQ(kind(write(Hello{})), Kind::hello);
  ASSERT_EQ(kind(write(resume)), Kind::done);
  EXPECT_TRUE(conversation_.watching());
  EXPECT_TRUE(conversation_.revocation(server_, now)) << "revoked while nobody looked";
  EXPECT_EQ(kind(write(authentication(resume.session_id, *resume.certificate))), Kind::refused) << "it was granted";
  EXPECT_EQ(kind(write(exchange(cookie(1), host_key()))), Kind::refused) << "no cookie is outstanding";
}

TEST_F(ConversationTest, ResumesBeforeAGrantWithTheOldSessionId) {
  Resume resume;
  resume.open = open();
  resume.session_id = ByteVector(32, 0x33);
  resume.host_key = host_key();
  ASSERT_EQ(kind(write(Hello{})), Kind::hello);
  ASSERT_EQ(kind(write(resume)), Kind::done);
  EXPECT_EQ(kind(write(exchange(cookie(1), host_key()))), Kind::hash) << "a rekey with the cookie that was outstanding";
  EXPECT_EQ(verdict(authentication(ByteVector(32, 0x33), test::certificate(test::good_fields()))), "granted");
}

TEST_F(ConversationTest, WatchesNothingThatNoCaSigned) {
  Resume resume;
  resume.open = open();
  resume.session_id = ByteVector(32, 1);
  resume.host_key = host_key();
  resume.user = "alice";
  resume.certificate = test::certificate(test::good_fields());
  resume.certificate->back() ^= 1;
  ASSERT_EQ(kind(write(Hello{})), Kind::hello);
  EXPECT_EQ(kind(write(resume)), Kind::refused);
  EXPECT_FALSE(conversation_.watching());
}

}  // namespace
}  // namespace gatehouse::sshd::authorizer
