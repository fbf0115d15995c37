/// The client of the CA's API: JSON over TLS 1.3, blocking, with a deadline per call. Used by the agent and by the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ca/api/answer.h"
#include "ca/api/problem_document.h"
#include "protocol/core/secret.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/signer.h"

namespace gatehouse::ca {

/// Why a call failed. `problem` is for a person and carries the CA's own words where it gave any.
struct ClientError {
  enum class Kind : std::uint8_t {
    unreachable,  ///< no connection, no TLS, wrong certificate, no answer in time
    refused,      ///< the CA answered with a problem document
    bad_answer,   ///< not what the API says
    own_side,     ///< the local signer or a local file
  };
  Kind kind = Kind::unreachable;
  Problem problem;
  std::optional<ProblemType> type{};  ///< when refused
  bool try_again_later = false;       ///< the same call may well succeed later: unreachable, 429 and 503
  std::optional<std::chrono::seconds> retry_after{};
  std::string request_id{};  ///< to look it up in the CA's audit log
};
template <class T>
using ClientResult = Result<T, ClientError>;

/// How the caller shows who he is; everything pointed to must outlive the call.
struct PasswordIdentity {
  std::string user;
  const SecretBytes* password;
};
/// A service account's enrolled key (sshPublicKey in the directory).
struct KeyIdentity {
  std::string account;
  keys::Signer* key;
};
/// Renewal: the current certificate and its key. The new certificate is for the same key.
struct CertificateIdentity {
  const keys::Certificate* certificate;
  keys::Signer* key;
};
using Identity = std::variant<PasswordIdentity, KeyIdentity, CertificateIdentity>;

/// What is wished for; what is left empty is as the role says.
struct CertificateWish {
  std::string role;
  std::vector<std::string> principals;  ///< for hosts: the names, at least one
  std::optional<std::chrono::seconds> lifetime{};
  std::string reason;
};
struct RevocationWish {
  std::vector<std::uint64_t> serials;
  std::vector<std::string> key_ids;
  std::vector<keys::PublicKey> keys;
  std::string reason;
};

/// One CA. For one thread at a time; keeps its connection open between calls. Make it after a fork.
class CaClient {
 public:
  struct Settings {
    std::string url;      ///< "https://ca.example.org:8443"
    std::string ca_file;  ///< PEM with the certificates that may vouch for the CA's TLS certificate; empty: the system's
    std::string ca_id;    ///< the audience of our requests; empty: what the CA calls itself
    std::chrono::milliseconds timeout{20000};  ///< for a call, connecting included
  };
  /// Connects when it is first asked something. @error Problem: the URL is no https URL, the file is not readable or holds no certificate
  static Result<CaClient> open(Settings settings);
  CaClient(CaClient&&) noexcept;
  CaClient& operator=(CaClient&&) noexcept;
  ~CaClient();

  /// A certificate for `subject`, which also proves that it is there. With CertificateIdentity this is a renewal and `subject` must be its
  /// key. The answer is checked: it is a user certificate for this key, signed by the key it names, and valid for as long as it says.
  ClientResult<CertificateAnswer> user_certificate(const CertificateWish& wish, const Identity& identity, keys::Signer& subject);
  /// As user_certificate, with the current certificate as the proof.
  ClientResult<CertificateAnswer> renew(const keys::Certificate& current, keys::Signer& subject, const CertificateWish& wish = {});
  /// @param host_key  makes SSHSIG in namespace gatehouse-host: the running host signer (pkcs11::RemoteSigner) does
  ClientResult<CertificateAnswer> host_certificate(const CertificateWish& wish, const Identity& identity, keys::Signer& host_key);
  ClientResult<RevocationAnswer> revoke(const RevocationWish& wish, const Identity& identity);

  /// Octets and signature as they came: the caller verifies them with a pinned trust key (verify_document) before it parses them.
  ClientResult<SignedDocument> trust();
  /// @param known_etag  of the KRL at hand; nothing comes back when it is still the newest
  /// @param wait        how long the CA may hold the request open until there is a newer one (0 to 60 s)
  ClientResult<std::optional<SignedDocument>> krl(const std::string& known_etag = {}, std::chrono::seconds wait = {});
  /// Also the answer of a CA that is not well comes back as a value.
  ClientResult<HealthAnswer> health();
  ClientResult<NonceAnswer> nonce();

 private:
  class Impl;
  explicit CaClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Whether one of `pinned` (fingerprints "SHA256:…") signed the document in `name_space` (gatehouse-trust, gatehouse-krl).
/// @error Problem: no signature, not over these octets, or by another key, which it names
Result<void> verify_document(const SignedDocument& document, std::string_view name_space, const std::vector<std::string>& pinned);

}  // namespace gatehouse::ca
