#include "protocol/auth/userauth.h"

#include <gtest/gtest.h>

#include <functional>

#include "protocol/core/wire.h"

namespace gatehouse::auth {
namespace {

PublicKeyMethod some_key(bool with_signature, bool host_bound) {
  PublicKeyMethod method;
  method.algorithm = "ssh-ed25519";
  method.key_blob = to_vector(as_bytes("key blob"));
  if (with_signature) method.signature = to_vector(as_bytes("signature"));
  if (host_bound) method.server_host_key = to_vector(as_bytes("host key"));
  return method;
}

std::vector<UserauthRequest> all_kinds() {
  std::vector<UserauthRequest> requests = {{"alice", "ssh-connection", NoneMethod{}},
                                           {"alice", "ssh-connection", UnknownMethod{"password"}}};
  for (const bool with_signature : {false, true}) {
    for (const bool host_bound : {false, true}) requests.push_back({"alice", "ssh-connection", some_key(with_signature, host_bound)});
  }
  return requests;
}

// RFC 4252 section 7, field by field.
TEST(Rfc4252Section7Request, IsLaidOutAsInTheRfc) {
  WireWriter query;
  query.byte(50).string("alice").string("ssh-connection").string("publickey").boolean(false).string("ssh-ed25519").string("key blob");
  EXPECT_EQ(write_userauth_request({"alice", "ssh-connection", some_key(false, false)}), query.take());
  WireWriter full;
  full.byte(50)
      .string("alice")
      .string("ssh-connection")
      .string("publickey")
      .boolean(true)
      .string("ssh-ed25519")
      .string("key blob")
      .string("signature");
  EXPECT_EQ(write_userauth_request({"alice", "ssh-connection", some_key(true, false)}), full.take());
}

// OpenSSH PROTOCOL section 3.1.
TEST(OpenSshHostbound, NamesTheHostKeyAfterTheKey) {
  WireWriter full;
  full.byte(50)
      .string("alice")
      .string("ssh-connection")
      .string("publickey-hostbound-v00@openssh.com")
      .boolean(true)
      .string("ssh-ed25519")
      .string("key blob")
      .string("host key")
      .string("signature");
  EXPECT_EQ(write_userauth_request({"alice", "ssh-connection", some_key(true, true)}), full.take());
}

TEST(Rfc4252Section7SignedData, IsTheSessionIdAndTheRequestWithoutTheSignature) {
  const ByteVector session_id(32, 7);
  WireWriter plain;
  plain.string(session_id)
      .byte(50)
      .string("alice")
      .string("ssh-connection")
      .string("publickey")
      .boolean(true)
      .string("ssh-ed25519")
      .string("key blob");
  EXPECT_EQ(userauth_signed_data(session_id, "alice", "ssh-connection", some_key(false, false)), to_vector(plain.view()));
  EXPECT_EQ(userauth_signed_data(session_id, "alice", "ssh-connection", some_key(true, false)), to_vector(plain.view()))
      << "the signature does not enter";
  WireWriter bound;
  bound.string(session_id)
      .byte(50)
      .string("alice")
      .string("ssh-connection")
      .string("publickey-hostbound-v00@openssh.com")
      .boolean(true)
      .string("ssh-ed25519")
      .string("key blob")
      .string("host key");
  EXPECT_EQ(userauth_signed_data(session_id, "alice", "ssh-connection", some_key(true, true)), bound.take());
}

TEST(Rfc4252Section5Request, SurvivesAWriteAndARead) {
  for (const UserauthRequest& request : all_kinds()) {
    const auto parsed = parse_userauth_request(write_userauth_request(request));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, request);
  }
}

TEST(Rfc4252Section5Request, IsRefusedWhereverItIsCut) {
  for (const UserauthRequest& request : all_kinds()) {
    const ByteVector payload = write_userauth_request(request);
    for (std::size_t size = 0; size < payload.size(); ++size) {
      const auto parsed = parse_userauth_request(Bytes(payload).first(size));
      ASSERT_FALSE(parsed) << size;
      EXPECT_EQ(parsed.error().violation, Violation::bad_encoding);
    }
  }
}

TEST(Rfc4252Section5Request, IsRefusedWithOctetsLeftOver) {
  for (const UserauthRequest& request : all_kinds()) {
    if (std::holds_alternative<UnknownMethod>(request.method)) continue;  // whose fields nobody knows
    ByteVector payload = write_userauth_request(request);
    payload.push_back(0);
    EXPECT_FALSE(parse_userauth_request(payload));
  }
}

TEST(Rfc4252Section5Request, LeavesTheFieldsOfOtherMethodsAlone) {
  const auto parsed = parse_userauth_request(WireWriter()
                                                 .byte(50)
                                                 .string("alice")
                                                 .string("ssh-connection")
                                                 .string("gssapi-with-mic")
                                                 .uint32(0xffffffff)
                                                 .take());  // CVE-2025-58181
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<UnknownMethod>(parsed->method).name, "gssapi-with-mic");
}

