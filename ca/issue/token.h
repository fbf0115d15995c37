/// The CA's keys behind the running signer: which there are, and signatures by them. Shared by all worker threads.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ca/authn/refusal.h"
#include "pkcs11/client/signer_client.h"

namespace gatehouse::ca {

/// Which configured key serves what; URIs as in table [keys] and as on the signer's command line.
struct KeyUris {
  std::vector<std::string> user_ca;  ///< the first one signs unless a role names another
  std::vector<std::string> host_ca;
  std::string trust;
  std::string krl;  ///< may be the trust key
  /// Each URI once, for the signer's command line.
  std::vector<std::string> all() const;
};

/// One key of the CA as found on the token.
struct CaKey {
  std::string label;  ///< CKA_LABEL: what `issuer` in the policy names
  keys::PublicKey key;
};
/// All of them; complete or not there at all: a trust bundle must never shrink because a token is half there.
struct CaKeys {
  std::vector<CaKey> user_ca;
  std::vector<CaKey> host_ca;
  CaKey trust;
  CaKey krl;
};

class Token {
 public:
  Token(std::string signer_socket, KeyUris uris) : socket_(std::move(signer_socket)), uris_(std::move(uris)) {}

  /// At most five seconds old. @error token_unavailable, with words that say which key is missing or why the token is away
  Judged<std::shared_ptr<const CaKeys>> keys();
  /// The signature blob over a certificate's to-be-signed octets, verified with `key`.
  Judged<ByteVector> sign_certificate(const keys::PublicKey& key, Bytes to_be_signed);
  /// The SSHSIG blob over `message`, verified with `key`.
  Judged<ByteVector> sign_document(const keys::PublicKey& key, std::string_view name_space, Bytes message);
  /// Whether it would sign now, and words for a person.
  struct Health {
    bool up;
    std::string words;
  };
  Health health();

 private:
  using Clock = std::chrono::steady_clock;
  /// A signer client for one question; clients serve one thread at a time.
  class Borrowed;
  std::unique_ptr<pkcs11::SignerClient> borrow();
  void give_back(std::unique_ptr<pkcs11::SignerClient> client);
  Judged<std::shared_ptr<const CaKeys>> read_keys();
  void forget_keys();

  std::string socket_;
  KeyUris uris_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<pkcs11::SignerClient>> idle_;
  std::shared_ptr<const CaKeys> keys_;
  Clock::time_point read_at_{};
};

/// What asker and log read of a signer that did not sign.
Refusal refusal_of(const pkcs11::SignerFault& fault);

}  // namespace gatehouse::ca
