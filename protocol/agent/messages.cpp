#include "protocol/agent/messages.h"

#include "protocol/core/wire.h"

namespace gatehouse::agent {

namespace {

constexpr std::uint8_t constraint_lifetime = 1;
constexpr std::uint8_t constraint_confirm = 2;
constexpr std::size_t max_comment = 1024;
constexpr std::size_t max_identities = 4096;

std::uint8_t number(Number n) { return static_cast<std::uint8_t>(n); }

ByteVector one_byte(Number n) {
  const std::uint8_t octet = number(n);
  return frame(Bytes(&octet, 1));
}

ProtocolResult<Constraints> parse_constraints(WireReader& reader) {
  Constraints constraints;
  while (reader.more()) {
    const std::uint8_t kind = reader.byte();
    if (kind == constraint_lifetime) {
      constraints.lifetime = std::chrono::seconds(reader.uint32());
    } else if (kind == constraint_confirm) {
      constraints.confirm = true;
    } else {
      return violation(Violation::bad_encoding, "unknown key constraint " + std::to_string(kind));
    }
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "key constraints");
  return constraints;
}

/// Copies the private fields of the plain key type from the reader, type name first.
bool copy_plain_fields(keys::KeyType type, WireReader& reader, WireWriter& fields) {
  fields.string(keys::key_blob_name(type));
  const int count = type == keys::KeyType::rsa ? 6 : type == keys::KeyType::ed25519 ? 2 : 3;
  for (int i = 0; i < count; ++i) fields.string(reader.string());  // an mpint is copied as the string it looks like
  return !reader.failed();
}

/// The plain key's private fields out of a certificate's: the public half comes from the certificate.
bool copy_certificate_fields(const keys::PublicKey& subject, WireReader& reader, WireWriter& fields) {
  WireReader blob(subject.blob());
  fields.string(blob.string());
  int count = 0;
  switch (subject.type()) {
    case keys::KeyType::ed25519:
      count = 2;
      break;
    case keys::KeyType::ecdsa_p256:
    case keys::KeyType::ecdsa_p384:
    case keys::KeyType::ecdsa_p521:
      fields.string(blob.string()).string(blob.string());
      count = 1;
      break;
    case keys::KeyType::rsa: {
      const Bytes exponent = blob.string();
      fields.string(blob.string()).string(exponent);  // the agent's order is n, e; the blob's is e, n
      count = 4;
      break;
    }
  }
  for (int i = 0; i < count; ++i) fields.string(reader.string());
  return !reader.failed() && !blob.failed();
}

/// Moves what a writer holds into a place that is wiped, and wipes the writer's.
SecretBytes take_secret(WireWriter& writer) {
  ByteVector plain = writer.take();
  SecretBytes secret = SecretBytes::copy_of(plain);
  OPENSSL_cleanse(plain.data(), plain.size());
  return secret;
}

SecretBytes take_framed_secret(WireWriter& message) {
  WireWriter framed;
  framed.string(message.view());
  take_secret(message);
  return take_secret(framed);
}

ProtocolResult<Request> parse_add_identity(WireReader& reader, bool constrained) {
  const std::string_view name = reader.text();
  std::optional<keys::Certificate> certificate;
  WireWriter fields;
  if (const auto plain = keys::key_type_by_blob_name(name)) {
    if (!copy_plain_fields(*plain, reader, fields)) return violation(Violation::bad_encoding, "private key fields");
  } else if (keys::key_type_by_certificate_blob_name(name)) {
    auto parsed = keys::Certificate::parse(reader.string());
    if (!parsed) return tl::unexpected(parsed.error());
    certificate.emplace(std::move(*parsed));
    if (!copy_certificate_fields(certificate->subject(), reader, fields)) return violation(Violation::bad_encoding, "private key fields");
  } else {
    return violation(Violation::bad_encoding, "key type '" + escaped(name) + "'");
  }
  const SecretBytes secret = take_secret(fields);
  const std::string_view comment = reader.text();
  if (reader.failed() || comment.size() > max_comment) return violation(Violation::bad_encoding, "ADD_IDENTITY");
  Constraints constraints;
  if (constrained) {
    auto parsed = parse_constraints(reader);
    if (!parsed) return tl::unexpected(parsed.error());
    constraints = *parsed;
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "ADD_IDENTITY");
  auto key = keys::PrivateKey::parse_agent_fields(secret.reveal());
  if (!key) return tl::unexpected(key.error());
  if (certificate && !(certificate->subject() == key->public_key())) {
    return violation(Violation::bad_encoding, "the private key does not belong to the certificate");
  }
  return Request(AddIdentity{std::move(*key), std::move(certificate), std::string(comment), constraints});
}

}  // namespace

ProtocolResult<Request> parse_request(Bytes message) {
  if (message.empty()) return violation(Violation::bad_encoding, "empty agent message");
  WireReader reader(message);
  const std::uint8_t kind = reader.byte();
  const auto whole = [&](Request request) -> ProtocolResult<Request> {
    if (!reader.finish()) return violation(Violation::bad_encoding, "agent message " + std::to_string(kind));
    return ProtocolResult<Request>(std::move(request));
  };
  switch (static_cast<Number>(kind)) {
    case Number::request_identities:
      return whole(RequestIdentities{});
    case Number::sign_request: {
      SignRequest request;
      request.key_blob = to_vector(reader.string());
      request.data = to_vector(reader.string());
      request.flags = reader.uint32();
      return whole(std::move(request));
    }
    case Number::add_identity:
      return parse_add_identity(reader, false);
    case Number::add_id_constrained:
      return parse_add_identity(reader, true);
    case Number::remove_identity:
      return whole(RemoveIdentity{to_vector(reader.string())});
    case Number::remove_all_identities:
      return whole(RemoveAllIdentities{});
    case Number::lock:
      return whole(Lock{SecretBytes::copy_of(reader.string())});
    case Number::unlock:
      return whole(Unlock{SecretBytes::copy_of(reader.string())});
    case Number::extension: {
      Extension extension;
      extension.name = std::string(reader.text());
      extension.body = SecretBytes::copy_of(reader.rest());
      return whole(std::move(extension));
    }
    default:
      return ProtocolResult<Request>(Unsupported{kind});
  }
}

ProtocolResult<SessionBind> parse_session_bind(Bytes body) {
  WireReader reader(body);
  SessionBind bind;
  bind.host_key_blob = to_vector(reader.string());
  bind.session_id = to_vector(reader.string());
  bind.signature_blob = to_vector(reader.string());
  bind.forwarding = reader.boolean();
  if (!reader.finish() || bind.session_id.empty() || bind.session_id.size() > max_session_id) {
    return violation(Violation::bad_encoding, "session-bind");
  }
  return bind;
}

bool verify_session_bind(const SessionBind& bind) {
  if (const auto plain = keys::PublicKey::parse(bind.host_key_blob)) {
    return plain->verify_any(bind.session_id, bind.signature_blob).has_value();
  }
  const auto certificate = keys::Certificate::parse(bind.host_key_blob);
  return certificate && certificate->fields().type == keys::CertificateType::host &&
         certificate->subject().verify_any(bind.session_id, bind.signature_blob).has_value();
}

std::optional<std::string> sshsig_namespace_of(Bytes data) {
  constexpr std::string_view magic = "SSHSIG";
  if (!as_text(data).starts_with(magic)) return std::nullopt;
  WireReader reader(data.subspan(magic.size()));
  return std::string(reader.text());
}

ByteVector frame(Bytes message) { return WireWriter().string(message).take(); }
ByteVector write_failure() { return one_byte(Number::failure); }
ByteVector write_success() { return one_byte(Number::success); }
ByteVector write_extension_failure() { return one_byte(Number::extension_failure); }

ByteVector write_extension_response(std::string_view name, Bytes body) {
  return frame(WireWriter().byte(number(Number::extension_response)).string(name).raw(body).view());
}

ByteVector write_identities(const std::vector<Identity>& identities) {
  WireWriter writer;
  writer.byte(number(Number::identities_answer)).uint32(static_cast<std::uint32_t>(identities.size()));
  for (const Identity& identity : identities) writer.string(identity.blob).string(identity.comment);
  return frame(writer.view());
}

ByteVector write_signature(Bytes signature_blob) {
  return frame(WireWriter().byte(number(Number::sign_response)).string(signature_blob).view());
}

ByteVector write_request_identities() { return one_byte(Number::request_identities); }

ByteVector write_sign_request(Bytes key_blob, Bytes data, std::uint32_t flags) {
  return frame(WireWriter().byte(number(Number::sign_request)).string(key_blob).string(data).uint32(flags).view());
}

SecretBytes write_extension(std::string_view name, Bytes body) {
  WireWriter message;
  message.byte(number(Number::extension)).string(name).raw(body);
  return take_framed_secret(message);
}

SecretBytes write_add_identity(const keys::PrivateKey& key, const keys::Certificate* certificate, std::string_view comment,
                               const Constraints& constraints) {
  const bool constrained = constraints.lifetime || constraints.confirm;
  WireWriter message;
  message.byte(number(constrained ? Number::add_id_constrained : Number::add_identity));
  if (certificate != nullptr) {
    message.string(keys::certificate_blob_name(key.public_key().type())).string(certificate->blob());
    message.raw(key.certificate_agent_fields().reveal());
  } else {
    message.raw(key.agent_fields().reveal());
  }
  message.string(comment);
  if (constraints.lifetime) message.byte(constraint_lifetime).uint32(static_cast<std::uint32_t>(constraints.lifetime->count()));
  if (constraints.confirm) message.byte(constraint_confirm);
  return take_framed_secret(message);
}

ProtocolResult<std::vector<Identity>> parse_identities(Bytes message) {
  WireReader reader(message);
  if (reader.byte() != number(Number::identities_answer)) return violation(Violation::unexpected_message, "no IDENTITIES_ANSWER");
  const std::uint32_t count = reader.uint32();
  if (count > max_identities) return violation(Violation::bad_encoding, "too many identities");
  std::vector<Identity> identities;
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    Identity identity;
    identity.blob = to_vector(reader.string());
    identity.comment = std::string(reader.text());
    identities.push_back(std::move(identity));
  }
  if (!reader.finish()) return violation(Violation::bad_encoding, "IDENTITIES_ANSWER");
  return identities;
}

