#include "protocol/keys/algorithm.h"

#include <array>
#include <cstdlib>

namespace gatehouse::keys {

namespace {

struct KeyRow {
  KeyType type;
  std::string_view blob;
  std::string_view certificate;
};
constexpr std::array<KeyRow, 5> key_rows{{
    {KeyType::ed25519, "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"},
    {KeyType::ecdsa_p256, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"},
    {KeyType::ecdsa_p384, "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com"},
    {KeyType::ecdsa_p521, "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com"},
    {KeyType::rsa, "ssh-rsa", "ssh-rsa-cert-v01@openssh.com"},
}};

struct SignatureRow {
  SignatureAlgorithm algorithm;
  KeyType key;
  std::optional<crypto::Digest> digest;
  std::string_view name;
  std::string_view certificate;  // as a public key algorithm whose key is a certificate
};
// In OpenSSH's order of preference: RSA prefers SHA-512.
constexpr std::array<SignatureRow, 6> signature_rows{{
    {SignatureAlgorithm::ed25519, KeyType::ed25519, std::nullopt, "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"},
    {SignatureAlgorithm::ecdsa_p256, KeyType::ecdsa_p256, crypto::Digest::sha256, "ecdsa-sha2-nistp256",
     "ecdsa-sha2-nistp256-cert-v01@openssh.com"},
    {SignatureAlgorithm::ecdsa_p384, KeyType::ecdsa_p384, crypto::Digest::sha384, "ecdsa-sha2-nistp384",
     "ecdsa-sha2-nistp384-cert-v01@openssh.com"},
    {SignatureAlgorithm::ecdsa_p521, KeyType::ecdsa_p521, crypto::Digest::sha512, "ecdsa-sha2-nistp521",
     "ecdsa-sha2-nistp521-cert-v01@openssh.com"},
    {SignatureAlgorithm::rsa_sha2_512, KeyType::rsa, crypto::Digest::sha512, "rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"},
    {SignatureAlgorithm::rsa_sha2_256, KeyType::rsa, crypto::Digest::sha256, "rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com"},
}};

constexpr std::array<SignatureAlgorithm, 6> by_preference{
    SignatureAlgorithm::ed25519,    SignatureAlgorithm::ecdsa_p256,   SignatureAlgorithm::ecdsa_p384,
    SignatureAlgorithm::ecdsa_p521, SignatureAlgorithm::rsa_sha2_512, SignatureAlgorithm::rsa_sha2_256,
};

const KeyRow& row(KeyType type) {
  for (const KeyRow& candidate : key_rows) {
    if (candidate.type == type) return candidate;
  }
  std::abort();
}

const SignatureRow& row(SignatureAlgorithm algorithm) {
  for (const SignatureRow& candidate : signature_rows) {
    if (candidate.algorithm == algorithm) return candidate;
  }
  std::abort();
}

}  // namespace

std::string_view key_blob_name(KeyType type) { return row(type).blob; }

std::optional<KeyType> key_type_by_blob_name(std::string_view name) {
  for (const KeyRow& candidate : key_rows) {
    if (candidate.blob == name) return candidate.type;
  }
  return std::nullopt;
}

std::string_view certificate_blob_name(KeyType type) { return row(type).certificate; }

std::optional<KeyType> key_type_by_certificate_blob_name(std::string_view name) {
  for (const KeyRow& candidate : key_rows) {
    if (candidate.certificate == name) return candidate.type;
  }
  return std::nullopt;
}

std::string_view signature_name(SignatureAlgorithm algorithm) { return row(algorithm).name; }

std::optional<SignatureAlgorithm> signature_by_name(std::string_view name) {
  for (const SignatureRow& candidate : signature_rows) {
    if (candidate.name == name) return candidate.algorithm;
  }
  return std::nullopt;
}

KeyType key_type_of(SignatureAlgorithm algorithm) { return row(algorithm).key; }

std::optional<crypto::Digest> signature_digest(SignatureAlgorithm algorithm) { return row(algorithm).digest; }

SignatureAlgorithm preferred_signature(KeyType type) { return signatures_of(type).front(); }

std::span<const SignatureAlgorithm> signatures_of(KeyType type) {
  const std::span<const SignatureAlgorithm> all(by_preference);
  switch (type) {
    case KeyType::ed25519:
      return all.subspan(0, 1);
    case KeyType::ecdsa_p256:
      return all.subspan(1, 1);
    case KeyType::ecdsa_p384:
      return all.subspan(2, 1);
    case KeyType::ecdsa_p521:
      return all.subspan(3, 1);
    case KeyType::rsa:
      return all.subspan(4, 2);
  }
  std::abort();
}

std::optional<PublicKeyAlgorithm> public_key_algorithm_by_name(std::string_view name) {
  for (const SignatureRow& candidate : signature_rows) {
    if (candidate.name == name) return PublicKeyAlgorithm{candidate.algorithm, false};
    if (candidate.certificate == name) return PublicKeyAlgorithm{candidate.algorithm, true};
  }
  return std::nullopt;
}

std::string_view public_key_algorithm_name(PublicKeyAlgorithm algorithm) {
  return algorithm.certificate ? row(algorithm.signature).certificate : row(algorithm.signature).name;
}

std::span<const PublicKeyAlgorithm> all_public_key_algorithms() {
  static constexpr std::array<PublicKeyAlgorithm, 12> all = [] {
    std::array<PublicKeyAlgorithm, 12> rows{};
    for (std::size_t i = 0; i < by_preference.size(); ++i) {
      rows[i] = {by_preference[i], true};
      rows[i + by_preference.size()] = {by_preference[i], false};
    }
    return rows;
  }();
  return all;
}

}  // namespace gatehouse::keys
