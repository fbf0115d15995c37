/// What the CA answers: the objects behind the JSON of each end point.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// GET /v1/nonces.
struct NonceAnswer {
  std::string nonce;
  std::uint64_t expires_in = 0;  ///< seconds
  std::string audience;          ///< the CA's id, for the member of that name
  bool operator==(const NonceAnswer&) const = default;
};

/// POST /v1/certificates/user and /v1/certificates/host. Times are Unix seconds.
struct CertificateAnswer {
  std::string certificate;  ///< one line as in a -cert.pub file
  std::string request_id;
  std::uint64_t serial = 0;
  std::string key_id;
  std::string role;
  std::vector<std::string> principals;
  std::uint64_t valid_after = 0;
  std::uint64_t valid_before = 0;
  std::optional<std::uint64_t> session_end;  ///< until when it can be renewed; absent: not at all
  bool operator==(const CertificateAnswer&) const = default;
};

/// POST /v1/revocations.
struct RevocationAnswer {
  std::string request_id;
  std::uint64_t krl_version = 0;  ///< the first KRL that has it
  bool operator==(const RevocationAnswer&) const = default;
};

/// GET /healthz: 200 when all parts are up, else 503.
struct PartHealth {
  std::string name;  ///< "directory", "ledger", "token", …
  bool up = false;
  std::string words;  ///< for a person
  bool operator==(const PartHealth&) const = default;
};
struct HealthAnswer {
  std::vector<PartHealth> parts;
  bool up() const;
  bool operator==(const HealthAnswer&) const = default;
};

/// GET /v1/trust and /v1/krl: a document with a detached signature. The signature travels in the header Gatehouse-Signature (base64 of the
/// SSHSIG blob), and armoured as the answer to the same path with `?signature`.
struct SignedDocument {
  ByteVector content;
  ByteVector signature;  ///< SSHSIG blob
  std::string etag;      ///< without quotes; changes with each re-signing
  bool operator==(const SignedDocument&) const = default;
};

std::string write_answer(const NonceAnswer& answer);
std::string write_answer(const CertificateAnswer& answer);
std::string write_answer(const RevocationAnswer& answer);
std::string write_answer(const HealthAnswer& answer);
/// Unknown members are skipped: a newer CA may say more. @error Problem
Result<NonceAnswer> parse_nonce_answer(std::string_view json);
Result<CertificateAnswer> parse_certificate_answer(std::string_view json);
Result<RevocationAnswer> parse_revocation_answer(std::string_view json);
Result<HealthAnswer> parse_health_answer(std::string_view json);

}  // namespace gatehouse::ca
