#include "agent-bridge/renewal/log_in.h"

#include <algorithm>

namespace gatehouse::agent {

namespace {

/// However short certificates are, and however wrong this machine's clock: not more often.
constexpr std::uint64_t shortest_interval = 10;
constexpr std::uint64_t first_retry = 15;
constexpr std::uint64_t longest_retry = 300;

}  // namespace

void LogIn::take(Issued issued, std::uint64_t now, double spread) {
  certificate = std::make_shared<keys::Certificate>(std::move(issued.certificate));
  role = std::move(issued.role);
  session_end = issued.session_end;
  const std::uint64_t end = certificate->fields().valid_before;
  if (end <= now) {
    // To ask at once would only bring the next one of the same kind.
    failed("the CA's certificate has ended already by this machine's clock: is it right?", session_end <= now, now, spread);
    return;
  }
  failures = 0;
  last_problem.clear();
  // Two thirds of what is left, less up to a tenth of it.
  const auto left = static_cast<double>(end - now);
  const auto due = now + static_cast<std::uint64_t>(left * (2.0 / 3.0 - spread / 10.0));
  next_renewal = session_end > end ? std::max(due, now + shortest_interval) : 0;
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
