#include "ca/api/trust_bundle.h"

#include "ca/api/json.h"

namespace gatehouse::ca {
namespace {

constexpr std::size_t max_keys = 64;
constexpr std::uint64_t max_seconds = 1ULL << 40;

std::vector<std::string> lines_of(const std::vector<keys::PublicKey>& keys) {
  std::vector<std::string> lines;
  for (const keys::PublicKey& key : keys) lines.push_back(key.line());
  return lines;
}

std::vector<keys::PublicKey> keys_of(JsonReader& reader, std::string_view name) {
  std::vector<keys::PublicKey> keys;
  if (!reader.has(name)) reader.refuse("member \"" + std::string(name) + "\" is missing");
  for (const std::string& line : reader.optional_texts(name, max_keys, 16 * 1024)) {
    auto key = keys::PublicKey::parse_line(line);
    if (key) {
      keys.push_back(std::move(*key));
    } else {
      reader.refuse("member \"" + std::string(name) + "\": " + key.error().what);
    }
  }
  return keys;
}

}  // namespace

std::string write_trust_bundle(const TrustBundle& bundle) {
  return JsonWriter()
      .serial("version", bundle.version)
      .number("issued", bundle.issued)
      .number("expires", bundle.expires)
      .text("ca_id", bundle.ca_id)
      .texts("user_ca", lines_of(bundle.user_ca))
      .texts("host_ca", lines_of(bundle.host_ca))
      .texts("trust_keys", lines_of(bundle.trust_keys))
      .raw("principals", "{}")
      .raw("krl", JsonWriter().text("path", bundle.krl_path).take())
      .take();
}

Result<TrustBundle> parse_trust_bundle(std::string_view json) {
  const auto object = parse_json_object(json, "trust bundle");
  if (!object) return tl::unexpected(object.error());
  JsonReader reader(*object, "trust bundle");
  reader.ignore_unknown();
  TrustBundle bundle;
  bundle.version = reader.serial("version");
  bundle.issued = reader.number("issued", max_seconds);
  bundle.expires = reader.number("expires", max_seconds);
  bundle.ca_id = reader.text("ca_id", 255);
  bundle.user_ca = keys_of(reader, "user_ca");
  bundle.host_ca = keys_of(reader, "host_ca");
  bundle.trust_keys = keys_of(reader, "trust_keys");
  if (bundle.trust_keys.empty()) reader.refuse("member \"trust_keys\" names no key that we know");
  JsonReader krl(reader.object("krl"), "trust bundle");
  krl.ignore_unknown();
  bundle.krl_path = krl.text("path", 255);
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  if (auto done = krl.finish(); !done) return tl::unexpected(done.error());
  return bundle;
}

}  // namespace gatehouse::ca
