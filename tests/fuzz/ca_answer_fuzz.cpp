// room: ca_api — what a client reads of a CA: answers, problem documents, the trust bundle
#include <cstdlib>

#include "ca/api/answer.h"
#include "ca/api/problem_document.h"
#include "ca/api/trust_bundle.h"

using namespace gatehouse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  if (const auto answer = ca::parse_certificate_answer(text)) {
    const auto again = ca::parse_certificate_answer(ca::write_answer(*answer));
    if (!again || *again != *answer) std::abort();
  }
  if (const auto answer = ca::parse_health_answer(text)) {
    const auto again = ca::parse_health_answer(ca::write_answer(*answer));
    if (!again || *again != *answer) std::abort();
  }
  (void)ca::parse_nonce_answer(text);
  (void)ca::parse_revocation_answer(text);
  if (const auto document = ca::parse_problem_document(text)) {
    if (!ca::parse_problem_document(ca::write_problem_document(*document))) std::abort();
  }
  if (const auto bundle = ca::parse_trust_bundle(text)) {
    const auto written = ca::write_trust_bundle(*bundle);
    const auto again = ca::parse_trust_bundle(written);
    if (!again || ca::write_trust_bundle(*again) != written) std::abort();
  }
  return 0;
}
