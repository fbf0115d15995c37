#include "agent-bridge/renewal/log_in.h"

#include <algorithm>

namespace gatehouse::agent {

namespace {

constexpr std::uint64_t first_retry = 15;
constexpr std::uint64_t longest_retry = 300;

}  // namespace

void LogIn::take(Issued issued, std::uint64_t now, double spread) {
  certificate = std::make_shared<keys::Certificate>(std::move(issued.certificate));
  role = std::move(issued.role);
  session_end = issued.session_end;
  failures = 0;
  last_problem.clear();
  const std::uint64_t end = certificate->fields().valid_before;
  // Two thirds of what is left, less up to a tenth of it.
  const double left = end > now ? static_cast<double>(end - now) : 0;
  const auto due = now + static_cast<std::uint64_t>(left * (2.0 / 3.0 - spread / 10.0));
  next_renewal = session_end > end ? std::max<std::uint64_t>(due, now + 1) : 0;
}

void LogIn::failed(std::string problem, bool final, std::uint64_t now, double spread) {
  last_problem = std::move(problem);
  if (final) {
    next_renewal = 0;
    return;
  }
  const std::uint64_t wait = std::min(longest_retry, first_retry << std::min(failures, 5));
  ++failures;
  next_renewal = now + wait / 2 + static_cast<std::uint64_t>(spread * static_cast<double>(wait) / 2) + 1;
}

bool LogIn::wants_renewal(std::uint64_t now) const { return !renewing && next_renewal != 0 && now >= next_renewal && now < session_end; }

bool LogIn::over(std::uint64_t now) const {
  const std::uint64_t end = certificate->fields().valid_before;
  const bool renewable = next_renewal != 0 && now < session_end;
  return now >= end && !renewable && !renewing;
}

HeldIdentity LogIn::identity() const {
  HeldIdentity identity;
  identity.key = key;
  identity.certificate = *certificate;
  identity.comment = certificate->fields().key_id;
  identity.from_ca = true;
  return identity;
}

SessionStatus LogIn::status() const {
  return {ca_url, user, role, to_vector(certificate->blob()), session_end, next_renewal, last_problem};
}

}  // namespace gatehouse::agent