TEST(Rfc4252Section5Request, BoundsItsNamesAndBlobs) {
  const auto request = [](std::size_t user, std::size_t service, std::size_t algorithm, std::size_t blob, std::size_t signature) {
    WireWriter writer;
    writer.byte(50).string(std::string(user, 'u')).string(std::string(service, 's')).string("publickey").boolean(true);
    writer.string(std::string(algorithm, 'a')).string(ByteVector(blob)).string(ByteVector(signature));
    return parse_userauth_request(writer.view()).has_value();
  };
  EXPECT_TRUE(request(255, 64, 64, 64 * 1024, 4096));
  EXPECT_TRUE(request(64 * 1024, 14, 11, 51, 83)) << "a long user name is no violation, it only never exists";
  EXPECT_FALSE(request(64 * 1024 + 1, 14, 11, 51, 83));
  EXPECT_FALSE(request(5, 65, 11, 51, 83));
  EXPECT_FALSE(request(5, 14, 65, 51, 83));
  EXPECT_FALSE(request(5, 14, 0, 51, 83));
  EXPECT_FALSE(request(5, 14, 11, 64 * 1024 + 1, 83));
  EXPECT_FALSE(request(5, 14, 11, 51, 4097));
}

TEST(UserNames, AreLookedUpOnlyWhenPlain) {
  for (const char* name : {"alice", "svc-backup", "a", "first.last", "DOMAIN\\user", "user@example.org", "a b"}) {
    EXPECT_TRUE(valid_user_name(name)) << name;
  }
  for (const std::string& name : {std::string(), std::string("-oProxy"), std::string("../etc"), std::string("a/b"), std::string("a\0b", 3),
                                  std::string("a\nb"), std::string("\x1b[0m"), std::string("\xc3\xa4"), std::string(256, 'x')}) {
    EXPECT_FALSE(valid_user_name(name)) << escaped(name);
  }
  EXPECT_TRUE(valid_user_name(std::string(255, 'x')));
}

TEST(Rfc4252Messages, SurviveAWriteAndARead) {
  EXPECT_EQ(*parse_service_request(write_service_request("ssh-userauth")), "ssh-userauth");
  EXPECT_EQ(*parse_service_accept(write_service_accept("ssh-userauth")), "ssh-userauth");
  const UserauthFailure failure{{"publickey", "password"}, true};
  EXPECT_EQ(*parse_userauth_failure(write_userauth_failure(failure)), failure);
  EXPECT_EQ(*parse_public_key_ok(write_public_key_ok("ssh-ed25519", as_bytes("blob"))),
            (PublicKeyOk{"ssh-ed25519", to_vector(as_bytes("blob"))}));
  EXPECT_EQ(*parse_userauth_banner(write_userauth_banner("Hello\n")), "Hello\n");
  EXPECT_EQ(hex(write_userauth_success()), "34");
}

TEST(Rfc4252Messages, AreRefusedWhereverTheyAreCut) {
  const std::vector<std::pair<ByteVector, std::function<bool(Bytes)>>> messages = {
      {write_service_request("ssh-userauth"), [](Bytes cut) { return parse_service_request(cut).has_value(); }},
      {write_service_accept("ssh-userauth"), [](Bytes cut) { return parse_service_accept(cut).has_value(); }},
      {write_userauth_failure({{"publickey"}, false}), [](Bytes cut) { return parse_userauth_failure(cut).has_value(); }},
      {write_public_key_ok("ssh-ed25519", as_bytes("blob")), [](Bytes cut) { return parse_public_key_ok(cut).has_value(); }},
      {write_userauth_banner("Hello\n"), [](Bytes cut) { return parse_userauth_banner(cut).has_value(); }},
  };
  for (const auto& [payload, parses] : messages) {
    EXPECT_TRUE(parses(payload));
    for (std::size_t size = 0; size < payload.size(); ++size) EXPECT_FALSE(parses(Bytes(payload).first(size)));
    ByteVector longer = payload;
    longer.push_back(0);
    EXPECT_FALSE(parses(longer));
    ByteVector other = payload;
    other[0] = 1;
    EXPECT_FALSE(parses(other));
  }
}

}  // namespace
}  // namespace gatehouse::auth
