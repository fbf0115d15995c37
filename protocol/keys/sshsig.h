/// SSHSIG (OpenSSH PROTOCOL.sshsig): signatures over messages, with a namespace.
#pragma once

#include <string>

#include "protocol/core/error.h"
#include "protocol/keys/signer.h"

namespace gatehouse::keys {

/// One namespace per purpose; a signature made for one is worthless for the others.
namespace sshsig_namespace {
inline constexpr std::string_view possession = "gatehouse-possession";
inline constexpr std::string_view identity = "gatehouse-identity";
inline constexpr std::string_view admin = "gatehouse-admin";
inline constexpr std::string_view host = "gatehouse-host";
inline constexpr std::string_view trust = "gatehouse-trust";
inline constexpr std::string_view krl = "gatehouse-krl";
inline constexpr std::string_view checkpoint = "gatehouse-checkpoint";
}  // namespace sshsig_namespace

/// Room for a certificate, its signature and the rest; checked before anything is parsed.
inline constexpr std::size_t max_sshsig_blob = 96 * 1024;

/// The octets that the key signs: "SSHSIG", namespace, reserved, "sha512", H(message).
ByteVector sshsig_to_be_signed(std::string_view name_space, Bytes message);
/// The SSHSIG blob (magic, version 1, public key, namespace, reserved, hash algorithm, signature).
/// @param public_key_blob  a plain key or a certificate
ByteVector sshsig_blob(Bytes public_key_blob, std::string_view name_space, Bytes signature_blob);
/// "-----BEGIN SSH SIGNATURE-----" … with 70 columns, as ssh-keygen writes and reads.
std::string sshsig_armor(Bytes blob);
/// The armoured text to the blob. @error Problem
Result<ByteVector> sshsig_dearmor(std::string_view text);

/// A parsed SSHSIG.
struct Sshsig {
  ByteVector public_key_blob;  ///< a plain key or a certificate, not judged
  std::string name_space;
  std::string hash_algorithm;  ///< "sha256" or "sha512"
  ByteVector signature_blob;
};
/// @error bad_encoding: malformed, left-over octets, a version other than 1, an empty namespace, a hash other than sha256 and sha512
ProtocolResult<Sshsig> parse_sshsig(Bytes blob);

/// Signs. @error what the signer says
Result<ByteVector> sshsig_sign(Signer& signer, std::string_view name_space, Bytes message);
/// Whether `signature` is over `message` in `name_space` by the plain key or certificate's subject key it carries.
/// The caller decides whether that key means anything. @return the signing plain key, or nothing
std::optional<PublicKey> sshsig_verify(const Sshsig& signature, std::string_view name_space, Bytes message);

}  // namespace gatehouse::keys
