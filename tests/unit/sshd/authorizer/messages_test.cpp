#include "sshd/authorizer/messages.h"

#include <gtest/gtest.h>

#include <functional>

#include "protocol/core/wire.h"

namespace gatehouse::sshd::authorizer {
namespace {

Open an_open() { return {"c0ffee", "192.0.2.7", 40022, "127.0.0.1", 22, ByteVector(16, 1)}; }

Resume a_resume() {
  Resume out;
  out.open = an_open();
  out.open.cookie.clear();
  out.session_id = ByteVector(32, 2);
  out.host_key = ByteVector(51, 3);
  out.certificate = ByteVector(300, 4);
  out.user = "alice";
  out.groups = {"staff", "operators"};
  return out;
}

Authenticate an_authenticate() {
  Authenticate out;
  out.user = "alice";
  out.account_exists = true;
  out.groups = {"staff", ""};
  out.service = "ssh-connection";
  out.host_bound = true;
  out.algorithm = "ssh-ed25519-cert-v01@openssh.com";
  out.public_key = ByteVector(300, 5);
  out.signature = ByteVector(83, 6);
  out.principals_file = ByteVector{};
  return out;
}

Grant a_grant() {
  Grant out;
  out.user = "alice";
  out.principal = "operators";
  out.certificate = {"SHA256:a", "SHA256:b", 0xffffffffffffffff, "id\n\"quoted\""};
  out.key_type = "ssh-ed25519-cert-v01@openssh.com";
  out.signature_algorithm = "ssh-ed25519";
  out.certificate_sha256 = ByteVector(32, 9);
  out.force_command = "";
  out.source_addresses = {"192.0.2.0/24"};
  out.permits = {true, false, true, false, true};
  out.valid_after = 1;
  out.valid_before = 0xfffffffffffffffe;
  out.session_end = 7;
  out.break_glass = true;
  return out;
}

ExchangeHash an_exchange() {
  ExchangeHash out;
  out.method = "curve25519-sha256";
  out.client_version = "SSH-2.0-a";
  out.server_version = "SSH-2.0-b";
  out.client_kexinit = ByteVector(100, 1);
  out.server_kexinit = ByteVector(101, 2);
  out.host_key = ByteVector(51, 3);
  out.client_public = ByteVector(32, 4);
  out.server_public = ByteVector(32, 5);
  out.shared_secret = SecretBytes::copy_of(ByteVector(36, 6));
  return out;
}

TEST(Messages, ComeBackAsTheyWere) {
  EXPECT_EQ(*parse_hello(write(Hello{7})), Hello{7});
  EXPECT_EQ(*parse_open(write(an_open())), an_open());
  EXPECT_EQ(*parse_resume(write(a_resume())), a_resume());
  EXPECT_EQ(*parse_next_cookie(write(NextCookie{ByteVector(16, 1)})), NextCookie{ByteVector(16, 1)});
  EXPECT_EQ(*parse_authenticate(write(an_authenticate())), an_authenticate());
  Authenticate query = an_authenticate();
  query.signature.reset();
  query.principals_file.reset();
  EXPECT_EQ(*parse_authenticate(write(query)), query);
  const authorizer::Setup setup{{{ByteVector(51, 1), {ByteVector(400, 2), ByteVector(401, 3)}}, {ByteVector(52, 4), {}}}};
  EXPECT_EQ(*parse_setup(write(setup)), setup);
  const Hash hash{ByteVector(64, 1), ByteVector(51, 3)};
  EXPECT_EQ(*parse_hash(write(hash)), hash);
  EXPECT_EQ(*parse_refused(write(Refused{"why"})), Refused{"why"});
  EXPECT_EQ(*parse_ready(write(Ready{{"a", "b"}})), (Ready{{"a", "b"}}));
  EXPECT_EQ(*parse_revoked(write(Revoked{"serial 1"})), Revoked{"serial 1"});
  EXPECT_EQ(std::get<Grant>(*parse_verdict(write(a_grant()))), a_grant());
  const Acceptable acceptable{a_grant().certificate};
  EXPECT_EQ(std::get<Acceptable>(*parse_verdict(write(acceptable))), acceptable);
}

TEST(Messages, ExchangeHashComesBackWithItsSecret) {
  const ExchangeHash sent = an_exchange();
  const SecretBytes frame = write(sent);
  const auto got = parse_exchange_hash(frame.reveal());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->method, sent.method);
  EXPECT_EQ(got->client_version, sent.client_version);
  EXPECT_EQ(got->server_version, sent.server_version);
  EXPECT_EQ(got->client_kexinit, sent.client_kexinit);
  EXPECT_EQ(got->server_kexinit, sent.server_kexinit);
  EXPECT_EQ(got->host_key, sent.host_key);
  EXPECT_EQ(got->client_public, sent.client_public);
  EXPECT_EQ(got->server_public, sent.server_public);
  EXPECT_TRUE(equal(got->shared_secret.reveal(), sent.shared_secret.reveal()));
}

TEST(Messages, EveryReasonHasAWordOfItsOwn) {
  std::size_t count = 0;
  for (int value = 0; value < 256; ++value) {
    const auto reason = static_cast<Reason>(value);
    if (reason_word(reason) == "unknown") continue;
    ++count;
    EXPECT_EQ(reason_by_word(reason_word(reason)), reason);
    const Refusal refusal{reason, "detail", {"SHA256:a", "", std::nullopt, ""}};
    EXPECT_EQ(std::get<Refusal>(*parse_verdict(write(refusal))), refusal);
  }
  EXPECT_EQ(count, static_cast<std::size_t>(Reason::invalid_user) + 1);
  EXPECT_FALSE(reason_by_word("unknown"));
}

struct Parser {
  std::string name;
  ByteVector frame;
  std::function<bool(Bytes)> parses;
};

std::vector<Parser> parsers() {
  return {
      {"Hello", write(Hello{}), [](Bytes frame) { return parse_hello(frame).has_value(); }},
      {"Open", write(an_open()), [](Bytes frame) { return parse_open(frame).has_value(); }},
      {"Resume", write(a_resume()), [](Bytes frame) { return parse_resume(frame).has_value(); }},
      {"NextCookie", write(NextCookie{ByteVector(16, 1)}), [](Bytes frame) { return parse_next_cookie(frame).has_value(); }},
      {"ExchangeHash", to_vector(write(an_exchange()).reveal()), [](Bytes frame) { return parse_exchange_hash(frame).has_value(); }},
      {"Authenticate", write(an_authenticate()), [](Bytes frame) { return parse_authenticate(frame).has_value(); }},
      {"Setup", write(authorizer::Setup{{{ByteVector(51, 1), {ByteVector(40, 2)}}}}),
       [](Bytes frame) { return parse_setup(frame).has_value(); }},
      {"Hash", write(Hash{ByteVector(32, 1), ByteVector(51, 2)}), [](Bytes frame) { return parse_hash(frame).has_value(); }},
      {"Refused", write(Refused{"why"}), [](Bytes frame) { return parse_refused(frame).has_value(); }},
      {"Ready", write(Ready{{"a"}}), [](Bytes frame) { return parse_ready(frame).has_value(); }},
      {"Revoked", write(Revoked{"why"}), [](Bytes frame) { return parse_revoked(frame).has_value(); }},
      {"Grant", write(a_grant()), [](Bytes frame) { return parse_verdict(frame).has_value(); }},
      {"Acceptable", write(Acceptable{}), [](Bytes frame) { return parse_verdict(frame).has_value(); }},
      {"Refusal", write(Refusal{Reason::expired, "x", {}}), [](Bytes frame) { return parse_verdict(frame).has_value(); }},
  };
}

TEST(Messages, CutLongOrOfAnotherKindAreRefused) {
  for (const Parser& each : parsers()) {
    EXPECT_TRUE(each.parses(each.frame)) << each.name;
    for (std::size_t size = 0; size < each.frame.size(); ++size)
      EXPECT_FALSE(each.parses(Bytes(each.frame).first(size))) << each.name << " cut at " << size;
    ByteVector longer = each.frame;
    longer.push_back(0);
    EXPECT_FALSE(each.parses(longer)) << each.name << " with an octet left over";
    ByteVector other = each.frame;
    other[0] = 200;
    EXPECT_FALSE(each.parses(other)) << each.name << " of another kind";
  }
}

TEST(Messages, EachIsOnlyItself) {
  for (const Parser& frame : parsers()) {
    for (const Parser& reader : parsers()) {
      const bool verdict = frame.name == "Grant" || frame.name == "Acceptable" || frame.name == "Refusal";
      const bool reads_verdicts = reader.name == "Grant" || reader.name == "Acceptable" || reader.name == "Refusal";
      EXPECT_EQ(reader.parses(frame.frame), frame.name == reader.name || (verdict && reads_verdicts))
          << frame.name << " read as " << reader.name;
    }
  }
}

TEST(Messages, BoundsHoldBeforeAnythingIsAllocated) {
  Open open = an_open();
  open.cookie = ByteVector(15, 1);
  EXPECT_FALSE(parse_open(write(open)));
  open.cookie.clear();
  EXPECT_FALSE(parse_open(write(open)));
  Authenticate ask = an_authenticate();
  ask.user = std::string(256, 'a');
  EXPECT_FALSE(parse_authenticate(write(ask)));
  ask = an_authenticate();
  ask.public_key = ByteVector(64 * 1024 + 1);
  EXPECT_FALSE(parse_authenticate(write(ask)));
  ask = an_authenticate();
  ask.signature = ByteVector(4097);
  EXPECT_FALSE(parse_authenticate(write(ask)));
  ask = an_authenticate();
  ask.principals_file = ByteVector(max_principals_file + 1);
  EXPECT_FALSE(parse_authenticate(write(ask)));
  // A count of four billion groups, and nothing behind it.
  WireWriter many;
  many.byte(static_cast<std::uint8_t>(Kind::authenticate)).string("alice").boolean(true).uint32(0xffffffff);
  EXPECT_FALSE(parse_authenticate(many.view()));
  Resume resume = a_resume();
  resume.session_id.clear();
  EXPECT_FALSE(parse_resume(write(resume))) << "a host key without session";
  resume = a_resume();
  resume.user.clear();
  EXPECT_FALSE(parse_resume(write(resume))) << "a certificate of nobody";
  Grant grant = a_grant();
  grant.certificate_sha256.pop_back();
  EXPECT_FALSE(parse_verdict(write(grant)));
  grant = a_grant();
  grant.certificate.serial.reset();
  EXPECT_FALSE(parse_verdict(write(grant)));
}

}  // namespace
}  // namespace gatehouse::sshd::authorizer
