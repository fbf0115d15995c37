#include "protocol/keys/certificate.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/core/wire.h"
#include "protocol/keys/certificate_options.h"
#include "protocol/keys/key_line.h"

namespace gatehouse::keys {

namespace {

/// How many strings the public key has in a certificate, after the nonce.
int subject_fields(KeyType type) {
  switch (type) {
    case KeyType::ed25519:
      return 1;
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384:
    case KeyType::ecdsa_p521:
    case KeyType::rsa:
      return 2;
  }
  std::abort();
}

/// The wire's fields as they stand, nothing judged but lengths.
struct RawCertificate {
  KeyType subject_type;
  Bytes nonce, subject;  // subject: all its fields, encoded
  std::uint64_t serial;
  std::uint32_t type;
  Bytes key_id, principals;
  std::uint64_t valid_after, valid_before;
  Bytes critical_options, extensions, reserved, signature_key, to_be_signed, signature;
};

ProtocolResult<RawCertificate> split(Bytes blob) {
  if (blob.size() > max_certificate_blob) return violation(Violation::bad_encoding, "certificate: too long");
  WireReader reader(blob);
  const std::string_view name = reader.text();
  const std::optional<KeyType> subject_type = key_type_by_certificate_blob_name(name);
  if (!subject_type) return violation(Violation::bad_encoding, "certificate: unknown type " + escaped(name, 64));
  RawCertificate raw{};
  raw.subject_type = *subject_type;
  raw.nonce = reader.string();
  const std::size_t subject_begin = blob.size() - reader.remaining();
  for (int i = 0; i < subject_fields(*subject_type); ++i) reader.string();
  const std::size_t subject_end = blob.size() - reader.remaining();
  raw.serial = reader.uint64();
  raw.type = reader.uint32();
  raw.key_id = reader.string();
  raw.principals = reader.string();
  raw.valid_after = reader.uint64();
  raw.valid_before = reader.uint64();
  raw.critical_options = reader.string();
  raw.extensions = reader.string();
  raw.reserved = reader.string();
  raw.signature_key = reader.string();
  const std::size_t signed_end = blob.size() - reader.remaining();
  raw.signature = reader.string();
  if (!reader.finish()) return violation(Violation::bad_encoding, "certificate: malformed");
  raw.subject = blob.subspan(subject_begin, subject_end - subject_begin);
  raw.to_be_signed = blob.first(signed_end);
  return raw;
}

bool has_nul(Bytes text) { return std::find(text.begin(), text.end(), 0) != text.end(); }

std::optional<std::vector<std::string>> parse_principals(Bytes list) {
  std::vector<std::string> principals;
  WireReader reader(list);
  while (reader.more()) {
    const Bytes principal = reader.string();
    if (reader.failed() || has_nul(principal) || principals.size() == max_principals) return std::nullopt;
    principals.push_back(to_string(principal));
  }
  if (!reader.finish()) return std::nullopt;
  return principals;
}

const CertificateOption* find_option(const std::vector<CertificateOption>& options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(), [name](const CertificateOption& each) { return each.name == name; });
  return found == options.end() ? nullptr : &*found;
}

}  // namespace

ByteVector certificate_to_be_signed(const PublicKey& subject, const CertificateFields& fields, Bytes nonce,
                                    const PublicKey& signature_key) {
  WireReader subject_blob(subject.blob());
  subject_blob.string();  // the name of the plain key
  WireWriter principals;
  for (const std::string& principal : fields.principals) principals.string(principal);
  WireWriter out;
  out.string(certificate_blob_name(subject.type())).string(nonce).raw(subject_blob.rest());
  out.uint64(fields.serial).uint32(static_cast<std::uint32_t>(fields.type)).string(fields.key_id).string(principals.view());
  out.uint64(fields.valid_after).uint64(fields.valid_before);
  out.string(write_options(fields.critical_options)).string(write_options(fields.extensions));
  out.string("").string(signature_key.blob());
  return out.take();
}

