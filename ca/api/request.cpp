#include "ca/api/request.h"

#include <array>

#include "ca/api/json.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t max_signature_text = 16 * 1024;
constexpr std::size_t max_key_line = 16 * 1024;
constexpr std::size_t max_revocations = 256;
constexpr std::uint64_t max_lifetime_seconds = 10ULL * 366 * 86400;

struct ActionRow {
  Action action;
  std::string_view name;
};
constexpr std::array<ActionRow, 3> actions{{
    {Action::user_certificate, "user-certificate"},
    {Action::host_certificate, "host-certificate"},
    {Action::revoke, "revoke"},
}};

std::optional<Action> action_by_name(std::string_view name) {
  for (const ActionRow& row : actions) {
    if (row.name == name) return row.action;
  }
  return std::nullopt;
}

ByteVector signature_of(JsonReader& reader, std::string_view name) {
  const auto text = reader.optional_lines(name, max_signature_text);
  if (!text) return {};
  auto blob = keys::sshsig_dearmor(*text);
  if (!blob) {
    reader.refuse("member \"" + std::string(name) + "\" is no armoured SSH signature");
    return {};
  }
  return std::move(*blob);
}

std::optional<keys::PublicKey> key_of(JsonReader& reader, std::string_view line, std::string_view name) {
  auto key = keys::PublicKey::parse_line(line);
  if (!key) {
    reader.refuse("member \"" + std::string(name) + "\": " + key.error().what);
    return std::nullopt;
  }
  return std::move(*key);
}

void read_certificate_members(JsonReader& reader, SignedRequest& request) {
  request.public_key = key_of(reader, reader.text("public_key", max_key_line), "public_key");
  request.role = reader.optional_text("role", 128);
  request.principals = reader.optional_texts("principals", keys::max_principals, 255);
  if (const auto seconds = reader.optional_number("lifetime", max_lifetime_seconds)) {
    if (*seconds == 0) reader.refuse("member \"lifetime\" must be at least 1 second");
    request.lifetime = std::chrono::seconds(*seconds);
  }
}

void read_revocation_members(JsonReader& reader, SignedRequest& request) {
  for (const std::string& text : reader.optional_texts("serials", max_revocations, 20)) {
    const auto serial = parse_decimal(text);
    if (!serial || *serial == 0) reader.refuse("member \"serials\" holds something that is no serial");
    request.serials.push_back(serial.value_or(0));
  }
  request.key_ids = reader.optional_texts("key_ids", max_revocations, 1024);
  for (const std::string& line : reader.optional_texts("keys", max_revocations, max_key_line)) {
    if (auto key = key_of(reader, line, "keys")) request.keys.push_back(std::move(*key));
  }
  if (request.serials.empty() && request.key_ids.empty() && request.keys.empty()) {
    reader.refuse("nothing to revoke: give serials, key_ids or keys");
  }
}

}  // namespace

Result<Envelope> parse_envelope(std::string_view body) {
  if (body.size() > max_body_size) return problem("longer than " + std::to_string(max_body_size) + " octets", "body");
  const auto object = parse_json_object(body, "body");
  if (!object) return tl::unexpected(object.error());
  JsonReader reader(*object, "body");
  Envelope envelope;
  auto octets = unbase64(reader.text("request", max_request_size / 3 * 4 + 4));
  if (!octets) reader.refuse("member \"request\" is not base64");
  envelope.possession = signature_of(reader, "possession");
  envelope.identity = signature_of(reader, "identity");
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  envelope.request = std::move(*octets);
  return envelope;
}

std::string write_envelope(const Envelope& envelope) {
  JsonWriter json;
  json.text("request", base64(envelope.request));
  if (!envelope.possession.empty()) json.text("possession", keys::sshsig_armor(envelope.possession));
  if (!envelope.identity.empty()) json.text("identity", keys::sshsig_armor(envelope.identity));
  return json.take();
}

std::string_view action_name(Action action) {
  for (const ActionRow& row : actions) {
    if (row.action == action) return row.name;
  }
  return {};
}

Result<SignedRequest> parse_signed_request(Bytes octets) {
  if (octets.size() > max_request_size) return problem("longer than " + std::to_string(max_request_size) + " octets", "request");
  const auto object = parse_json_object(as_text(octets), "request");
  if (!object) return tl::unexpected(object.error());
  JsonReader reader(*object, "request");
  SignedRequest request;
  request.audience = reader.text("audience", 255);
  const auto action = action_by_name(reader.text("action", 32));
  if (!action) reader.refuse("member \"action\" names nothing that this CA does");
  request.action = action.value_or(Action::user_certificate);
  request.nonce = reader.text("nonce", 128);
  request.reason = reader.optional_text("reason", 256);
  if (const auto channel = reader.optional_text("channel", 64)) {
    request.channel = unbase64(*channel);
    if (!request.channel || request.channel->size() != channel_size) reader.refuse("member \"channel\" must be 32 octets in base64");
  }
  switch (request.action) {
    case Action::user_certificate:
      read_certificate_members(reader, request);
      request.account = reader.optional_text("account", 255);
      break;
    case Action::host_certificate:
      read_certificate_members(reader, request);
      if (request.principals.empty()) reader.refuse("member \"principals\" must hold the names of the host");
      break;
    case Action::revoke:
      read_revocation_members(reader, request);
      break;
  }
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  return request;
}

ByteVector write_signed_request(const SignedRequest& request) {
  JsonWriter json;
  json.text("audience", request.audience).text("action", action_name(request.action)).text("nonce", request.nonce);
  if (request.public_key) json.text("public_key", request.public_key->line());
  if (request.account) json.text("account", *request.account);
  if (request.role) json.text("role", *request.role);
  if (!request.principals.empty()) json.texts("principals", request.principals);
  if (request.lifetime) json.number("lifetime", static_cast<std::uint64_t>(request.lifetime->count()));
  if (!request.serials.empty()) {
    std::vector<std::string> serials;
    for (const std::uint64_t serial : request.serials) serials.push_back(std::to_string(serial));
    json.texts("serials", serials);
  }
  if (!request.key_ids.empty()) json.texts("key_ids", request.key_ids);
  if (!request.keys.empty()) {
    std::vector<std::string> lines;
    for (const keys::PublicKey& key : request.keys) lines.push_back(key.line());
    json.texts("keys", lines);
  }
  if (request.reason) json.text("reason", *request.reason);
  if (request.channel) json.text("channel", base64(*request.channel));
  return to_vector(as_bytes(json.take()));
}

}  // namespace gatehouse::ca
