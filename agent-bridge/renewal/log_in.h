/// A log-in that the agent keeps alive: who, where, which key, until when, and when to renew. No clock, no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent-bridge/identities/identity_store.h"
#include "protocol/agent/gatehouse_extensions.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::agent {

/// What a CA call brought. Times are Unix seconds.
struct Issued {
  keys::Certificate certificate;
  std::string role;
  std::uint64_t session_end = 0;  ///< 0: cannot be renewed
};

struct LogIn {
  std::string ca_url;
  std::string ca_file;
  std::string user;
  std::string role;
  std::shared_ptr<keys::PrivateKey> key;
  std::shared_ptr<const keys::Certificate> certificate;
  std::uint64_t session_end = 0;
  std::uint64_t next_renewal = 0;  ///< 0: none
  int failures = 0;                ///< renewals that failed since the last one that did not
  bool renewing = false;
  std::string last_problem;

  /// Takes a new certificate. @param spread  0 to 1, random: so that a fleet does not renew in the same second
  void take(Issued issued, std::uint64_t now, double spread);
  /// Notes a failure. A final one (the CA said no) ends the renewals, another is tried again later and later.
  void failed(std::string problem, bool final, std::uint64_t now, double spread);
  /// Time to ask the CA: by plan, or because the certificate ended while nobody was awake.
  bool wants_renewal(std::uint64_t now) const;
  /// The session and the certificate have ended: nothing is left to keep.
  bool over(std::uint64_t now) const;
  HeldIdentity identity() const;
  SessionStatus status() const;
};

}  // namespace gatehouse::agent
