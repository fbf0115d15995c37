/// What the ledger records.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::ca {

/// Milliseconds since 1970, as all times of the ledger that are not a certificate's.
using LedgerTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Written, durably, before the token is asked to sign.
struct Intent {
  std::string request_id;          ///< unique
  keys::CertificateFields fields;  ///< all that the certificate will say; the serial is unique and not 0
  ByteVector to_be_signed_sha256;  ///< 32 octets
  ByteVector ca_key;               ///< blob of the key that is to sign
  ByteVector subject_key;          ///< blob of the certified key
  std::string nonce;               ///< unique: a nonce is used once because of this column
  std::string session_id;
  std::chrono::sys_seconds session_start{};
  std::chrono::sys_seconds session_end{};
  std::vector<std::string> proofs;  ///< "password", "renewal", …
  std::string role;
  std::string policy_hash;
  std::string reason;
  std::string requester_name;
  std::string requester_dn;
  std::string requester_uuid;
  std::string source_address;
  LedgerTime time{};
};

/// Written, durably, before the certificate leaves.
struct Issued {
  std::string request_id;
  ByteVector certificate;  ///< the blob
  LedgerTime time{};
};

/// The signature did not come: the intent stays without a certificate.
struct Failed {
  std::string request_id;
  std::string reason;
  LedgerTime time{};
};

enum class RevocationKind : std::uint8_t { serial, key_id, key };

struct RevocationRow {
  RevocationKind kind = RevocationKind::serial;
  std::uint64_t serial = 0;  ///< kind serial; never 0
  ByteVector ca_key;         ///< blob; empty: certificates of any CA (not for kind key)
  std::string key_id;        ///< kind key_id
  ByteVector key;            ///< kind key: blob
  std::string reason;
  std::string who;
  std::string nonce;                              ///< of the signed request; unique where not empty
  std::optional<std::chrono::sys_seconds> until;  ///< after which no certificate that it hits can be valid, so that the KRL may forget it
  LedgerTime time{};
  std::uint64_t krl_version = 0;  ///< filled in by the ledger
};

/// An intent and what became of it.
struct LedgerRecord {
  std::string node;
  Intent intent;
  std::optional<Issued> issued;
  std::optional<Failed> failed;
};

}  // namespace gatehouse::ca
