#include "sshd/config/token_uri.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "protocol/core/bytes.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

constexpr std::string_view scheme = "pkcs11:";
constexpr std::string_view example = "write it as pkcs11:token=NAME;object=LABEL";

/// RFC 7512 section 2.3, path attributes.
constexpr std::string_view path_attributes[] = {"token",
                                                "manufacturer",
                                                "serial",
                                                "model",
                                                "library-manufacturer",
                                                "library-version",
                                                "library-description",
                                                "object",
                                                "type",
                                                "id",
                                                "slot-description",
                                                "slot-manufacturer",
                                                "slot-id"};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

Result<void> check_value(std::string_view name, std::string_view value) {
  // pk11-pchar: unreserved, pk11-res-avail, "&" and percent-encoded octets.
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:[]@!$'()*+,=&";
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '%') {
      if (i + 2 >= value.size() || !is_hex(value[i + 1]) || !is_hex(value[i + 2])) {
        return problem("% without two hexadecimal digits in attribute " + std::string(name) + " of the URI", {},
                       "write a percent sign as %25");
      }
      i += 2;
    } else if (plain.find(value[i]) == std::string_view::npos) {
      return problem("a character that does not belong into a URI in attribute " + std::string(name) + ": " + escaped(value.substr(i, 1)),
                     {}, "write it as % and two hexadecimal digits; a space is %20");
    }
  }
  if (value.empty()) return problem("attribute " + std::string(name) + " of the URI is empty", {}, "give its value, or take it away");
  return {};
}

}  // namespace

Result<void> check_key_uri(std::string_view uri) {
  if (uri.substr(0, scheme.size()) != scheme) return problem("\"" + escaped(uri, 128) + "\" is no pkcs11: URI", {}, std::string(example));
  if (uri.size() > 1024) return problem("the URI is longer than 1024 octets", {}, std::string(example));
  uri.remove_prefix(scheme.size());
  const auto question = uri.find('?');
  const std::string_view query = question == std::string_view::npos ? std::string_view() : uri.substr(question + 1);
  std::set<std::string> seen;
  const std::string_view path = uri.substr(0, question);
  if (!path.empty()) {
    for (const std::string& attribute : split(path, ';')) {
      const auto equals = attribute.find('=');
      const std::string name = attribute.substr(0, equals);
      if (equals == std::string::npos || name.empty()) {
        return problem("\"" + escaped(attribute, 64) + "\" in the URI is not name=value", {}, std::string(example));
      }
      const bool known = std::find(std::begin(path_attributes), std::end(path_attributes), name) != std::end(path_attributes);
      if (!known && name.substr(0, 2) != "x-") {
        const auto near = nearest(name, path_attributes);
        return problem("the URI has an unknown attribute \"" + escaped(name, 64) + "\"", {},
                       near ? "did you mean " + std::string(*near) + "?" : std::string(example));
      }
      if (!seen.insert(name).second) return problem("attribute " + name + " stands twice in the URI", {}, "take one away");
      if (const auto sound = check_value(escaped(name, 64), std::string_view(attribute).substr(equals + 1)); !sound) return sound;
      if (name == "type" && attribute.substr(equals + 1) != "private" && attribute.substr(equals + 1) != "public") {
        return problem("the URI names an object that is no key", {}, "give type=private, or no type");
      }
    }
  }
  if (!query.empty()) {
    for (const std::string& attribute : split(query, '&')) {
      const std::string name = attribute.substr(0, attribute.find('='));
      if (name == "pin-value")
        return problem("the URI holds a PIN", {}, "take pin-value out and put the PIN into the file of PKCS11PinSource");
      if (name == "pin-source") return problem("the URI names a PIN source", {}, "take pin-source out and use PKCS11PinSource");
      if (name == "module-path" || name == "module-name") {
        return problem("the URI names a module", {}, "take " + name + " out and use PKCS11Provider");
      }
      return problem("the URI has an unknown query attribute \"" + escaped(name, 64) + "\"", {}, "take away what follows the ?");
    }
  }
  if (seen.count("object") == 0 && seen.count("id") == 0) {
    return problem("the URI names no key: it has neither object nor id", {}, std::string(example));
  }
  return {};
}

}  // namespace gatehouse::sshd
