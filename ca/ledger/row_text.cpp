#include "ca/ledger/row_text.h"

#include <array>
#include <charconv>

#include <boost/json.hpp>

#include "daemon/audit.h"
#include "protocol/crypto/digest.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::ca {

namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::size_t max_text = 256 * 1024;
constexpr std::size_t sha256_octets = 32;
constexpr std::uint64_t max_number = 0x7FFFFFFFFFFFFFFF;

tl::unexpected<LedgerError> bad_row(std::string text) {
  return tl::unexpected<LedgerError>(LedgerError{LedgerFault::bad_row, std::move(text)});
}

// Well-formed UTF-8 (RFC 3629) without NUL: PostgreSQL refuses anything else, and SOCI ends a text at a NUL.
bool is_database_text(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto at = [&](std::size_t offset) {
      return i + offset < text.size() ? static_cast<std::uint8_t>(text[i + offset]) : std::uint8_t{0};
    };
    const auto follows = [&](std::size_t offset) { return (at(offset) & 0xC0) == 0x80; };
    const std::uint8_t lead = at(0);
    if (lead == 0) return false;
    if (lead < 0x80) {
      i += 1;
    } else if (lead >= 0xC2 && lead <= 0xDF && follows(1)) {
      i += 2;
    } else if ((lead & 0xF0) == 0xE0 && follows(1) && follows(2)) {
      if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) >= 0xA0)) return false;  // overlong, surrogates
      i += 3;
    } else if (lead >= 0xF0 && lead <= 0xF4 && follows(1) && follows(2) && follows(3)) {
      if ((lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) >= 0x90)) return false;
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

std::string json_list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? "," : "") + json_quoted(value);
  return out + "]";
}

std::string json_options(const std::vector<keys::CertificateOption>& options) {
  std::string out = "[";
  for (const auto& option : options) {
    out += (out.size() > 1 ? ",[" : "[") + json_quoted(option.name);
    if (option.has_value) out += "," + json_quoted(option.value);
    out += "]";
  }
  return out + "]";
}

std::optional<std::vector<std::string>> list_from(const std::string& text) {
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& element : parsed.get_array()) {
    if (!element.is_string()) return std::nullopt;
    out.emplace_back(element.get_string());
  }
  return out;
}

std::optional<std::vector<keys::CertificateOption>> options_from(const std::string& text) {
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_array()) return std::nullopt;
  std::vector<keys::CertificateOption> out;
  for (const auto& element : parsed.get_array()) {
    if (!element.is_array()) return std::nullopt;
    const auto& pair = element.get_array();
    if (pair.empty() || pair.size() > 2) return std::nullopt;
    for (const auto& part : pair) {
      if (!part.is_string()) return std::nullopt;
    }
    const bool has_value = pair.size() == 2;
    out.push_back({std::string(pair[0].get_string()), has_value ? std::string(pair[1].get_string()) : std::string(), has_value});
  }
  return out;
}

std::string number(LedgerTime time) { return std::to_string(time.time_since_epoch().count()); }
std::string number(sys_seconds time) { return std::to_string(time.time_since_epoch().count()); }

LedgerResult<std::vector<std::string>> checked(std::vector<std::string> texts) {
  for (const auto& text : texts) {
    if (text.size() > max_text) return bad_row("a text of more than 256 KiB");
    if (!is_database_text(text)) return bad_row("a text with NUL, or that is not UTF-8: \"" + escaped(text, 64) + "\"");
  }
  return texts;
}

std::optional<std::uint64_t> serial_from(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::array<std::string_view, 3> revocation_kinds{"serial", "key_id", "key"};

}  // namespace

std::string serial_text(std::uint64_t serial) {
  std::array<std::uint8_t, 8> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(serial >> (56 - 8 * i));
  return hex(octets);
}

