#include "ca/front/routes.h"

#include <algorithm>
#include <array>

#include "ca/api/json.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t max_target = 512;

enum class EndPoint : std::uint8_t { nonces, user_certificates, host_certificates, revocations, trust, krl, health };
struct Row {
  std::string_view path;
  std::string_view method;
  EndPoint end_point;
};
constexpr std::array<Row, 7> end_points{{
    {"/v1/nonces", "GET", EndPoint::nonces},
    {"/v1/certificates/user", "POST", EndPoint::user_certificates},
    {"/v1/certificates/host", "POST", EndPoint::host_certificates},
    {"/v1/revocations", "POST", EndPoint::revocations},
    {"/v1/trust", "GET", EndPoint::trust},
    {"/v1/krl", "GET", EndPoint::krl},
    {"/healthz", "GET", EndPoint::health},
}};

HttpReply refuse_with(ProblemType type, std::string detail) { return reply_to(ProblemDocument{type, std::move(detail), {}, {}}); }

/// "signature" and "wait=N", joined by "&". @return what is wrong with it, or nothing
std::optional<std::string> read_query(std::string_view query, bool may_wait, Routed& routed) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    constexpr std::string_view wait = "wait=";
    if (one == "signature") {
      routed.signature_only = true;
    } else if (may_wait && one.substr(0, wait.size()) == wait) {
      const auto seconds = parse_decimal(one.substr(wait.size()));
      if (!seconds || *seconds > static_cast<std::uint64_t>(max_krl_wait.count())) return "wait must be 0 to 60 seconds";
      routed.wait = std::chrono::seconds(*seconds);
    } else {
      return "unknown parameter \"" + escaped(one, 64) + "\"";
    }
  }
  return std::nullopt;
}

/// The opaque part of one entity tag; empty for none, several, or "*".
std::string opaque_tag(std::string_view header) {
  if (header.substr(0, 2) == "W/") header.remove_prefix(2);
  if (header.size() < 2 || header.front() != '"' || header.back() != '"') return {};
  header = header.substr(1, header.size() - 2);
  return header.size() <= 128 && header.find('"') == std::string_view::npos ? std::string(header) : std::string();
}

bool is_json(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  constexpr std::string_view wanted = "application/json";
  return std::equal(media.begin(), media.end(), wanted.begin(), wanted.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; });
}

std::variant<Routed, HttpReply> route_post(const HttpRequest& request, Action action) {
  if (!is_json(request.content_type)) return refuse_with(ProblemType::unsupported_media_type, "send Content-Type: application/json");
  Routed routed;
  if (request.authorization) {
    auto password = parse_basic_authorization(*request.authorization);
    if (!password) return refuse_with(ProblemType::malformed, password.error().line());
    routed.password = std::move(*password);
  }
  auto envelope = parse_envelope(request.body);
  if (!envelope) return refuse_with(ProblemType::malformed, envelope.error().line());
  routed.ask = AskSigned{action, request.caller, std::move(*envelope)};
  return routed;
}

/// Turns one kind of answer into a reply.
struct Replier {
  const Routed& routed;

  HttpReply json(unsigned status, std::string body) const {
    return {status, "application/json", {{"Cache-Control", "no-store"}}, std::move(body)};
  }
  HttpReply operator()(const NonceAnswer& answer) const { return json(200, write_answer(answer)); }
  HttpReply operator()(const CertificateAnswer& answer) const { return json(201, write_answer(answer)); }
  HttpReply operator()(const RevocationAnswer& answer) const { return json(201, write_answer(answer)); }
  HttpReply operator()(const HealthAnswer& answer) const { return json(answer.up() ? 200 : 503, write_answer(answer)); }
  HttpReply operator()(const ProblemDocument& answer) const { return reply_to(answer); }
  HttpReply operator()(const NotModified&) const {
    return {304, {}, {{"ETag", '"' + routed.known_etag + '"'}, {"Cache-Control", "no-cache"}}, {}};
  }
  HttpReply operator()(const SignedDocument& answer) const {
    if (answer.etag == routed.known_etag) return (*this)(NotModified{});
    HttpReply reply{200, {}, {{"ETag", '"' + answer.etag + '"'}, {"Cache-Control", "no-cache"}}, {}};
    if (routed.signature_only) {
      reply.content_type = "text/plain; charset=us-ascii";
      reply.body = keys::sshsig_armor(answer.signature);
      return reply;
    }
    reply.content_type = std::holds_alternative<AskTrust>(routed.ask) ? "application/json" : "application/octet-stream";
    reply.headers.push_back({"Gatehouse-Signature", base64(answer.signature)});
    reply.body = to_string(answer.content);
    return reply;
  }
};

}  // namespace

std::variant<Routed, HttpReply> route(const HttpRequest& request) {
  if (request.target.size() > max_target) return refuse_with(ProblemType::not_found, "the address is too long");
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const std::string_view query = path.size() < request.target.size() ? request.target.substr(path.size() + 1) : std::string_view();
  const auto row = std::find_if(end_points.begin(), end_points.end(), [path](const Row& candidate) { return candidate.path == path; });
  if (row == end_points.end()) return refuse_with(ProblemType::not_found, "this CA serves /v1/… and /healthz");
  if (row->method != request.method) {
    HttpReply reply = refuse_with(ProblemType::method_not_allowed, "use " + std::string(row->method));
    reply.headers.push_back({"Allow", std::string(row->method)});
    return reply;
  }
  Routed routed;
  const bool document = row->end_point == EndPoint::trust || row->end_point == EndPoint::krl;
  if (document) {
    if (const auto wrong = read_query(query, row->end_point == EndPoint::krl, routed)) return refuse_with(ProblemType::malformed, *wrong);
    routed.known_etag = opaque_tag(request.if_none_match);
  } else if (!query.empty()) {
    return refuse_with(ProblemType::malformed, "this address takes no parameters");
  }
  switch (row->end_point) {
    case EndPoint::nonces:
      routed.ask = AskNonce{};
      break;
    case EndPoint::user_certificates:
      return route_post(request, Action::user_certificate);
    case EndPoint::host_certificates:
      return route_post(request, Action::host_certificate);
    case EndPoint::revocations:
      return route_post(request, Action::revoke);
    case EndPoint::trust:
      routed.ask = AskTrust{};
      break;
    case EndPoint::krl:
      routed.ask = AskKrl{routed.known_etag};
      break;
    case EndPoint::health:
      routed.ask = AskHealth{};
      break;
  }
  return routed;
}

HttpReply reply_to(const Routed& routed, const Answer& answer) { return std::visit(Replier{routed}, answer.content); }

HttpReply reply_to(const ProblemDocument& document) {
  HttpReply reply{
      problem_status(document.type), "application/problem+json", {{"Cache-Control", "no-store"}}, write_problem_document(document)};
  if (reply.status == 401) reply.headers.push_back({"WWW-Authenticate", "Basic realm=\"gatehouse\", charset=\"UTF-8\""});
  if (document.retry_after) reply.headers.push_back({"Retry-After", std::to_string(document.retry_after->count())});
  return reply;
}

}  // namespace gatehouse::ca
