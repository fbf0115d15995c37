#include "pkcs11/client/fault.h"

#include <cstdlib>

namespace gatehouse::pkcs11 {

std::string_view fault_name(FaultKind kind) {
  switch (kind) {
    case FaultKind::refused:
      return "refused";
    case FaultKind::bad_request:
      return "bad request";
    case FaultKind::token_away:
      return "token away";
    case FaultKind::pin_rejected:
      return "PIN rejected";
    case FaultKind::key_missing:
      return "key missing";
    case FaultKind::busy:
      return "busy";
    case FaultKind::failed:
      return "failed";
    case FaultKind::unreachable:
      return "signer unreachable";
  }
  std::abort();
}

Problem SignerFault::problem() const {
  Problem shown;
  shown.where = "signer";
  shown.what = std::string(fault_name(kind));
  if (!detail.empty()) shown.what += ": " + detail;
  if (kind == FaultKind::pin_rejected) shown.mend = "write the right PIN into the PIN source";
  return shown;
}

bool SignerFault::try_again() const {
  switch (kind) {
    case FaultKind::refused:
    case FaultKind::bad_request:
      return false;
    case FaultKind::token_away:
    case FaultKind::pin_rejected:
    case FaultKind::key_missing:
    case FaultKind::busy:
    case FaultKind::failed:
    case FaultKind::unreachable:
      return true;
  }
  std::abort();
}

}  // namespace gatehouse::pkcs11
