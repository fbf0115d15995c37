/// Problem documents (RFC 9457): how the CA says no. The type words are part of the API; clients decide by them and by the status.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::ca {

/// One enumerator per reason; its word, HTTP status and title stand in one table (problem_document.cpp).
enum class ProblemType : std::uint8_t {
  malformed,               ///< 400 the body, a header or the signed request is not as the API says
  bad_nonce,               ///< 400 expired, not ours, or used before: ask for a new one
  wrong_audience,          ///< 400 the signed request is for another CA
  unsupported_key,         ///< 400 type or size of the subject key
  invalid_credentials,     ///< 401 wrong password, wrong signature, unknown or locked account: one answer for all of them
  possession_not_proven,   ///< 403 the possession signature is not the subject key's, over these bytes
  not_authorized,          ///< 403 credentials are right, and nothing in the policy grants what is asked
  session_ended,           ///< 403 renewal after the end of the session: log in again
  not_found,               ///< 404
  method_not_allowed,      ///< 405
  too_large,               ///< 413
  unsupported_media_type,  ///< 415
  rate_limited,            ///< 429 too many: later
  signing_refused,         ///< 500 the signer's limits do not allow what the policy grants: the CA's administrators must look
  internal,                ///< 500
  directory_unavailable,   ///< 503
  ledger_unavailable,      ///< 503
  token_unavailable,       ///< 503 also a wrong PIN
  ca_unavailable,          ///< 503 the issuer does not answer
};

/// "directory-unavailable"; the document says "urn:gatehouse:problem:directory-unavailable".
std::string_view problem_word(ProblemType type);
/// HTTP status.
unsigned problem_status(ProblemType type);
std::string_view problem_title(ProblemType type);
std::optional<ProblemType> problem_by_word(std::string_view word);

/// What the CA answers instead of what was asked for. `detail` is for a person and holds no secret.
struct ProblemDocument {
  ProblemType type = ProblemType::internal;
  std::string detail;
  std::string request_id;                             ///< empty when the request got none
  std::optional<std::chrono::seconds> retry_after{};  ///< for Retry-After
  bool operator==(const ProblemDocument&) const = default;
};

/// {"type", "title", "status", "detail", "request_id"}; media type application/problem+json.
std::string write_problem_document(const ProblemDocument& document);
/// Members that we do not know are skipped (RFC 9457 section 3.2). A type that we do not know becomes `internal` with the CA's title before
/// the detail.
Result<ProblemDocument> parse_problem_document(std::string_view json);

/// A CA's answer that may be a refusal.
template <class T>
using Answered = Result<T, ProblemDocument>;
inline tl::unexpected<ProblemDocument> refused(ProblemType type, std::string detail) {
  return tl::unexpected<ProblemDocument>(ProblemDocument{type, std::move(detail), {}, {}});
}

}  // namespace gatehouse::ca
