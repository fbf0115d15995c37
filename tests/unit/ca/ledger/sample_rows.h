/// Rows with real certificates.
#pragma once

#include <string>

#include "ca/ledger/rows.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/random.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::test {

inline keys::PrivateKey& ca_key() {
  static keys::PrivateKey key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  return key;
}
inline const keys::PublicKey& subject_key() {
  static const keys::PrivateKey key = keys::PrivateKey::generate(keys::KeyType::ed25519);
  return key.public_key();
}

struct Sample {
  ca::Intent intent;
  ca::Issued issued;
};

/// A certificate for `name`. @param number  makes request id, nonce and session of their own
inline Sample sample(std::uint64_t serial, const std::string& number, const std::string& name = "alice") {
  Sample made;
  ca::Intent& intent = made.intent;
  intent.request_id = "request-" + number;
  intent.fields.type = keys::CertificateType::user;
  intent.fields.serial = serial;
  intent.fields.key_id = "user=" + name + " req=" + number;
  intent.fields.principals = {name, "operator"};
  intent.fields.valid_after = 1768478340;
  intent.fields.valid_before = 1768482000;
  intent.fields.critical_options = {{"force-command", "echo \"\\\n\t'x' \xe2\x82\xac", true}, {"source-address", "10.0.0.0/8", true}};
  intent.fields.extensions = {{"permit-pty", "", false}, {"session-end@gatehouse", "1768521600", true}};
  const auto to_be_signed = keys::certificate_to_be_signed(subject_key(), intent.fields, crypto::random_bytes(32), ca_key().public_key());
  intent.to_be_signed_sha256 = crypto::hash(crypto::Digest::sha256, to_be_signed);
  intent.ca_key = to_vector(ca_key().public_key().blob());
  intent.subject_key = to_vector(subject_key().blob());
  intent.nonce = "nonce-" + number;
  intent.session_id = "session-" + number;
  intent.session_start = std::chrono::sys_seconds(std::chrono::seconds(1768478400));
  intent.session_end = std::chrono::sys_seconds(std::chrono::seconds(1768521600));
  intent.proofs = {"password"};
  intent.role = "user";
  intent.policy_hash = std::string(64, 'a');
  intent.reason = "incident \"7\"; DROP TABLE intents; --";
  intent.requester_name = name;
  intent.requester_dn = "uid=" + name + ",ou=people,dc=example,dc=test";
  intent.requester_uuid = "5cd2c2f6-0000-0000-0000-000000000000";
  intent.source_address = "127.0.0.1";
  intent.time = ca::LedgerTime(std::chrono::milliseconds(1768478400123));
  const auto signature = ca_key().sign(keys::SignatureAlgorithm::ed25519, to_be_signed);
  made.issued = {intent.request_id, keys::assemble_certificate(to_be_signed, *signature),
                 ca::LedgerTime(std::chrono::milliseconds(1768478400456))};
  return made;
}

inline ca::RevocationRow revocation(std::uint64_t serial) {
  ca::RevocationRow row;
  row.kind = ca::RevocationKind::serial;
  row.serial = serial;
  row.ca_key = to_vector(ca_key().public_key().blob());
  row.reason = "key lost";
  row.who = "dora";
  row.time = ca::LedgerTime(std::chrono::milliseconds(1768478400789));
  return row;
}

}  // namespace gatehouse::test
