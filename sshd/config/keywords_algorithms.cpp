/// Keywords of algorithms.
#include "protocol/keys/public_key.h"
#include "sshd/config/algorithm_names.h"
#include "sshd/config/setters.h"

namespace gatehouse::sshd {

namespace {

using namespace setter;

template <auto Member, const std::vector<std::string>& (*Known)()>
Result<void> set_algorithms(Draft& draft, const Arguments& arguments) {
  auto list = parse_algorithms(arguments[0], Known(), Known());
  if (!list) return tl::unexpected(list.error());
  draft.settings.*Member = std::move(*list);
  return {};
}

/// Plain keys are in everybody's copied lists; they can be named and change nothing, as a plain key is never enough.
Result<void> set_pubkey_accepted(Draft& draft, const Arguments& arguments) {
  auto list = parse_algorithms(arguments[0], host_key_algorithm_names(), user_certificate_algorithm_names());
  if (!list) return tl::unexpected(list.error());
  std::vector<std::string> certificates;
  for (const std::string& name : *list) {
    const auto algorithm = keys::public_key_algorithm_by_name(name);
    if (algorithm && algorithm->certificate) certificates.push_back(name);
  }
  if (certificates.empty()) {
    return problem("no certificate algorithm among them: nobody could log in", {}, "name some of those that end in -cert-v01@openssh.com");
  }
  draft.settings.pubkey_accepted_algorithms = std::move(certificates);
  return {};
}

Result<void> set_rekey_limit(Draft& draft, const Arguments& arguments) {
  RekeyLimit out;
  if (arguments.size() > 2) return problem("RekeyLimit takes a size and a time", {}, "give two values, as in RekeyLimit 1G 1h");
  if (!equal_ignoring_case(arguments[0], "default") && !equal_ignoring_case(arguments[0], "none")) {
    const auto bytes = parse_size(arguments[0]);
    if (!bytes) return tl::unexpected(bytes.error());
    // As OpenSSH: a rekey every few packets would only burn time.
    if (*bytes != 0 && *bytes < 16) return problem("RekeyLimit is less than 16 octets", {}, "give a size as 1G");
    out.bytes = *bytes;
  }
  if (arguments.size() == 2 && !equal_ignoring_case(arguments[1], "none")) {
    const auto interval = parse_time(arguments[1]);
    if (!interval) return tl::unexpected(interval.error());
    out.interval = *interval;
  }
  draft.settings.rekey_limit = out;
  return {};
}

constexpr Keyword table[] = {
    {"KexAlgorithms", Form::one, Repeat::first, Scope::global, Names::nothing, set_algorithms<&Settings::kex_algorithms, kex_names>},
    {"Ciphers", Form::one, Repeat::first, Scope::global, Names::nothing, set_algorithms<&Settings::ciphers, cipher_names>},
    {"MACs", Form::one, Repeat::first, Scope::global, Names::nothing, set_algorithms<&Settings::macs, mac_names>},
    {"HostKeyAlgorithms", Form::one, Repeat::first, Scope::global, Names::nothing,
     set_algorithms<&Settings::host_key_algorithms, host_key_algorithm_names>},
    {"PubkeyAcceptedAlgorithms", Form::one, Repeat::first, Scope::match, Names::nothing, set_pubkey_accepted},
    {"CASignatureAlgorithms", Form::one, Repeat::first, Scope::match, Names::nothing,
     set_algorithms<&Settings::ca_signature_algorithms, ca_signature_names>},
    {"RequiredRSASize", Form::one, Repeat::first, Scope::global, Names::nothing,
     set_number<&Settings::required_rsa_size, keys::min_rsa_bits, keys::max_rsa_bits>},
    {"RekeyLimit", Form::list, Repeat::first, Scope::match, Names::nothing, set_rekey_limit},
};

}  // namespace

std::span<const Keyword> algorithm_keywords() { return table; }

}  // namespace gatehouse::sshd
