/// The end points: which question to the issuer a request is, and how its answer looks over HTTP. docs/openapi.yaml describes the same.
#pragma once

#include <variant>

#include "ca/front/http.h"

namespace gatehouse::ca {

inline constexpr std::chrono::seconds max_krl_wait{60};

/// A request that the issuer must answer.
struct Routed {
  Ask ask;
  std::optional<Password> password;
  bool signature_only = false;   ///< the query said ?signature
  std::string known_etag;        ///< If-None-Match, without quotes
  std::chrono::seconds wait{0};  ///< the query said ?wait=N: how long "not modified" may be kept back
};
/// The question, or the reply where no issuer is needed (refusals).
std::variant<Routed, HttpReply> route(const HttpRequest& request);

HttpReply reply_to(const Routed& routed, const Answer& answer);
HttpReply reply_to(const ProblemDocument& document);

}  // namespace gatehouse::ca
