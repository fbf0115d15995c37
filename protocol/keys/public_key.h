/// Plain public keys (RFC 4253 section 6.6, RFC 5656, RFC 8709, RFC 8332).
#pragma once

#include <memory>
#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/keys/algorithm.h"

namespace gatehouse::keys {

/// What a key blob may be at most; checked before anything is parsed.
inline constexpr std::size_t max_key_blob = 16 * 1024;
inline constexpr int min_rsa_bits = 2048;
inline constexpr int max_rsa_bits = 16384;

/// A valid key of a type we know: the ECDSA point is on the curve, the Ed25519 point not of small order (one that is on no curve verifies
/// nothing), the modulus within bounds. Cheap to copy (shared, immutable).
class PublicKey {
 public:
  /// From a key blob. A certificate blob is refused: it is no plain key.
  /// @error bad_encoding (malformed, left-over octets, unknown type, point off the curve or of small order, RSA modulus out of bounds or e
  /// not odd/too big)
  static ProtocolResult<PublicKey> parse(Bytes blob);
  /// "ssh-ed25519 AAAA… comment" as in a .pub file. The comment is dropped.
  static Result<PublicKey> parse_line(std::string_view line);
  static ProtocolResult<PublicKey> from_ed25519(Bytes public_key);
  /// @param point  uncompressed: 04 ‖ X ‖ Y
  static ProtocolResult<PublicKey> from_ecdsa(KeyType type, Bytes point);
  static ProtocolResult<PublicKey> from_rsa(Bytes exponent, Bytes modulus);

  KeyType type() const;
  /// The blob as it goes over the wire.
  Bytes blob() const;
  /// 256, 384, 521, or the modulus size.
  int bits() const;
  /// "SHA256:" and unpadded base64, as ssh-keygen prints.
  std::string fingerprint() const;
  /// "ssh-ed25519 AAAA… comment", no newline.
  std::string line(std::string_view comment = {}) const;

  /// Whether `signature_blob` (string name, string signature) is this key's signature over `data` by exactly `algorithm`.
  /// False for any malformed blob, a name other than the algorithm's, or another key type.
  bool verify(SignatureAlgorithm algorithm, Bytes data, Bytes signature_blob) const;
  /// As verify, by whichever algorithm of the key's type the blob names. @return the algorithm, or nothing
  std::optional<SignatureAlgorithm> verify_any(Bytes data, Bytes signature_blob) const;

  bool operator==(const PublicKey& other) const { return equal(blob(), other.blob()); }

 private:
  struct Content;
  explicit PublicKey(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
  std::shared_ptr<const Content> content_;
};

/// "SHA256:…" of any key or certificate blob.
std::string fingerprint_of(Bytes blob);

/// Signature blob parts, for those who talk to a token: raw r‖s (ECDSA, halves of equal length), the RFC 8032 or PKCS#1 octets else.
ByteVector signature_blob(SignatureAlgorithm algorithm, Bytes raw_signature);

}  // namespace gatehouse::keys
