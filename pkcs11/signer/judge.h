/// What a signer of each purpose agrees to sign.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "pkcs11/client/messages.h"
#include "pkcs11/signer/limits.h"
#include "pkcs11/token/open_token.h"

namespace gatehouse::pkcs11 {

/// A request that may be signed, as octets.
struct Approved {
  ByteVector key;
  keys::SignatureAlgorithm algorithm;
  ByteVector data;
  SigningNote note;
};

/// Purpose host: exchange hashes, hostkeys-prove, SSHSIG in gatehouse-host. @error FaultKind::refused for all else
SignerResult<Approved> judge_for_host(const Request& request);

/// Purpose ca: certificates and SSHSIG in gatehouse-krl, -trust, -checkpoint, under the limits. For many threads at once.
class CaJudge {
 public:
  /// @error a configured key for which the limits file has no table
  static Result<std::unique_ptr<CaJudge>> make(const Limits& limits, const std::vector<Uri>& configured);

  /// @param keys  the keys that the signer has now
  /// @param now   Unix seconds
  /// @error refused; bad_request for what is malformed or names another key; busy beyond the rate
  SignerResult<Approved> judge(const Request& request, const std::vector<RemoteKey>& keys, std::uint64_t now);

 private:
  struct Allowance {
    KeyLimits limits;
    Rate rate;
  };
  CaJudge() = default;
  SignerResult<Approved> judge_certificate(const SignCertificate& request, const RemoteKey& key, Allowance& allowance, std::uint64_t now);
  SignerResult<Approved> judge_sshsig(const SignSshsig& request, const RemoteKey& key, Allowance& allowance);
  bool within_rate(Allowance& allowance);

  std::mutex mutex_;                          ///< the rates
  std::map<std::string, Allowance> allowed_;  ///< by the URI's text as configured
};

}  // namespace gatehouse::pkcs11