std::optional<std::int64_t> number_from(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

LedgerResult<std::vector<std::string>> texts_of(const Intent& intent) {
  const auto& fields = intent.fields;
  if (fields.serial == 0) return bad_row("serial 0");
  if (fields.valid_after > max_number || fields.valid_before > max_number) return bad_row("a certificate without an end");
  if (intent.to_be_signed_sha256.size() != sha256_octets) return bad_row("the hash of the to-be-signed octets is not of 32 octets");
  if (intent.request_id.empty() || intent.nonce.empty()) return bad_row("no request id, or no nonce");
  // What goes into JSON is looked at before: a replacement character there would hide it.
  for (const auto& name : fields.principals) {
    if (!is_database_text(name)) return bad_row("a principal that is no text");
  }
  for (const auto* options : {&fields.critical_options, &fields.extensions}) {
    for (const auto& option : *options) {
      if (!is_database_text(option.name) || !is_database_text(option.value)) return bad_row("an option that is no text");
    }
  }
  return checked({intent.request_id,
                  fields.type == keys::CertificateType::host ? "host" : "user",
                  serial_text(fields.serial),
                  fields.key_id,
                  json_list(fields.principals),
                  std::to_string(fields.valid_after),
                  std::to_string(fields.valid_before),
                  json_options(fields.critical_options),
                  json_options(fields.extensions),
                  hex(intent.to_be_signed_sha256),
                  keys::fingerprint_of(intent.ca_key),
                  base64(intent.ca_key),
                  keys::fingerprint_of(intent.subject_key),
                  base64(intent.subject_key),
                  intent.nonce,
                  intent.session_id,
                  number(intent.session_start),
                  number(intent.session_end),
                  json_list(intent.proofs),
                  intent.role,
                  intent.policy_hash,
                  intent.reason,
                  intent.requester_name,
                  intent.requester_dn,
                  intent.requester_uuid,
                  intent.source_address,
                  number(intent.time)});
}

LedgerResult<std::vector<std::string>> texts_of(const Issued& issued) {
  if (issued.certificate.empty()) return bad_row("no certificate");
  return checked(
      {issued.request_id, hex(crypto::hash(crypto::Digest::sha256, issued.certificate)), base64(issued.certificate), number(issued.time)});
}

LedgerResult<std::vector<std::string>> texts_of(const Failed& failed) {
  return checked({failed.request_id, failed.reason, number(failed.time)});
}

LedgerResult<std::vector<std::string>> texts_of(const RevocationRow& row) {
  if (row.kind == RevocationKind::serial && row.serial == 0) return bad_row("serial 0 would revoke what has none");
  if (row.kind == RevocationKind::key_id && row.key_id.empty()) return bad_row("an empty key id");
  if (row.kind == RevocationKind::key && row.key.empty()) return bad_row("no key");
  return checked({std::to_string(row.krl_version), std::string(revocation_kinds[static_cast<std::size_t>(row.kind)]),
                  serial_text(row.serial), base64(row.ca_key), row.key_id, base64(row.key), row.reason, row.who, row.nonce,
                  row.until ? number(*row.until) : std::string("0"), number(row.time)});
}

std::optional<Intent> intent_from(const std::vector<std::string>& t) {
  if (t.size() != 27) return std::nullopt;
  Intent intent;
  auto& fields = intent.fields;
  const auto serial = serial_from(t[2]);
  const auto principals = list_from(t[4]);
  const auto critical_options = options_from(t[7]);
  const auto extensions = options_from(t[8]);
  const auto hash = unhex(t[9]);
  const auto ca_key = unbase64(t[11]);
  const auto subject_key = unbase64(t[13]);
  const auto proofs = list_from(t[18]);
  std::array<std::int64_t, 5> numbers{};
  constexpr std::array<std::size_t, 5> places{5, 6, 16, 17, 26};
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto value = number_from(t[places[i]]);
    if (!value) return std::nullopt;
    numbers[i] = *value;
  }
  if (!serial || !principals || !critical_options || !extensions || !hash || !ca_key || !subject_key || !proofs || numbers[0] < 0 ||
      numbers[1] < 0 || (t[1] != "user" && t[1] != "host")) {
    return std::nullopt;
  }
  intent.request_id = t[0];
  fields.type = t[1] == "host" ? keys::CertificateType::host : keys::CertificateType::user;
  fields.serial = *serial;
  fields.key_id = t[3];
  fields.principals = *principals;
  fields.valid_after = static_cast<std::uint64_t>(numbers[0]);
  fields.valid_before = static_cast<std::uint64_t>(numbers[1]);
  fields.critical_options = *critical_options;
  fields.extensions = *extensions;
  intent.to_be_signed_sha256 = *hash;
  intent.ca_key = *ca_key;
  intent.subject_key = *subject_key;
  intent.nonce = t[14];
  intent.session_id = t[15];
  intent.session_start = sys_seconds(seconds(numbers[2]));
  intent.session_end = sys_seconds(seconds(numbers[3]));
  intent.proofs = *proofs;
  intent.role = t[19];
  intent.policy_hash = t[20];
  intent.reason = t[21];
  intent.requester_name = t[22];
  intent.requester_dn = t[23];
  intent.requester_uuid = t[24];
  intent.source_address = t[25];
  intent.time = LedgerTime(milliseconds(numbers[4]));
  return intent;
}

std::optional<RevocationRow> revocation_from(const std::vector<std::string>& t) {
  if (t.size() != 11) return std::nullopt;
  RevocationRow row;
  std::size_t kind = 0;
  while (kind < revocation_kinds.size() && revocation_kinds[kind] != t[1]) ++kind;
  const auto version = number_from(t[0]);
  const auto serial = serial_from(t[2]);
  const auto ca_key = unbase64(t[3]);
  const auto key = unbase64(t[5]);
  const auto until = number_from(t[9]);
  const auto time = number_from(t[10]);
  if (kind == revocation_kinds.size() || !version || *version <= 0 || !serial || !ca_key || !key || !until || !time) return std::nullopt;
  row.kind = static_cast<RevocationKind>(kind);
  row.krl_version = static_cast<std::uint64_t>(*version);
  row.serial = *serial;
  row.ca_key = *ca_key;
  row.key_id = t[4];
  row.key = *key;
  row.reason = t[6];
  row.who = t[7];
  row.nonce = t[8];
  if (*until != 0) row.until = sys_seconds(seconds(*until));
  row.time = LedgerTime(milliseconds(*time));
  return row;
}

}  // namespace gatehouse::ca
