/// Ephemeral key agreement: curve25519 (RFC 8731), ECDH over the NIST curves (RFC 5656 section 4).
///
/// The interface has the shape of a key encapsulation: the client starts, the server answers with its share and already has K, the client
/// finishes. Plain Diffie-Hellman fits into that, and so do the hybrids (mlkem768x25519-sha256, sntrup761x25519-sha512), whose server
/// share depends on the client's: a hybrid is one more KexMethod, a row in the table and a branch in these three functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/core/secret.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::crypto {

/// curve25519-sha256 has two names on the wire and is one method for all but negotiation.
enum class KexMethod : std::uint8_t { curve25519_sha256, curve25519_sha256_libssh, ecdh_nistp256, ecdh_nistp384, ecdh_nistp521 };

/// How K enters the exchange hash and the key derivation (RFC 4253 section 7.2): as an mpint, or in hybrids as a string.
enum class SharedSecretEncoding : std::uint8_t { mpint, string };

/// "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", …
std::string_view kex_method_name(KexMethod method);
std::optional<KexMethod> kex_method_by_name(std::string_view name);
/// All of them, in our order of preference.
std::span<const KexMethod> all_kex_methods();
/// The hash of the exchange hash and of the key derivation.
Digest kex_digest(KexMethod method);
SharedSecretEncoding shared_secret_encoding(KexMethod method);
/// K with its length as it is hashed: by shared_secret_encoding().
/// @param shared_secret  big-endian magnitude (leading zero octets are fine), or the octets of the string
SecretBytes encode_shared_secret(KexMethod method, const SecretBytes& shared_secret);

/// The client's half of one key exchange: its ephemeral key, for one use.
class KeyAgreement {
 public:
  /// Draws an ephemeral key. A random generator that fails ends the process.
  static KeyAgreement start(KexMethod method);
  KeyAgreement(KeyAgreement&&) noexcept;
  KeyAgreement& operator=(KeyAgreement&&) noexcept;
  ~KeyAgreement();

  KexMethod method() const;
  /// Q_C as in SSH_MSG_KEX_ECDH_INIT: 32 octets for curve25519, an uncompressed point else.
  Bytes share() const;
  /// K out of the server's share Q_S: for encode_shared_secret(). The ephemeral key is gone afterwards.
  /// @error bad_key_share: wrong length, not an uncompressed point on the curve, the point at infinity, X25519 result all zero
  ProtocolResult<SecretBytes> finish(Bytes server_share) &&;

 private:
  struct Content;
  explicit KeyAgreement(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

/// The server's half.
struct KeyAgreementAnswer {
  ByteVector share;           ///< Q_S
  SecretBytes shared_secret;  ///< K, for encode_shared_secret()
};
/// Draws an ephemeral key and agrees with the client's share Q_C.
/// @error bad_key_share, as KeyAgreement::finish
ProtocolResult<KeyAgreementAnswer> answer_key_agreement(KexMethod method, Bytes client_share);

}  // namespace gatehouse::crypto
