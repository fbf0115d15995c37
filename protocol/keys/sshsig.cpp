#include "protocol/keys/sshsig.h"

#include <algorithm>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::keys {

namespace {

constexpr std::string_view magic = "SSHSIG";
constexpr std::uint32_t version = 1;
constexpr std::string_view begin_line = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view end_line = "-----END SSH SIGNATURE-----";
constexpr std::size_t columns = 70;
constexpr std::string_view white = " \t\r\n";

std::optional<crypto::Digest> digest_by_name(std::string_view name) {
  if (name == "sha512") return crypto::Digest::sha512;
  if (name == "sha256") return crypto::Digest::sha256;
  return std::nullopt;
}

ByteVector to_be_signed(std::string_view name_space, std::string_view hash_algorithm, Bytes message_hash) {
  WireWriter out;
  out.raw(as_bytes(magic)).string(name_space).string("").string(hash_algorithm).string(message_hash);
  return out.take();
}

/// The plain key that signs: the key itself, or a certificate's subject.
std::optional<PublicKey> signing_key(Bytes blob) {
  const std::string_view type = WireReader(blob).text();
  if (key_type_by_certificate_blob_name(type)) {
    const ProtocolResult<Certificate> certificate = Certificate::parse(blob);
    if (!certificate) return std::nullopt;
    return certificate->subject();
  }
  ProtocolResult<PublicKey> key = PublicKey::parse(blob);
  if (!key) return std::nullopt;
  return std::move(*key);
}

}  // namespace

ByteVector sshsig_to_be_signed(std::string_view name_space, Bytes message) {
  return to_be_signed(name_space, "sha512", crypto::hash(crypto::Digest::sha512, message));
}

ByteVector sshsig_blob(Bytes public_key_blob, std::string_view name_space, Bytes signature_blob) {
  WireWriter out;
  out.raw(as_bytes(magic)).uint32(version).string(public_key_blob).string(name_space).string("").string("sha512").string(signature_blob);
  return out.take();
}

std::string sshsig_armor(Bytes blob) {
  const std::string encoded = base64(blob);
  std::string text(begin_line);
  text += '\n';
  for (std::size_t at = 0; at < encoded.size(); at += columns) {
    text.append(encoded, at, columns);
    text += '\n';
  }
  text += end_line;
  text += '\n';
  return text;
}

Result<ByteVector> sshsig_dearmor(std::string_view text) {
  if (text.size() > 2 * max_sshsig_blob) return problem("SSH signature too long");
  text.remove_prefix(std::min(text.find_first_not_of(white), text.size()));
  if (text.substr(0, begin_line.size()) != begin_line) return problem("not an SSH signature: its first line is missing");
  text.remove_prefix(begin_line.size());
  const std::size_t end = text.find(end_line);
  if (end == text.npos) return problem("not an SSH signature: its last line is missing");
  if (text.find_first_not_of(white, end + end_line.size()) != text.npos) return problem("text after the SSH signature's last line");
  std::string packed;
  packed.reserve(end);
  for (const char c : text.substr(0, end)) {
    if (white.find(c) == white.npos) packed += c;
  }
  std::optional<ByteVector> blob = unbase64(packed);
  if (!blob) return problem("the SSH signature's base64 is malformed");
  return std::move(*blob);
}

ProtocolResult<Sshsig> parse_sshsig(Bytes blob) {
  if (blob.size() > max_sshsig_blob) return violation(Violation::bad_encoding, "SSHSIG: too long");
  WireReader reader(blob);
  if (as_text(reader.raw(magic.size())) != magic) return violation(Violation::bad_encoding, "SSHSIG: wrong magic");
  if (reader.uint32() != version) return violation(Violation::bad_encoding, "SSHSIG: unknown version");
  Sshsig parsed;
  parsed.public_key_blob = to_vector(reader.string());
  parsed.name_space = to_string(reader.string());
  reader.string();  // PROTOCOL.sshsig: "Implementations should ignore the reserved field if it is not empty"
  parsed.hash_algorithm = to_string(reader.string());
  parsed.signature_blob = to_vector(reader.string());
  if (!reader.finish()) return violation(Violation::bad_encoding, "SSHSIG: malformed");
  if (parsed.name_space.empty()) return violation(Violation::bad_encoding, "SSHSIG: empty namespace");
  if (!digest_by_name(parsed.hash_algorithm)) return violation(Violation::bad_encoding, "SSHSIG: unknown hash algorithm");
  return parsed;
}

Result<ByteVector> sshsig_sign(Signer& signer, std::string_view name_space, Bytes message) {
  const PublicKey& key = signer.public_key();
  const Result<ByteVector> signature = signer.sign(preferred_signature(key.type()), sshsig_to_be_signed(name_space, message));
  if (!signature) return tl::unexpected(signature.error());
  return sshsig_blob(key.blob(), name_space, *signature);
}

std::optional<PublicKey> sshsig_verify(const Sshsig& signature, std::string_view name_space, Bytes message) {
  const std::optional<crypto::Digest> digest = digest_by_name(signature.hash_algorithm);
  if (!digest || name_space.empty() || signature.name_space != name_space) return std::nullopt;
  std::optional<PublicKey> key = signing_key(signature.public_key_blob);
  const ByteVector data = to_be_signed(name_space, signature.hash_algorithm, crypto::hash(*digest, message));
  if (!key || !key->verify_any(data, signature.signature_blob)) return std::nullopt;
  return key;
}

}  // namespace gatehouse::keys
