#include "tools/key_token.h"

#include <fmt/format.h>

#include <array>
#include <ostream>

#include "daemon/audit.h"
#include "pkcs11/client/uri.h"

namespace gatehouse::tools {

namespace {

using pkcs11::TokenObject;

struct Attribute {
  std::string_view name;
  std::optional<bool> TokenObject::*member;
};
constexpr std::array attributes{
    Attribute{"sensitive", &TokenObject::sensitive},     Attribute{"always_sensitive", &TokenObject::always_sensitive},
    Attribute{"extractable", &TokenObject::extractable}, Attribute{"never_extractable", &TokenObject::never_extractable},
    Attribute{"made_on_token", &TokenObject::local},     Attribute{"sign", &TokenObject::sign},
    Attribute{"decrypt", &TokenObject::decrypt},         Attribute{"always_authenticate", &TokenObject::always_authenticate},
};

/// Whether the attributes say that the private key never could leave the token.
std::string_view safety(const TokenObject& key) {
  if (!key.has_private) return "public key only";
  const bool safe = key.sensitive == true && key.extractable == false && key.never_extractable != false && key.always_sensitive != false;
  if (!safe) return "NOT SAFE: sensitive and never extractable is not so";
  return key.has_public ? "never extractable" : "never extractable, no public key object";
}

std::string fingerprint(const TokenObject& key) { return key.key ? key.key->fingerprint() : "-"; }

}  // namespace

po::options_description token_options() {
  po::options_description options("token");
  options.add_options()("token", po::value<std::string>()->required(), "PKCS#11 URI (RFC 7512), as pkcs11:token=NAME;object=LABEL")(
      "module", po::value<std::string>(), "PKCS#11 module, absolute path (default: the URI's module-path)")(
      "pin-source", po::value<std::string>(), "file that holds the PIN, mode 0400 (default: the URI's pin-source)")("json", "print JSON");
  return options;
}

po::positional_options_description token_positional() {
  po::positional_options_description positional;
  positional.add("token", 1);
  return positional;
}

Result<pkcs11::ManageProcess> open_token(const po::variables_map& given) {
  const std::string text = text_of(given, "token");
  const auto uri = pkcs11::Uri::parse(text, pkcs11::UriNames::token);
  if (!uri) return tl::unexpected(uri.error());
  pkcs11::ManageSettings settings;
  settings.module = given.count("module") != 0 ? text_of(given, "module") : uri->module_path.value_or("");
  settings.pin_source = given.count("pin-source") != 0 ? text_of(given, "pin-source") : uri->pin_source.value_or("");
  if (settings.module.empty()) return problem("no module is named", {}, "give --module FILE");
  if (settings.pin_source.empty()) return problem("no PIN source is named", {}, "give --pin-source FILE");
  pkcs11::Uri token;
  token.token = uri->token;
  token.serial = uri->serial;
  token.manufacturer = uri->manufacturer;
  token.model = uri->model;
  settings.token = token.write();
  return pkcs11::ManageProcess::start(settings);
}

int failed(std::string_view command, Streams io, const Problem& why, int status) {
  io.err << "gatehouse " << command << ": " << why.line() << '\n';
  return status;
}

int failed(std::string_view command, Streams io, const pkcs11::SignerFault& why) {
  using pkcs11::FaultKind;
  const bool later = why.kind == FaultKind::token_away || why.kind == FaultKind::busy;
  return failed(command, io, why.problem(), later ? exit_try_later : exit_failed);
}

std::string key_json(const TokenObject& key) {
  std::string text = fmt::format("{{\"uri\":{},\"type\":{},\"label\":{},\"id\":{}", json_quoted(key.uri), json_quoted(key.kind),
                                 json_quoted(key.label), json_quoted(hex(key.id)));
  if (key.key) {
    text += fmt::format(",\"fingerprint\":{},\"public_key\":{}", json_quoted(key.key->fingerprint()),
                        json_quoted(key.key->line(escaped(key.label))));
  }
  text += fmt::format(",\"private\":{},\"public\":{}", key.has_private, key.has_public);
  for (const Attribute& attribute : attributes) {
    const std::optional<bool> value = key.*attribute.member;
    if (value) text += fmt::format(",\"{}\":{}", attribute.name, *value);
  }
  return text + "}";
}

std::string key_row(const TokenObject& key) {
  return fmt::format("{:<11} {:<24} {:<34} {}  {}", key.kind, escaped(key.label), key.id.empty() ? "-" : hex(key.id), fingerprint(key),
                     safety(key));
}

std::string key_text(const TokenObject& key) {
  std::string text = fmt::format("URI:         {}\nType:        {}\nLabel:       {}\nId:          {}\nFingerprint: {}\n", key.uri, key.kind,
                                 escaped(key.label), key.id.empty() ? "-" : hex(key.id), fingerprint(key));
  if (key.key) text += fmt::format("Public key:  {}\n", key.key->line(escaped(key.label)));
  text += fmt::format("Private key: {}\n", key.has_private ? "on the token" : "none");
  for (const Attribute& attribute : attributes) {
    const std::optional<bool> value = key.*attribute.member;
    if (value) text += fmt::format("  {:<20} {}\n", attribute.name, *value ? "yes" : "no");
  }
  return text + fmt::format("Verdict:     {}\n", safety(key));
}

}  // namespace gatehouse::tools
