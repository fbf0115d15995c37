#include "protocol/keys/certificate_options.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::keys {

namespace {

enum class Form : std::uint8_t { flag, text, any };

/// What stock servers expect for the names they know; they refuse the certificate over anything else.
Form form_of(std::string_view name) {
  if (name == option::force_command || name == option::source_address || name == extension::session_end) return Form::text;
  for (const std::string_view flag :
       {option::verify_required, extension::no_touch_required, extension::permit_x11_forwarding, extension::permit_agent_forwarding,
        extension::permit_port_forwarding, extension::permit_pty, extension::permit_user_rc}) {
    if (name == flag) return Form::flag;
  }
  return Form::any;
}

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

}  // namespace

std::optional<std::vector<CertificateOption>> parse_options(Bytes list) {
  std::vector<CertificateOption> options;
  WireReader reader(list);
  while (reader.more()) {
    CertificateOption found;
    found.name = to_string(reader.string());
    const Bytes data = reader.string();
    if (reader.failed() || has_nul(found.name)) return std::nullopt;
    WireReader inner(data);
    const std::string_view value = inner.text();
    if (data.empty()) {
      found.has_value = false;
    } else if (inner.finish()) {
      found.value = value;
      found.has_value = true;
    } else {
      found.value = as_text(data);
      found.has_value = true;
      found.bare = true;
    }
    switch (form_of(found.name)) {
      case Form::flag:
        if (found.has_value) return std::nullopt;
        break;
      case Form::text:
        if (!found.has_value || found.bare || has_nul(found.value)) return std::nullopt;
        break;
      case Form::any:
        break;
    }
    options.push_back(std::move(found));
  }
  if (!reader.finish()) return std::nullopt;
  std::vector<std::string_view> names;
  names.reserve(options.size());
  for (const CertificateOption& each : options) names.push_back(each.name);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) return std::nullopt;
  return options;
}

ByteVector write_options(std::vector<CertificateOption> options) {
  std::sort(options.begin(), options.end(), [](const CertificateOption& a, const CertificateOption& b) { return a.name < b.name; });
  WireWriter list;
  const CertificateOption* previous = nullptr;
  for (const CertificateOption& each : options) {
    if (previous != nullptr && previous->name == each.name) std::abort();
    previous = &each;
    list.string(each.name);
    if (!each.has_value) {
      list.string("");
    } else if (each.bare) {
      list.string(each.value);
    } else {
      list.string(WireWriter().string(each.value).view());
    }
  }
  return list.take();
}

}  // namespace gatehouse::keys
