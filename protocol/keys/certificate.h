/// OpenSSH certificates (draft-ietf-sshm-cert; OpenSSH PROTOCOL.certkeys).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::keys {

enum class CertificateType : std::uint32_t { user = 1, host = 2 };

inline constexpr std::size_t max_certificate_blob = 64 * 1024;
inline constexpr std::size_t max_principals = 256;
inline constexpr std::uint64_t forever = 0xFFFFFFFFFFFFFFFF;

/// Names of options and extensions, each spelled once.
namespace option {
inline constexpr std::string_view force_command = "force-command";
inline constexpr std::string_view source_address = "source-address";
inline constexpr std::string_view verify_required = "verify-required";
}  // namespace option
namespace extension {
inline constexpr std::string_view no_touch_required = "no-touch-required";
inline constexpr std::string_view permit_x11_forwarding = "permit-X11-forwarding";
inline constexpr std::string_view permit_agent_forwarding = "permit-agent-forwarding";
inline constexpr std::string_view permit_port_forwarding = "permit-port-forwarding";
inline constexpr std::string_view permit_pty = "permit-pty";
inline constexpr std::string_view permit_user_rc = "permit-user-rc";
/// Unix seconds in decimal: the end of the session that the CA granted. Stock servers ignore it.
inline constexpr std::string_view session_end = "session-end@gatehouse";
}  // namespace extension

/// A name and its value. The wire wraps a value in a second string and leaves a flag's data empty; here the value is unwrapped, and
/// empty for a flag. An option that is present with an empty value (force-command "") has has_value set. Data of a name that we do not
/// know need not be a string in a string: it is then kept as it is, with bare set.
struct CertificateOption {
  std::string name;
  std::string value;
  bool has_value = false;
  bool bare = false;
  bool operator==(const CertificateOption&) const = default;
};

/// The fields between nonce and signature. Times are Unix seconds; valid when valid_after <= now < valid_before.
struct CertificateFields {
  CertificateType type = CertificateType::user;
  std::uint64_t serial = 0;
  std::string key_id;
  std::vector<std::string> principals;
  std::uint64_t valid_after = 0;
  std::uint64_t valid_before = 0;
  std::vector<CertificateOption> critical_options;
  std::vector<CertificateOption> extensions;
};

/// The octets that the CA signs. Options and extensions are sorted by name here; duplicates are our caller's bug and abort.
/// @param nonce  32 random octets
ByteVector certificate_to_be_signed(const PublicKey& subject, const CertificateFields& fields, Bytes nonce, const PublicKey& signature_key);
/// The certificate blob.
ByteVector assemble_certificate(Bytes to_be_signed, Bytes signature_blob);

/// What may be known of a certificate before its signature is verified: only the type and which key claims to have signed it. The
/// signature key stays octets: a certificate in that place is never parsed.
struct CertificateEnvelope {
  KeyType subject_type;
  Bytes signature_key;  ///< borrows from the blob
  Bytes to_be_signed;   ///< borrows from the blob
  Bytes signature;      ///< borrows from the blob
};
/// @error bad_encoding
ProtocolResult<CertificateEnvelope> open_certificate(Bytes blob);

/// A well-formed certificate. Whether anyone should believe it is for the caller to ask, in the order of verify_signature() first.
class Certificate {
 public:
  /// @error bad_encoding: malformed, left-over octets, a type other than user and host, more than max_principals, a principal or key id
  /// with a NUL octet, a duplicate option or extension, a reserved field that is not empty, a signature key that is no plain key we know
  static ProtocolResult<Certificate> parse(Bytes blob);
  /// "ssh-ed25519-cert-v01@openssh.com AAAA… comment" as in a -cert.pub file.
  static Result<Certificate> parse_line(std::string_view line);

  const CertificateFields& fields() const { return fields_; }
  const PublicKey& subject() const { return subject_; }
  const PublicKey& signature_key() const { return signature_key_; }
  Bytes nonce() const { return nonce_; }
  Bytes blob() const { return blob_; }
  Bytes to_be_signed() const { return Bytes(blob_).first(signed_size_); }
  Bytes signature() const { return signature_; }
  /// The algorithm by which signature_key() signed to_be_signed(), or nothing when it did not.
  std::optional<SignatureAlgorithm> verify_signature() const;
  /// The option, or null.
  const CertificateOption* critical_option(std::string_view name) const;
  const CertificateOption* extension(std::string_view name) const;
  /// One line as in a -cert.pub file, no newline.
  std::string line(std::string_view comment = {}) const;

 private:
  Certificate(PublicKey subject, PublicKey signature_key) : subject_(std::move(subject)), signature_key_(std::move(signature_key)) {}
  PublicKey subject_;
  PublicKey signature_key_;
  CertificateFields fields_;
  ByteVector nonce_;
  ByteVector blob_;
  ByteVector signature_;
  std::size_t signed_size_ = 0;
};

/// An address list as in source-address: comma separated CIDR, no empty entry, host bits zero. @error Problem naming the bad entry
Result<std::vector<std::string>> parse_source_address(std::string_view list);
/// Whether `address` (IPv4, IPv6 or IPv4-mapped IPv6 text, no port) is in the list; a malformed list or address matches nothing.
bool source_address_matches(std::string_view list, std::string_view address);

}  // namespace gatehouse::keys
