/// Keywords of host keys and of the token that holds them.
#include <algorithm>

#include "sshd/config/configuration.h"
#include "sshd/config/setters.h"
#include "sshd/config/token_uri.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

constexpr std::size_t most_host_keys = 16;

Result<void> add_host_key(Draft& draft, const Arguments& arguments) {
  const std::string& uri = arguments[0];
  if (uri.rfind("pkcs11:", 0) != 0) {
    // A private key in a file is what this server exists to do away with; say so where it is one.
    const auto content = read_config_file(uri, 64 * 1024);
    if (content && content->find("PRIVATE KEY-----") != std::string::npos) {
      return problem("a private key in a file is refused: host keys live in a token", {},
                     "gatehouse key generate, then HostKey pkcs11:token=NAME;object=LABEL");
    }
    return problem("\"" + escaped(uri, 128) + "\" is no pkcs11: URI: host keys live in a token", {},
                   "HostKey pkcs11:token=NAME;object=LABEL; a host certificate goes to HostCertificate");
  }
  if (const auto sound = check_key_uri(uri); !sound) return sound;
  auto& keys = draft.settings.host_keys;
  if (std::find(keys.begin(), keys.end(), uri) != keys.end()) return problem("the same HostKey twice", {}, "take one away");
  if (keys.size() >= most_host_keys) return problem("more than 16 host keys", {}, "one of each kind is enough");
  keys.push_back(uri);
  return {};
}

Result<void> add_host_certificate(Draft& draft, const Arguments& arguments) {
  if (equal_ignoring_case(arguments[0], "none")) return {};
  if (const auto sound = check_path(arguments[0]); !sound) return sound;
  if (draft.settings.host_certificates.size() >= 4 * most_host_keys) return problem("more than 64 host certificates", {}, "take some away");
  draft.settings.host_certificates.push_back(arguments[0]);
  return {};
}

Result<void> set_pin_source(Draft& draft, const Arguments& arguments) {
  const std::string_view source = arguments[0];
  const std::string_view path = source.substr(0, 5) == "file:" ? source.substr(5) : source;
  if (source.substr(0, 11) != "credential:") {
    if (const auto sound = check_path(path); !sound) {
      return problem("\"" + escaped(source, 128) + "\" is no PIN source", {},
                     "give the absolute path of a file, file:PATH or credential:NAME");
    }
  } else if (source.size() == 11 || source.find('/') != std::string_view::npos) {
    return problem("\"" + escaped(source, 128) + "\" names no credential", {}, "give credential: and the name that LoadCredential= gives");
  }
  draft.settings.pkcs11_pin_source = arguments[0];
  return {};
}

constexpr Keyword table[] = {
    {"HostKey", Form::one, Repeat::every, Scope::global, Names::nothing, add_host_key},
    {"HostCertificate", Form::one, Repeat::every, Scope::global, Names::files, add_host_certificate},
    {"PKCS11Provider", Form::one, Repeat::first, Scope::global, Names::files, set_path<&Settings::pkcs11_provider>},
    {"PKCS11PinSource", Form::one, Repeat::first, Scope::global, Names::nothing, set_pin_source},
};

}  // namespace

std::span<const Keyword> token_keywords() { return table; }

}  // namespace gatehouse::sshd
