/// The decision who may log in: a pure function of request, trusted keys, settings and time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/keys/krl.h"
#include "sshd/authorizer/grant.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

/// A publickey request and what the authorizer itself knows of its connection. All text and octets are borrowed.
struct AuthenticationRequest {
  std::string_view user;
  bool account_exists = false;
  std::string_view service;
  bool host_bound = false;
  std::string_view algorithm;
  Bytes public_key;
  std::optional<Bytes> signature;        ///< none: a query
  std::optional<Bytes> principals_file;  ///< content, where AuthorizedPrincipalsFile is set and the file could be read
  Bytes session_id;                      ///< H of the first key exchange, the authorizer's own
  Bytes host_key;                        ///< K_S of the first key exchange
  std::string_view address;              ///< of the peer, numeric
};

/// A revocation list of either form.
struct RevocationList {
  keys::Krl list;
  /// Only a KRL has a date; RevokedKeysMaxAge refuses a list without.
  bool dated = false;
  std::string path;
};

/// CA keys and revocation lists of the files that the settings name, as they are now.
struct Trust {
  std::vector<keys::PublicKey> trusted;
  std::vector<keys::PublicKey> break_glass;
  std::vector<std::shared_ptr<const RevocationList>> revoked;
  std::optional<Problem> trust_problem;  ///< a CA file cannot be used: nobody gets in
  std::optional<Problem> krl_problem;    ///< a revocation list cannot be used: nobody gets in
};

/// Back-dating that a CA may do without using up MaxCertificateLifetime.
inline constexpr std::uint64_t backdating_seconds = 5 * 60;

/// In this order, so that little is done for strangers and nothing unverified is read: sizes; the algorithm's name; the kind of key;
/// signature key compared with the trusted CA keys; the CA's signature over the raw octets and its algorithm; only then all that the
/// certificate says; its revocation; the key's size; and the user's signature over data built from the fields above.
/// @param now  Unix seconds
Verdict decide(const AuthenticationRequest& request, const Trust& trust, const Settings& settings, std::uint64_t now);

/// Whether a certificate that was granted earlier is revoked by now. @return what to say about it, or nothing
std::optional<std::string> revoked_since(const keys::Certificate& certificate, const Trust& trust);

}  // namespace gatehouse::sshd
