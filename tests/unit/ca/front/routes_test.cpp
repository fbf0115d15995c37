#include "ca/front/routes.h"

#include <gtest/gtest.h>

#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

HttpRequest get(std::string_view target) {
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  return request;
}
HttpRequest post(std::string_view target, std::string_view body) {
  HttpRequest request;
  request.method = "POST";
  request.target = target;
  request.content_type = "application/json";
  request.body = body;
  request.caller = {"192.0.2.1", ByteVector(channel_size, 3)};
  return request;
}
unsigned status_of(const HttpRequest& request) {
  const auto routed = route(request);
  const auto* reply = std::get_if<HttpReply>(&routed);
  return reply == nullptr ? 0 : reply->status;
}
template <class Question>
bool asks(const HttpRequest& request) {
  const auto routed = route(request);
  const auto* one = std::get_if<Routed>(&routed);
  return one != nullptr && std::holds_alternative<Question>(one->ask);
}
std::string header(const HttpReply& reply, const std::string& name) {
  for (const HttpHeader& one : reply.headers) {
    if (one.name == name) return one.value;
  }
  return {};
}

constexpr std::string_view body = R"({"request":"e30="})";

TEST(Routes, EveryEndPointAsksItsQuestion) {
  EXPECT_TRUE(asks<AskNonce>(get("/v1/nonces")));
  EXPECT_TRUE(asks<AskTrust>(get("/v1/trust")));
  EXPECT_TRUE(asks<AskTrust>(get("/v1/trust?signature")));
  EXPECT_TRUE(asks<AskKrl>(get("/v1/krl?wait=60&signature")));
  EXPECT_TRUE(asks<AskHealth>(get("/healthz")));
  for (const auto& [path, action] : {std::pair{"/v1/certificates/user", Action::user_certificate},
                                     {"/v1/certificates/host", Action::host_certificate},
                                     {"/v1/revocations", Action::revoke}}) {
    const auto routed = route(post(path, body));
    ASSERT_TRUE(std::holds_alternative<Routed>(routed)) << path;
    const auto& ask = std::get<AskSigned>(std::get<Routed>(routed).ask);
    EXPECT_EQ(ask.action, action);
    EXPECT_EQ(ask.caller.address, "192.0.2.1");
    EXPECT_EQ(as_text(ask.envelope.request), "{}");
  }
}

TEST(Routes, RefuseOtherPathsMethodsAndParameters) {
  for (const char* target : {"/", "", "/v1", "/v1/nonces/", "//v1/nonces", "/v1/../healthz", "http://x/v1/nonces", "/V1/NONCES"}) {
    EXPECT_EQ(status_of(get(target)), 404U) << target;
  }
  EXPECT_EQ(status_of(get("/v1/" + std::string(1000, 'x'))), 404U);
  EXPECT_EQ(status_of(get("/v1/revocations")), 405U);
  EXPECT_EQ(status_of(post("/v1/nonces", body)), 405U);
  for (const char* target :
       {"/v1/nonces?x", "/v1/krl?wait=61", "/v1/krl?wait=-1", "/v1/krl?wait=", "/v1/krl?wait=1x", "/v1/trust?wait=5", "/healthz?verbose"}) {
    EXPECT_EQ(status_of(get(target)), 400U) << target;
  }
}

TEST(Routes, NameTheMethodThatIsAllowed) {
  const auto routed = route(get("/v1/revocations"));
  EXPECT_EQ(header(std::get<HttpReply>(routed), "Allow"), "POST");
}

TEST(Routes, ReadThePassword) {
  HttpRequest request = post("/v1/certificates/user", body);
  request.authorization = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
  const auto routed = route(request);
  ASSERT_TRUE(std::holds_alternative<Routed>(routed));
  EXPECT_EQ(std::get<Routed>(routed).password->user, "Aladdin");
  request.authorization = "Negotiate abc";
  EXPECT_EQ(status_of(request), 400U);
}

TEST(Routes, WantJson) {
  HttpRequest request = post("/v1/certificates/user", body);
  request.content_type = "application/JSON; charset=utf-8";
  EXPECT_EQ(status_of(request), 0U);
  request.content_type = "application/x-www-form-urlencoded";
  EXPECT_EQ(status_of(request), 415U);
  EXPECT_EQ(status_of(post("/v1/certificates/user", "{")), 400U);
  EXPECT_EQ(status_of(post("/v1/certificates/user", R"({"request":"e30=","extra":1})")), 400U);
}

TEST(Replies, RefusalsAreProblemDocuments) {
  const HttpReply reply = reply_to(ProblemDocument{ProblemType::invalid_credentials, "no", "id", {}});
  EXPECT_EQ(reply.status, 401U);
  EXPECT_EQ(reply.content_type, "application/problem+json");
  EXPECT_NE(header(reply, "WWW-Authenticate"), "");
  EXPECT_EQ(header(reply_to(ProblemDocument{ProblemType::token_unavailable, "", "", std::chrono::seconds(5)}), "Retry-After"), "5");
}

class DocumentReply : public testing::Test {
 protected:
  HttpReply reply(const std::string& target, std::string_view if_none_match = {}) {
    HttpRequest request = get(target);
    request.if_none_match = if_none_match;
    const auto routed = route(request);
    return reply_to(std::get<Routed>(routed), {SignedDocument{{0, 1, 2}, {3, 4}, "9-8"}, {}});
  }
};

TEST_F(DocumentReply, CarriesItsSignatureInAHeader) {
  const HttpReply krl = reply("/v1/krl");
  EXPECT_EQ(krl.status, 200U);
  EXPECT_EQ(krl.content_type, "application/octet-stream");
  EXPECT_EQ(krl.body, std::string("\0\1\2", 3));
  EXPECT_EQ(header(krl, "Gatehouse-Signature"), "AwQ=");
  EXPECT_EQ(header(krl, "ETag"), "\"9-8\"");
  EXPECT_EQ(reply("/v1/trust").content_type, "application/json");
}

TEST_F(DocumentReply, GivesTheSignatureAloneForSshKeygen) {
  const HttpReply signature = reply("/v1/krl?signature");
  EXPECT_EQ(signature.body.rfind("-----BEGIN SSH SIGNATURE-----", 0), 0U);
  EXPECT_TRUE(keys::sshsig_dearmor(signature.body));
}

TEST_F(DocumentReply, IsNotModifiedForItsOwnTag) {
  EXPECT_EQ(reply("/v1/trust", "\"9-8\"").status, 304U);
  EXPECT_EQ(reply("/v1/trust", "W/\"9-8\"").status, 304U);
  EXPECT_EQ(reply("/v1/trust", "\"9-7\"").status, 200U);
  EXPECT_EQ(reply("/v1/trust", "9-8").status, 200U);
  EXPECT_EQ(reply("/v1/trust", "*").status, 200U);
}

TEST(Replies, HealthSaysItInTheStatus) {
  const Routed routed{AskHealth{}, {}, false, {}, {}};
  EXPECT_EQ(reply_to(routed, {HealthAnswer{{{"token", true, ""}}}, {}}).status, 200U);
  EXPECT_EQ(reply_to(routed, {HealthAnswer{{{"token", false, ""}}}, {}}).status, 503U);
}

}  // namespace
}  // namespace gatehouse::ca
