/// What the authorizer answers to an authentication request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/core/bytes.h"

namespace gatehouse::sshd {

/// Why nobody got in. The words are those of the audit lines; the peer learns none of them.
enum class Reason : std::uint8_t {
  no_certificate,         ///< a plain key
  unsupported_algorithm,  ///< not in PubkeyAcceptedAlgorithms, or unknown, or not that of the certificate
  malformed,              ///< no well-formed certificate
  untrusted_ca,           ///< the signature key is no trusted CA key, or the CA's signature is wrong
  ca_algorithm,           ///< the CA signed by an algorithm outside CASignatureAlgorithms
  not_a_user_certificate,
  not_yet_valid,
  expired,
  lifetime_exceeds_maximum,
  no_principals,
  principal_mismatch,
  source_address,
  unknown_critical_option,
  key_too_small,  ///< RequiredRSASize
  revoked,
  krl_unavailable,          ///< RevokedKeys is missing, unreadable, malformed or older than RevokedKeysMaxAge
  trust_unavailable,        ///< TrustedUserCAKeys is missing, unreadable or malformed
  principals_unavailable,   ///< AuthorizedPrincipalsFile could not be read
  forced_command_conflict,  ///< certificate and principals file force different commands
  bad_signature,            ///< the user's
  invalid_user,             ///< no such account; all else was checked first, so that it takes the same time
};
std::string_view reason_word(Reason reason);
std::optional<Reason> reason_by_word(std::string_view word);

/// What is known of a certificate, for the log. Serial and key id are empty as long as no trusted CA vouches for them.
struct CertificateFacts {
  std::string fingerprint;     ///< of the subject key; of the whole blob when it was not parsed
  std::string ca_fingerprint;  ///< of the signature key, trusted or not; empty for a plain key
  std::optional<std::uint64_t> serial;
  std::string key_id;
  bool operator==(const CertificateFacts&) const = default;
};

struct Refusal {
  Reason reason;
  std::string detail;  ///< one line for our log; a peer's text in it is escaped
  CertificateFacts certificate;
  bool operator==(const Refusal&) const = default;
};

/// What a session may do, as far as certificate and principals file say; the configuration may take away more.
struct Permits {
  bool pty = false;
  bool port_forwarding = false;
  bool agent_forwarding = false;
  bool x11_forwarding = false;
  bool user_rc = false;
  bool operator==(const Permits&) const = default;
};

/// Yes: this user proved possession of the certificate's key. Account state, Allow/Deny and PermitRootLogin are the monitor's.
struct Grant {
  std::string user;
  std::string principal;  ///< the one that matched
  CertificateFacts certificate;
  std::string key_type;             ///< "ssh-ed25519-cert-v01@openssh.com"
  std::string ca_key_type;          ///< "ecdsa-sha2-nistp256"
  std::string signature_algorithm;  ///< "rsa-sha2-512"
  ByteVector certificate_sha256;    ///< 32 octets, of the blob
  std::optional<std::string> force_command;
  std::vector<std::string> source_addresses;  ///< CIDR; empty: anywhere
  Permits permits;
  std::uint64_t valid_after = 0;             ///< Unix seconds
  std::uint64_t valid_before = 0;            ///< Unix seconds
  std::optional<std::uint64_t> session_end;  ///< Unix seconds (session-end@gatehouse)
  bool break_glass = false;                  ///< signed by one of BreakGlassCAKeys
  bool operator==(const Grant&) const = default;
};

/// A query without signature that would be granted with one (SSH_MSG_USERAUTH_PK_OK). Never a grant.
struct Acceptable {
  CertificateFacts certificate;
  bool operator==(const Acceptable&) const = default;
};

using Verdict = std::variant<Grant, Acceptable, Refusal>;

}  // namespace gatehouse::sshd