ByteVector assemble_certificate(Bytes to_be_signed, Bytes signature_blob) {
  return WireWriter().raw(to_be_signed).string(signature_blob).take();
}

ProtocolResult<CertificateEnvelope> open_certificate(Bytes blob) {
  const ProtocolResult<RawCertificate> raw = split(blob);
  if (!raw) return tl::unexpected(raw.error());
  return CertificateEnvelope{raw->subject_type, raw->signature_key, raw->to_be_signed, raw->signature};
}

ProtocolResult<Certificate> Certificate::parse(Bytes blob) {
  const ProtocolResult<RawCertificate> raw = split(blob);
  if (!raw) return tl::unexpected(raw.error());
  if (raw->type != static_cast<std::uint32_t>(CertificateType::user) && raw->type != static_cast<std::uint32_t>(CertificateType::host)) {
    return violation(Violation::bad_encoding, "certificate: neither user nor host");
  }
  if (!raw->reserved.empty()) return violation(Violation::bad_encoding, "certificate: reserved field not empty");
  if (has_nul(raw->key_id)) return violation(Violation::bad_encoding, "certificate: NUL in the key id");
  std::optional<std::vector<std::string>> principals = parse_principals(raw->principals);
  if (!principals) return violation(Violation::bad_encoding, "certificate: malformed principals");
  std::optional<std::vector<CertificateOption>> critical_options = parse_options(raw->critical_options);
  if (!critical_options) return violation(Violation::bad_encoding, "certificate: malformed critical options");
  std::optional<std::vector<CertificateOption>> extensions = parse_options(raw->extensions);
  if (!extensions) return violation(Violation::bad_encoding, "certificate: malformed extensions");
  // PublicKey::parse knows no certificate: one in the place of the signature key ends here, however deep it is nested.
  ProtocolResult<PublicKey> signature_key = PublicKey::parse(raw->signature_key);
  if (!signature_key) return violation(Violation::bad_encoding, "certificate: signature key: " + signature_key.error().detail);
  WireWriter subject_blob;
  subject_blob.string(key_blob_name(raw->subject_type)).raw(raw->subject);
  ProtocolResult<PublicKey> subject = PublicKey::parse(subject_blob.view());
  if (!subject) return violation(Violation::bad_encoding, "certificate: subject key: " + subject.error().detail);

  Certificate parsed(std::move(*subject), std::move(*signature_key));
  parsed.fields_.type = static_cast<CertificateType>(raw->type);
  parsed.fields_.serial = raw->serial;
  parsed.fields_.key_id = to_string(raw->key_id);
  parsed.fields_.principals = std::move(*principals);
  parsed.fields_.valid_after = raw->valid_after;
  parsed.fields_.valid_before = raw->valid_before;
  parsed.fields_.critical_options = std::move(*critical_options);
  parsed.fields_.extensions = std::move(*extensions);
  parsed.nonce_ = to_vector(raw->nonce);
  parsed.blob_ = to_vector(blob);
  parsed.signature_ = to_vector(raw->signature);
  parsed.signed_size_ = raw->to_be_signed.size();
  return parsed;
}

Result<Certificate> Certificate::parse_line(std::string_view line) {
  const Result<ByteVector> blob = blob_of_line(line, max_certificate_blob);
  if (!blob) return tl::unexpected(blob.error());
  ProtocolResult<Certificate> certificate = parse(*blob);
  if (!certificate) return problem("not a certificate that is supported here: " + certificate.error().detail);
  return std::move(*certificate);
}

std::optional<SignatureAlgorithm> Certificate::verify_signature() const { return signature_key_.verify_any(to_be_signed(), signature_); }

const CertificateOption* Certificate::critical_option(std::string_view name) const { return find_option(fields_.critical_options, name); }

const CertificateOption* Certificate::extension(std::string_view name) const { return find_option(fields_.extensions, name); }

std::string Certificate::line(std::string_view comment) const {
  return line_of_blob(certificate_blob_name(subject_.type()), blob_, comment);
}

}  // namespace gatehouse::keys
