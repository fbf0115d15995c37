#include "ca/api/problem_document.h"

#include <array>

#include "ca/api/json.h"

namespace gatehouse::ca {
namespace {

constexpr std::string_view urn = "urn:gatehouse:problem:";

struct Row {
  ProblemType type;
  unsigned status;
  std::string_view word;
  std::string_view title;
};
constexpr std::array<Row, 19> rows{{
    {ProblemType::malformed, 400, "malformed", "The request is malformed"},
    {ProblemType::bad_nonce, 400, "bad-nonce", "The nonce is not valid any more"},
    {ProblemType::wrong_audience, 400, "wrong-audience", "The request is for another CA"},
    {ProblemType::unsupported_key, 400, "unsupported-key", "Keys of this type or size get no certificate"},
    {ProblemType::invalid_credentials, 401, "invalid-credentials", "The credentials are not valid"},
    {ProblemType::possession_not_proven, 403, "possession-not-proven", "Possession of the key is not proven"},
    {ProblemType::not_authorized, 403, "not-authorized", "Not authorized"},
    {ProblemType::session_ended, 403, "session-ended", "The session has ended"},
    {ProblemType::not_found, 404, "not-found", "There is nothing at this address"},
    {ProblemType::method_not_allowed, 405, "method-not-allowed", "The method is not allowed here"},
    {ProblemType::too_large, 413, "too-large", "The request is too large"},
    {ProblemType::unsupported_media_type, 415, "unsupported-media-type", "The body must be application/json"},
    {ProblemType::rate_limited, 429, "rate-limited", "Too many requests"},
    {ProblemType::signing_refused, 500, "signing-refused", "The signer refuses to sign this"},
    {ProblemType::internal, 500, "internal", "The CA has an internal fault"},
    {ProblemType::directory_unavailable, 503, "directory-unavailable", "The directory does not answer"},
    {ProblemType::ledger_unavailable, 503, "ledger-unavailable", "The ledger cannot be written"},
    {ProblemType::token_unavailable, 503, "token-unavailable", "The token does not sign"},
    {ProblemType::ca_unavailable, 503, "ca-unavailable", "The CA is not ready"},
}};

const Row& row(ProblemType type) {
  for (const Row& candidate : rows) {
    if (candidate.type == type) return candidate;
  }
  return row(ProblemType::internal);
}

}  // namespace

std::string_view problem_word(ProblemType type) { return row(type).word; }
unsigned problem_status(ProblemType type) { return row(type).status; }
std::string_view problem_title(ProblemType type) { return row(type).title; }

std::optional<ProblemType> problem_by_word(std::string_view word) {
  for (const Row& candidate : rows) {
    if (candidate.word == word) return candidate.type;
  }
  return std::nullopt;
}

std::string write_problem_document(const ProblemDocument& document) {
  JsonWriter json;
  json.text("type", std::string(urn) + std::string(problem_word(document.type)))
      .text("title", problem_title(document.type))
      .number("status", problem_status(document.type));
  if (!document.detail.empty()) json.text("detail", document.detail);
  if (!document.request_id.empty()) json.text("request_id", document.request_id);
  return json.take();
}

Result<ProblemDocument> parse_problem_document(std::string_view json) {
  const auto object = parse_json_object(json, "problem document");
  if (!object) return tl::unexpected(object.error());
  JsonReader reader(*object, "problem document");
  reader.ignore_unknown();
  const std::string type = reader.text("type", 256);
  const std::string title = reader.optional_text("title", 256).value_or("");
  ProblemDocument document;
  document.detail = reader.optional_lines("detail", 4096).value_or("");
  document.request_id = reader.optional_text("request_id", 64).value_or("");
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  const bool ours = type.rfind(urn, 0) == 0;
  const auto known = ours ? problem_by_word(std::string_view(type).substr(urn.size())) : std::nullopt;
  document.type = known.value_or(ProblemType::internal);
  if (!known && !title.empty()) document.detail = title + (document.detail.empty() ? "" : ": " + document.detail);
  return document;
}

}  // namespace gatehouse::ca
