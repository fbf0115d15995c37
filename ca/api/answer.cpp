#include "ca/api/answer.h"

#include <algorithm>

#include "ca/api/json.h"
#include "protocol/keys/certificate.h"

namespace gatehouse::ca {
namespace {

constexpr std::uint64_t max_seconds = 1ULL << 40;

/// Parses with `read`, which takes the members from a JsonReader.
template <class T, class Read>
Result<T> parse_with(std::string_view json, Read read) {
  const auto object = parse_json_object(json, "answer of the CA");
  if (!object) return tl::unexpected(object.error());
  JsonReader reader(*object, "answer of the CA");
  reader.ignore_unknown();
  T answer;
  read(reader, answer);
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  return answer;
}

}  // namespace

bool HealthAnswer::up() const {
  return std::all_of(parts.begin(), parts.end(), [](const PartHealth& part) { return part.up; });
}

std::string write_answer(const NonceAnswer& answer) {
  return JsonWriter().text("nonce", answer.nonce).number("expires_in", answer.expires_in).text("audience", answer.audience).take();
}

std::string write_answer(const CertificateAnswer& answer) {
  JsonWriter json;
  json.text("certificate", answer.certificate)
      .text("request_id", answer.request_id)
      .serial("serial", answer.serial)
      .text("key_id", answer.key_id)
      .text("role", answer.role)
      .texts("principals", answer.principals)
      .number("valid_after", answer.valid_after)
      .number("valid_before", answer.valid_before);
  if (answer.session_end) json.number("session_end", *answer.session_end);
  return json.take();
}

std::string write_answer(const RevocationAnswer& answer) {
  return JsonWriter().text("request_id", answer.request_id).serial("krl_version", answer.krl_version).take();
}

std::string write_answer(const HealthAnswer& answer) {
  std::string parts = "[";
  for (const PartHealth& part : answer.parts) {
    if (parts.size() > 1) parts += ',';
    JsonWriter json;
    json.text("name", part.name).boolean("up", part.up);
    if (!part.words.empty()) json.text("words", part.words);
    parts += json.take();
  }
  return JsonWriter().boolean("up", answer.up()).raw("parts", parts + "]").take();
}

Result<NonceAnswer> parse_nonce_answer(std::string_view json) {
  return parse_with<NonceAnswer>(json, [](JsonReader& reader, NonceAnswer& answer) {
    answer.nonce = reader.text("nonce", 128);
    answer.expires_in = reader.number("expires_in", max_seconds);
    answer.audience = reader.text("audience", 255);
  });
}

Result<CertificateAnswer> parse_certificate_answer(std::string_view json) {
  return parse_with<CertificateAnswer>(json, [](JsonReader& reader, CertificateAnswer& answer) {
    answer.certificate = reader.text("certificate", keys::max_certificate_blob * 2);
    answer.request_id = reader.text("request_id", 64);
    answer.serial = reader.serial("serial");
    answer.key_id = reader.text("key_id", 4096);
    answer.role = reader.text("role", 128);
    answer.principals = reader.optional_texts("principals", keys::max_principals, 255);
    answer.valid_after = reader.number("valid_after", max_seconds);
    answer.valid_before = reader.number("valid_before", max_seconds);
    answer.session_end = reader.optional_number("session_end", max_seconds);
  });
}

Result<RevocationAnswer> parse_revocation_answer(std::string_view json) {
  return parse_with<RevocationAnswer>(json, [](JsonReader& reader, RevocationAnswer& answer) {
    answer.request_id = reader.text("request_id", 64);
    answer.krl_version = reader.serial("krl_version");
  });
}

Result<HealthAnswer> parse_health_answer(std::string_view json) {
  return parse_with<HealthAnswer>(json, [](JsonReader& reader, HealthAnswer& answer) {
    for (const JsonValue& value : reader.array("parts", 64)) {
      const auto* object = std::get_if<JsonObject>(&value.content);
      if (object == nullptr) return reader.refuse("member \"parts\" must hold objects");
      JsonReader part(*object, "part");
      part.ignore_unknown();
      answer.parts.push_back({part.text("name", 64), part.boolean("up"), part.optional_lines("words", 4096).value_or("")});
      if (auto done = part.finish(); !done) return reader.refuse(done.error().what);
    }
  });
}

}  // namespace gatehouse::ca