ProtocolResult<ByteVector> parse_signature(Bytes message) {
  WireReader reader(message);
  if (reader.byte() != number(Number::sign_response)) return violation(Violation::unexpected_message, "no SIGN_RESPONSE");
  ByteVector signature = to_vector(reader.string());
  if (!reader.finish()) return violation(Violation::bad_encoding, "SIGN_RESPONSE");
  return signature;
}

ProtocolResult<std::optional<ByteVector>> parse_extension_response(Bytes message, std::string_view name) {
  WireReader reader(message);
  const std::uint8_t kind = reader.byte();
  if (kind == number(Number::failure) || kind == number(Number::extension_failure)) {
    if (!reader.finish()) return violation(Violation::bad_encoding, "failure answer");
    return std::optional<ByteVector>();
  }
  if (kind != number(Number::extension_response)) return violation(Violation::unexpected_message, "no EXTENSION_RESPONSE");
  if (reader.text() != name || reader.failed()) return violation(Violation::unexpected_message, "answer to another extension");
  return std::optional<ByteVector>(to_vector(reader.rest()));
}

ProtocolResult<std::optional<SecretBytes>> take_message(ByteVector& buffer) {
  if (buffer.size() < 4) return std::optional<SecretBytes>();
  const std::uint32_t length = WireReader(buffer).uint32();
  if (length == 0 || length > max_message) return violation(Violation::bad_packet_length, "agent message of " + std::to_string(length));
  if (buffer.size() - 4 < length) return std::optional<SecretBytes>();
  std::optional<SecretBytes> message(SecretBytes::copy_of(Bytes(buffer).subspan(4, length)));
  OPENSSL_cleanse(buffer.data(), 4 + length);  // it may have held a private key or a password
  buffer.erase(buffer.begin(), buffer.begin() + 4 + length);
  return message;
}

}  // namespace gatehouse::agent
