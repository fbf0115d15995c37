/// Key types and signature algorithms: their wire names, each spelled once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/crypto/digest.h"

namespace gatehouse::keys {

/// Kinds of plain keys. FIDO (sk-*) types are not among them.
enum class KeyType : std::uint8_t { ed25519, ecdsa_p256, ecdsa_p384, ecdsa_p521, rsa };

/// How a signature was made. RSA keys have two; "ssh-rsa" (SHA-1) is not among them and never accepted.
enum class SignatureAlgorithm : std::uint8_t { ed25519, ecdsa_p256, ecdsa_p384, ecdsa_p521, rsa_sha2_256, rsa_sha2_512 };

/// "ssh-ed25519", "ecdsa-sha2-nistp256", … "ssh-rsa": the name inside the key blob.
std::string_view key_blob_name(KeyType type);
std::optional<KeyType> key_type_by_blob_name(std::string_view name);
/// "ssh-ed25519-cert-v01@openssh.com", …, "ssh-rsa-cert-v01@openssh.com": the name inside the certificate blob.
std::string_view certificate_blob_name(KeyType type);
std::optional<KeyType> key_type_by_certificate_blob_name(std::string_view name);

/// "ssh-ed25519", …, "rsa-sha2-512": the name inside a signature blob and in server-sig-algs.
std::string_view signature_name(SignatureAlgorithm algorithm);
std::optional<SignatureAlgorithm> signature_by_name(std::string_view name);
KeyType key_type_of(SignatureAlgorithm algorithm);
/// The digest under the signature, for those who give a token a prehash; none for Ed25519, which takes the data itself.
std::optional<crypto::Digest> signature_digest(SignatureAlgorithm algorithm);
/// The one algorithm of the type; rsa_sha2_512 for RSA.
SignatureAlgorithm preferred_signature(KeyType type);
/// The algorithms a key of the type can make, preferred first.
std::span<const SignatureAlgorithm> signatures_of(KeyType type);

/// A name from HostKeyAlgorithms or PubkeyAcceptedAlgorithms: which signature, and whether the key travels as a certificate.
/// "rsa-sha2-512-cert-v01@openssh.com" is {rsa_sha2_512, true}; its blob says "ssh-rsa-cert-v01@openssh.com".
struct PublicKeyAlgorithm {
  SignatureAlgorithm signature;
  bool certificate;
  bool operator==(const PublicKeyAlgorithm&) const = default;
};
std::optional<PublicKeyAlgorithm> public_key_algorithm_by_name(std::string_view name);
std::string_view public_key_algorithm_name(PublicKeyAlgorithm algorithm);
/// All of them, in OpenSSH's order of preference.
std::span<const PublicKeyAlgorithm> all_public_key_algorithms();

}  // namespace gatehouse::keys
