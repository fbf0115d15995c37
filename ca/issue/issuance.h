/// Turns a decision of the policy into a certificate: intent durable, signed, verified, issued durable, and only then given away.
#pragma once

#include <string>
#include <vector>

#include "ca/authn/authenticator.h"
#include "ca/issue/token.h"
#include "ca/ledger/ledger.h"
#include "ca/policy/policy.h"

namespace gatehouse::ca {

/// What is to be certified, for whom, and why that is right.
struct Order {
  std::string request_id;
  keys::PublicKey subject;
  IssueDecision decision;
  Person requester;
  Proof proof = Proof::password;
  std::string session_id;  ///< of the session that goes on; empty: this request begins one
  std::string nonce;
  std::string reason;
  std::string source_address;
};

class Issuance {
 public:
  Issuance(Ledger& ledger, Token& token) : ledger_(ledger), token_(token) {}
  /// @error ledger_unavailable, bad_nonce (used before), token_unavailable, signing_refused; nothing was given away then
  Judged<CertificateAnswer> issue(const Order& order, UnixTime now);

 private:
  Judged<keys::PublicKey> signing_key(const IssueDecision& decision);
  Judged<ByteVector> sign_and_assemble(const keys::PublicKey& ca_key, const Intent& intent, Bytes to_be_signed);

  Ledger& ledger_;
  Token& token_;
};

/// "user=alice role=operators req=… proof=password"; for hosts "host=web1.example.org role=… req=… by=alice proof=password".
/// Nothing in it may hold a space or a control octet, which the policy and the directory see to for names and principals.
std::string key_id(const Order& order);

/// Not 0, and unpredictable.
std::uint64_t random_serial();
/// 20 hexadecimal digits.
std::string random_request_id();

}  // namespace gatehouse::ca
