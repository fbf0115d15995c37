#include "tools/certificate_text.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "daemon/audit.h"
#include "tools/options.h"

namespace gatehouse::tools {

namespace {

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + escaped(value);
  return text.empty() ? "(none)" : text;
}

std::string options_text(const std::vector<keys::CertificateOption>& options) {
  std::string text;
  for (const keys::CertificateOption& option : options) {
    text += (text.empty() ? "" : ", ") + escaped(option.name);
    if (option.has_value) text += " = " + escaped(option.value);
  }
  return text.empty() ? "(none)" : text;
}

std::string validity(const keys::CertificateFields& fields, std::uint64_t now) {
  const std::string from_to = time_text(fields.valid_after) + " to " + time_text(fields.valid_before);
  if (now < fields.valid_after) return from_to + " (not valid yet)";
  if (now >= fields.valid_before) return from_to + " (expired " + span_text(now - fields.valid_before) + " ago)";
  if (fields.valid_before == keys::forever) return from_to;
  return from_to + " (" + span_text(fields.valid_before - now) + " left)";
}

std::string json_list(const std::vector<std::string>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ",") + json_quoted(values[i]);
  return text + "]";
}

std::string json_options(const std::vector<keys::CertificateOption>& options) {
  std::string text = "{";
  for (std::size_t i = 0; i < options.size(); ++i) {
    text += (i == 0 ? "" : ",") + json_quoted(options[i].name) + ":" + (options[i].has_value ? json_quoted(options[i].value) : "true");
  }
  return text + "}";
}

std::string_view type_word(keys::CertificateType type) { return type == keys::CertificateType::user ? "user" : "host"; }

}  // namespace

std::string certificate_text(const keys::Certificate& certificate, std::uint64_t now) {
  const keys::CertificateFields& fields = certificate.fields();
  const auto signed_by = certificate.verify_signature();
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) { text += fmt::format("{:<17} {}\n", name, value); };
  line("Type:", fmt::format("{} certificate, {}", type_word(fields.type), keys::certificate_blob_name(certificate.subject().type())));
  line("Public key:", certificate.subject().fingerprint());
  line("Signing CA:", fmt::format("{} {}", certificate.signature_key().fingerprint(),
                                  signed_by ? fmt::format("({})", keys::signature_name(*signed_by)) : "(SIGNATURE DOES NOT VERIFY)"));
  line("Key id:", escaped(fields.key_id));
  line("Serial:", std::to_string(fields.serial));
  line("Valid:", validity(fields, now));
  line("Principals:", joined(fields.principals));
  line("Critical options:", options_text(fields.critical_options));
  line("Extensions:", options_text(fields.extensions));
  if (const auto* session = certificate.extension(keys::extension::session_end)) {
    if (const auto end = std::strtoull(session->value.c_str(), nullptr, 10); end != 0) line("Session ends:", time_text(end));
  }
  return text;
}

std::string certificate_json(const keys::Certificate& certificate) {
  const keys::CertificateFields& fields = certificate.fields();
  return fmt::format(
      R"({{"type":{},"key_type":{},"fingerprint":{},"ca":{},"signature_valid":{},"key_id":{},"serial":"{}","valid_after":{},"valid_before":{},)"
      R"("principals":{},"critical_options":{},"extensions":{}}})"
      "\n",
      json_quoted(type_word(fields.type)), json_quoted(keys::certificate_blob_name(certificate.subject().type())),
      json_quoted(certificate.subject().fingerprint()), json_quoted(certificate.signature_key().fingerprint()),
      certificate.verify_signature() ? "true" : "false", json_quoted(fields.key_id), fields.serial, fields.valid_after, fields.valid_before,
      json_list(fields.principals), json_options(fields.critical_options), json_options(fields.extensions));
}

std::uint64_t unix_now() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

}  // namespace gatehouse::tools
