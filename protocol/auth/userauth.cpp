#include "protocol/auth/userauth.h"

#include <algorithm>

#include "protocol/core/numbers.h"
#include "protocol/core/wire.h"
#include "protocol/keys/certificate.h"
#include "protocol/transport/name_list.h"

namespace gatehouse::auth {

namespace {

constexpr std::size_t max_service_name = 64;
constexpr std::size_t max_user_on_wire = 64 * 1024;

WireWriter start(Message number) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(number));
  return writer;
}

/// Past the message number. @error bad_encoding when it is another message
ProtocolResult<WireReader> open(Bytes payload, Message expected) {
  WireReader reader(payload);
  if (reader.byte() != static_cast<std::uint8_t>(expected)) return violation(Violation::bad_encoding, "another message");
  return reader;
}

std::string_view method_name(const PublicKeyMethod& method) {
  return method.server_host_key ? method_publickey_hostbound : method_publickey;
}

/// The fields of the method after its name, up to the signature: the same on the wire and under the signature.
void write_public_key_fields(WireWriter& writer, const PublicKeyMethod& method, bool has_signature) {
  writer.boolean(has_signature).string(method.algorithm).string(method.key_blob);
  if (method.server_host_key) writer.string(*method.server_host_key);
}

ProtocolResult<PublicKeyMethod> parse_public_key(WireReader& reader, bool host_bound) {
  PublicKeyMethod method;
  const bool has_signature = reader.boolean();
  const std::string_view algorithm = reader.text();
  const Bytes key_blob = reader.string();
  const Bytes server_host_key = host_bound ? reader.string() : Bytes{};
  const Bytes signature = has_signature ? reader.string() : Bytes{};
  if (!reader.finish()) return violation(Violation::bad_encoding, "publickey request");
  if (!transport::valid_name(algorithm)) return violation(Violation::bad_encoding, "public key algorithm name " + escaped(algorithm, 64));
  if (key_blob.size() > keys::max_certificate_blob || server_host_key.size() > keys::max_certificate_blob ||
      signature.size() > max_signature_blob) {
    return violation(Violation::bad_encoding, "publickey request with a blob that is too long");
  }
  method.algorithm = algorithm;
  method.key_blob = to_vector(key_blob);
  if (host_bound) method.server_host_key = to_vector(server_host_key);
  if (has_signature) method.signature = to_vector(signature);
  return method;
}

/// A message with one string and nothing else.
ProtocolResult<std::string> parse_one_text(Bytes payload, Message expected) {
  auto reader = open(payload, expected);
  if (!reader) return tl::unexpected(reader.error());
  std::string text(reader->text());
  if (!reader->finish()) return violation(Violation::bad_encoding, "message with one string");
  return text;
}

}  // namespace

bool valid_user_name(std::string_view name) {
  return !name.empty() && name.size() <= max_user_name && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '/'; });
}

ProtocolResult<UserauthRequest> parse_userauth_request(Bytes payload) {
  auto reader = open(payload, Message::userauth_request);
  if (!reader) return tl::unexpected(reader.error());
  const std::string_view user = reader->text();
  const std::string_view service = reader->text();
  const std::string_view method = reader->text();
  if (reader->failed()) return violation(Violation::bad_encoding, "USERAUTH_REQUEST");
  if (user.size() > max_user_on_wire || service.size() > max_service_name || method.size() > max_method_name) {
    return violation(Violation::bad_encoding, "USERAUTH_REQUEST with a name that is too long");
  }
  UserauthRequest request{std::string(user), std::string(service), NoneMethod{}};
  if (method == method_none) {
    if (!reader->finish()) return violation(Violation::bad_encoding, "USERAUTH_REQUEST none");
  } else if (method == method_publickey || method == method_publickey_hostbound) {
    auto public_key = parse_public_key(*reader, method == method_publickey_hostbound);
    if (!public_key) return tl::unexpected(std::move(public_key.error()));
    request.method = std::move(*public_key);
  } else {
    request.method = UnknownMethod{std::string(method)};
  }
  return request;
}

ByteVector write_userauth_request(const UserauthRequest& request) {
  WireWriter writer = start(Message::userauth_request);
  writer.string(request.user).string(request.service);
  if (const auto* public_key = std::get_if<PublicKeyMethod>(&request.method)) {
    writer.string(method_name(*public_key));
    write_public_key_fields(writer, *public_key, public_key->signature.has_value());
    if (public_key->signature) writer.string(*public_key->signature);
  } else if (const auto* unknown = std::get_if<UnknownMethod>(&request.method)) {
    writer.string(unknown->name);
  } else {
    writer.string(method_none);
  }
  return writer.take();
}

ByteVector userauth_signed_data(Bytes session_id, std::string_view user, std::string_view service, const PublicKeyMethod& method) {
  WireWriter writer;
  writer.string(session_id)
      .byte(static_cast<std::uint8_t>(Message::userauth_request))
      .string(user)
      .string(service)
      .string(method_name(method));
  write_public_key_fields(writer, method, true);
  return writer.take();
}

ProtocolResult<std::string> parse_service_request(Bytes payload) { return parse_one_text(payload, Message::service_request); }
ByteVector write_service_request(std::string_view service) { return start(Message::service_request).string(service).take(); }
ProtocolResult<std::string> parse_service_accept(Bytes payload) { return parse_one_text(payload, Message::service_accept); }
ByteVector write_service_accept(std::string_view service) { return start(Message::service_accept).string(service).take(); }

ProtocolResult<UserauthFailure> parse_userauth_failure(Bytes payload) {
  auto reader = open(payload, Message::userauth_failure);
  if (!reader) return tl::unexpected(reader.error());
  const std::string_view names = reader->text();
  UserauthFailure failure;
  failure.partial_success = reader->boolean();
  if (!reader->finish()) return violation(Violation::bad_encoding, "USERAUTH_FAILURE");
  auto methods = transport::parse_name_list(names);
  if (!methods) return tl::unexpected(std::move(methods.error()));
  failure.can_continue = std::move(*methods);
  return failure;
}

ByteVector write_userauth_failure(const UserauthFailure& failure) {
  return start(Message::userauth_failure).string(transport::join_names(failure.can_continue)).boolean(failure.partial_success).take();
}

ProtocolResult<PublicKeyOk> parse_public_key_ok(Bytes payload) {
  auto reader = open(payload, Message::userauth_pk_ok);
  if (!reader) return tl::unexpected(reader.error());
  PublicKeyOk answer;
  answer.algorithm = reader->text();
  answer.key_blob = to_vector(reader->string());
  if (!reader->finish()) return violation(Violation::bad_encoding, "USERAUTH_PK_OK");
  return answer;
}

ByteVector write_public_key_ok(std::string_view algorithm, Bytes key_blob) {
  return start(Message::userauth_pk_ok).string(algorithm).string(key_blob).take();
}

ByteVector write_userauth_success() { return start(Message::userauth_success).take(); }

ByteVector write_userauth_banner(std::string_view text) {
  return start(Message::userauth_banner).string(text.substr(0, 64 * 1024)).string("").take();
}

ProtocolResult<std::string> parse_userauth_banner(Bytes payload) {
  auto reader = open(payload, Message::userauth_banner);
  if (!reader) return tl::unexpected(reader.error());
  std::string text(reader->text());
  reader->string();  // language tag
  if (!reader->finish()) return violation(Violation::bad_encoding, "USERAUTH_BANNER");
  return text;
}

}  // namespace gatehouse::auth
