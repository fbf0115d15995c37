/// Why a request ends without what it asked for: what the asker reads, and what only our log and the audit line say.
#pragma once

#include <string>
#include <utility>

#include "ca/api/problem_document.h"

namespace gatehouse::ca {

struct Refusal {
  ProblemDocument document;
  std::string reason;      ///< a fixed word for the audit line: "wrong_password", "no_role", "nonce_used", …
  std::string detail;      ///< for our log; may say more than the asker may know
  bool same_time = false;  ///< must take as long as any other wrong credential
};
template <class T>
using Judged = Result<T, Refusal>;

/// `return refuse(ProblemType::bad_nonce, "expired_nonce", "…");` the asker reads the same as our log.
inline tl::unexpected<Refusal> refuse(ProblemType type, std::string reason, std::string detail) {
  return tl::unexpected<Refusal>(Refusal{{type, detail, {}, {}}, std::move(reason), detail, false});
}
/// Wrong credentials of any kind: one answer, and one time.
inline tl::unexpected<Refusal> refuse_credentials(std::string reason, std::string detail) {
  return tl::unexpected<Refusal>(Refusal{{ProblemType::invalid_credentials,
                                          "the name or the proof is not right, or the account may not log in; the log of the CA says which",
                                          {},
                                          {}},
                                         std::move(reason),
                                         std::move(detail),
                                         true});
}

}  // namespace gatehouse::ca
