#include "pkcs11/client/uri.h"

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "pkcs11/client/messages.h"

namespace gatehouse::pkcs11 {

namespace {

struct FreeUri {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using ParsedUri = std::unique_ptr<P11KitUri, FreeUri>;

/// What RFC 7512 allows and we use; the rest is refused with a reason.
struct Attribute {
  std::string_view name;
  bool in_path;
  std::size_t most;  ///< octets after decoding: the field's width in CK_TOKEN_INFO (PKCS#11 2.40 section 3.2), or a bound of ours
};
constexpr std::array attributes{
    Attribute{"token", true, 32}, Attribute{"manufacturer", true, 32},      Attribute{"serial", true, 16},
    Attribute{"model", true, 16}, Attribute{"object", true, max_label},     Attribute{"id", true, max_object_id},
    Attribute{"type", true, 7},   Attribute{"module-path", false, max_uri}, Attribute{"pin-source", false, max_uri},
};

constexpr std::string_view example = "pkcs11:token=NAME;object=LABEL";

tl::unexpected<Problem> bad(std::string_view text, std::string what, std::string mend = {}) {
  if (mend.empty()) mend = "write a URI such as " + std::string(example) + " (RFC 7512)";
  return problem(std::move(what), "URI '" + escaped(text) + "'", std::move(mend));
}

/// Percent escapes decoded; nothing when one is malformed.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto octet = i + 2 < text.size() ? unhex(text.substr(i + 1, 2)) : std::nullopt;
    if (!octet) return std::nullopt;
    out += static_cast<char>((*octet)[0]);
    i += 2;
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// The rules that p11-kit does not hold: it keeps the last of two equal attributes, drops what it does not know or what is too long (so
/// that the URI matches more than was meant), strips white space everywhere and takes a fragment for a part of the value.
Result<void> check_attributes(std::string_view text, std::string_view part, bool in_path, std::vector<std::string_view>& seen) {
  if (part.empty()) return {};
  for (const std::string_view attribute : split(part, in_path ? ';' : '&')) {
    const std::size_t equals = attribute.find('=');
    if (equals == std::string_view::npos) return bad(text, "'" + escaped(attribute) + "' has no value");
    const std::string_view name = attribute.substr(0, equals);
    if (name == "pin-value") return bad(text, "pin-value would show the PIN to all who read it", "use a PIN source file");
    if (name == "slot-id" || name.starts_with("library-") || name == "slot-description" || name == "slot-manufacturer") {
      return bad(text, std::string(name) + " changes by itself and cannot name a key", "name the token by its label or serial");
    }
    const Attribute* known = nullptr;
    for (const Attribute& candidate : attributes) {
      if (candidate.name == name) known = &candidate;
    }
    if (known == nullptr) return bad(text, "attribute '" + escaped(name) + "' is not known here");
    if (known->in_path != in_path) {
      return bad(text, "'" + std::string(name) + "' belongs " + (known->in_path ? "before the '?'" : "after the '?'"));
    }
    for (const std::string_view earlier : seen) {
      if (earlier == name) return bad(text, "'" + std::string(name) + "' is given twice");
    }
    seen.push_back(known->name);
    const auto value = decoded(attribute.substr(equals + 1));
    if (!value) return bad(text, "'" + std::string(name) + "' has a bad percent escape", "write %25 for a percent sign");
    if (value->empty()) return bad(text, "'" + std::string(name) + "' is empty");
    if (value->size() > known->most)
      return bad(text, "'" + std::string(name) + "' is longer than " + std::to_string(known->most) + " octets");
    if (name != "id" && value->find('\0') != std::string::npos) return bad(text, "'" + std::string(name) + "' holds a NUL");
  }
  return {};
}

/// A field of CK_TOKEN_INFO: padded with blanks; all zero when the URI does not say.
template <std::size_t n>
std::optional<std::string> padded_field(const unsigned char (&field)[n]) {
  if (field[0] == 0) return std::nullopt;
  std::string value(reinterpret_cast<const char*>(field), n);
  value.erase(value.find_last_not_of(' ') + 1);
  return value;
}

std::optional<ByteVector> attribute_of(P11KitUri* uri, CK_ATTRIBUTE_TYPE type) {
  const CK_ATTRIBUTE* attribute = p11_kit_uri_get_attribute(uri, type);
  if (attribute == nullptr) return std::nullopt;
  const auto* value = static_cast<const std::uint8_t*>(attribute->pValue);
  return ByteVector(value, value + attribute->ulValueLen);
}

/// Percent-encoded but for the characters that RFC 3986 calls unreserved.
std::string encoded(std::string_view text, bool path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(octet) != 0 || c == '-' || c == '_' || c == '.' || c == '~' || (path && c == '/');
    if (plain && octet < 0x80) {
      out += c;
    } else {
      out += '%';
      out += digits[octet >> 4];
      out += digits[octet & 15];
    }
  }
  return out;
}

std::string encoded_id(Bytes id) {
  std::string out;
  for (const std::uint8_t octet : id) out += "%" + hex(Bytes(&octet, 1));
  return out;
}

}  // namespace

Result<Uri> Uri::parse(std::string_view text, UriNames names) {
  if (text.size() > max_uri) return bad(text, "is longer than " + std::to_string(max_uri) + " octets");
  if (text.substr(0, 7) != "pkcs11:") return bad(text, "does not begin with pkcs11:");
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet <= 0x20 || octet >= 0x7f) return bad(text, "holds white space or a character outside ASCII", "percent-encode it (%20)");
    if (c == '#') return bad(text, "holds a '#'", "write %23");
  }
  const std::string_view rest = text.substr(7);
  const std::size_t question = rest.find('?');
  std::vector<std::string_view> seen;
  auto checked = check_attributes(text, rest.substr(0, question), true, seen);
  if (checked && question != std::string_view::npos) checked = check_attributes(text, rest.substr(question + 1), false, seen);
  if (!checked) return tl::unexpected(checked.error());

  const ParsedUri parsed(p11_kit_uri_new());
  if (!parsed) std::abort();
  Uri uri;
  uri.text = std::string(text);
  const int code = p11_kit_uri_parse(uri.text.c_str(), P11_KIT_URI_FOR_ANY, parsed.get());
  if (code != P11_KIT_URI_OK) return bad(text, p11_kit_uri_message(code));
  if (p11_kit_uri_any_unrecognized(parsed.get()) != 0) return bad(text, "has an attribute or value that is not known");

  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(parsed.get());
  uri.token = padded_field(token->label);
  uri.manufacturer = padded_field(token->manufacturerID);
  uri.serial = padded_field(token->serialNumber);
  uri.model = padded_field(token->model);
  if (const auto label = attribute_of(parsed.get(), CKA_LABEL)) uri.object = to_string(*label);
  uri.id = attribute_of(parsed.get(), CKA_ID);
  if (const auto object_class = attribute_of(parsed.get(), CKA_CLASS)) {
    CK_OBJECT_CLASS value = 0;
    if (object_class->size() == sizeof value) std::memcpy(&value, object_class->data(), sizeof value);
    if (value == CKO_PRIVATE_KEY) uri.type = "private";
    if (value == CKO_PUBLIC_KEY) uri.type = "public";
    if (!uri.type) return bad(text, "type is neither private nor public");
  }
  if (const char* path = p11_kit_uri_get_module_path(parsed.get()); path != nullptr) uri.module_path = path;
  if (const char* source = p11_kit_uri_get_pin_source(parsed.get()); source != nullptr) uri.pin_source = source;

  if (uri.module_path && !uri.module_path->starts_with('/')) return bad(text, "module-path is not absolute");
  if (uri.pin_source && !uri.pin_source->starts_with('/') && !uri.pin_source->starts_with("file:/")) {
    return bad(text, "pin-source is neither an absolute path nor file:/PATH");
  }
  if (!uri.token && !uri.serial) return bad(text, "names no token", "give token=LABEL or serial=NUMBER");
  if (names == UriNames::key && !uri.object && !uri.id) return bad(text, "names no key", "give object=LABEL or id=%NN");
  if (names == UriNames::key && uri.type == "public") return bad(text, "names a public key", "leave type away, or write type=private");
  return uri;
}

std::string Uri::write() const {
  std::string out = "pkcs11:";
  const auto add = [&out](std::string_view name, const std::string& value) {
    if (out.back() != ':' && out.back() != '?') out += ';';
    out += name;
    out += '=';
    out += value;
  };
  if (token) add("token", encoded(*token, false));
  if (manufacturer) add("manufacturer", encoded(*manufacturer, false));
  if (serial) add("serial", encoded(*serial, false));
  if (model) add("model", encoded(*model, false));
  if (object) add("object", encoded(*object, false));
  if (id) add("id", encoded_id(*id));
  if (type) add("type", *type);
  char separator = '?';
  if (module_path) {
    out += separator + ("module-path=" + encoded(*module_path, true));
    separator = '&';
  }
  if (pin_source) out += separator + ("pin-source=" + encoded(*pin_source, true));
  return out;
}

}  // namespace gatehouse::pkcs11
