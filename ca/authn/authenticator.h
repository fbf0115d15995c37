/// Second half of authentication: who is asking. The directory is asked each time, live.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ca/authn/verified_request.h"
#include "ca/directory/directory.h"
#include "ca/ledger/ledger.h"
#include "ca/policy/policy.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::ca {

/// Somebody whom the directory knows, whose account is in order, and how he proved it.
struct Identified {
  Person person;
  Proof proof = Proof::password;
  std::optional<Session> session;  ///< with proof renewal: the session that goes on
};

/// For any number of threads; calls block on directory and ledger.
class Authenticator {
 public:
  struct Parts {
    Directory* directory;
    Ledger* ledger;
    /// The CA keys whose user certificates may be renewed.
    std::function<Judged<std::vector<keys::PublicKey>>()> user_ca_keys;
    /// Whether a presented certificate is revoked.
    std::function<Judged<bool>(const keys::Certificate&)> revoked;
  };
  /// @param renew_after_end  whether an ended certificate may be renewed while its session lasts
  Authenticator(Parts parts, bool renew_after_end) : parts_(std::move(parts)), renew_after_end_(renew_after_end) {}

  /// @param attributes  of the person's entry that the policy needs
  Judged<Identified> identify(const VerifiedRequest& verified, const std::optional<Password>& password,
                              std::span<const std::string> attributes, UnixTime now) const;

 private:
  Judged<Identified> by_password(const SignedRequest& request, const Password& password, std::span<const std::string> attributes) const;
  Judged<Identified> by_enrolled_key(const VerifiedRequest& verified, std::span<const std::string> attributes) const;
  Judged<Identified> by_certificate(const VerifiedRequest& verified, std::span<const std::string> attributes, UnixTime now) const;
  Judged<keys::Certificate> presented_certificate(const VerifiedRequest& verified) const;

  Parts parts_;
  bool renew_after_end_;
};

/// What the asker and the log read of a directory that refused or did not answer.
Refusal refusal_of(const DirectoryError& error);
Refusal refusal_of(const LedgerError& error);

}  // namespace gatehouse::ca
