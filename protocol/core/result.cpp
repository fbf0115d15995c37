#include "protocol/core/result.h"

namespace gatehouse {

std::string Problem::line() const {
  std::string text;
  if (!where.empty()) text += where + ": ";
  text += what;
  if (!mend.empty()) text += " (" + mend + ")";
  return text;
}

}  // namespace gatehouse
