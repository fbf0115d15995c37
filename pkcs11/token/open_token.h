/// A token that is logged in, with the configured keys found on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkcs11/token/signing.h"

namespace gatehouse::pkcs11 {

/// What a signature was made for, for the log of all that was signed.
struct SigningNote {
  std::string kind;  ///< "exchange-hash", "user-certificate", "self-test", …
  std::optional<std::uint64_t> serial;
  std::string key_id;
};
/// Told of each signature before it is released; when it fails, the signature is not.
using SigningRecord =
    std::function<Result<void>(const SigningNote& note, const keys::PublicKey& key, keys::SignatureAlgorithm algorithm, Bytes data)>;

/// A key as configured, and what was found.
struct ConfiguredKey {
  Uri uri;
  std::optional<TokenKey> found;
  std::string trouble;
};

class OpenToken {
 public:
  /// Finds the token, logs in, finds the keys, makes a test signature with each. C_Initialize was done.
  /// @error the token is not there or does not answer, the PIN; or no key at all was found, which is also how a lost token looks. A key
  /// that is missing or unfit beside others is told in its `trouble`.
  static TokenResult<std::unique_ptr<OpenToken>> open(const CK_FUNCTION_LIST& functions, const std::vector<Uri>& uris, PinSource& pin,
                                                      std::size_t sessions, const SigningRecord& record);

  SessionPool& pool() { return pool_; }
  const std::vector<ConfiguredKey>& keys() const { return keys_; }
  const TokenKey* key(Bytes public_key_blob) const;
  /// Looks again for the keys that were not found. Nobody else uses the token meanwhile. @return whether one was found
  TokenResult<bool> look_again(PinSource& pin, const SigningRecord& record);

 private:
  OpenToken(const CK_FUNCTION_LIST& functions, TokenInfo info, Session login_session, std::size_t sessions)
      : info_(std::move(info)), pool_(functions, info_.slot, std::move(login_session), sessions) {}
  TokenResult<void> find(ConfiguredKey& key, PinSource& pin, const SigningRecord& record);

  TokenInfo info_;
  SessionPool pool_;
  std::vector<ConfiguredKey> keys_;
};

}  // namespace gatehouse::pkcs11
