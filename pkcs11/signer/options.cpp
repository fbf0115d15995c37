#include "pkcs11/signer/options.h"

#include <charconv>
#include <functional>
#include <map>

namespace gatehouse::pkcs11 {

const std::string_view signer_usage = R"(usage: gatehouse-signer --purpose host|ca --module FILE --listen-fd N --key URI [--key URI ...]
                        [--pin-fd N] [--limits FILE] [--signed-log FILE] [--peer-uid UID ...]
                        [--ready-fd N] [--memory-fd N] [--sign-limit-ms N] [--syslog]
       gatehouse-signer --purpose manage --module FILE --connection-fd N --token URI [--pin-fd N]

Loads one PKCS#11 module and signs what its purpose allows. Started by gatehouse-sshd, gatehouse-ca and gatehouse key.
  --purpose        host: exchange hashes, hostkeys-prove, SSHSIG in namespace gatehouse-host
                   ca: certificates and SSHSIG in gatehouse-krl, -trust, -checkpoint, as the limits file allows
                   manage: makes, lists and destroys keys
  --module         absolute path of the module
  --listen-fd      a listening Unix socket
  --connection-fd  a connected Unix socket
  --pin-fd         the PIN file, open for reading
  --key            a key, by RFC 7512 URI; all keys are in one token
  --token          the token, by RFC 7512 URI
  --limits         what each key may sign (TOML); owned by root or this account, writable by nobody else
  --signed-log     gets a line with the hash of all that is signed
  --peer-uid       who may connect besides root (default: this account)
  --ready-fd       gets one octet when requests are taken
  --memory-fd      a file that remembers a refused PIN over restarts
  --sign-limit-ms  a signature that takes longer ends the process (default 10000)
)";

namespace {

constexpr long most_sign_limit_ms = 600000;

Result<long> number(const std::string& option, const std::string& text, long most) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most) {
    return problem(option + ": '" + escaped(text) + "' is no number from 0 to " + std::to_string(most));
  }
  return value;
}

class Parser {
 public:
  Result<SignerOptions> parse(std::span<const std::string> arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& option = arguments[i];
      if (option == "--help" || option == "-h") {
        options_.help = true;
        return options_;
      }
      if (option == "--syslog") {
        options_.syslog = true;
        continue;
      }
      if (!known(option)) return problem("unknown option '" + escaped(option) + "'");
      if (i + 1 >= arguments.size()) return problem(option + " needs a value");
      if (auto taken = take(option, arguments[++i]); !taken) return tl::unexpected(taken.error());
    }
    if (auto complete = check(); !complete) return tl::unexpected(complete.error());
    return std::move(options_);
  }

 private:
  static bool known(const std::string& option) {
    for (const char* name : {"--purpose", "--module", "--key", "--token", "--limits", "--signed-log", "--pin-fd", "--listen-fd",
                             "--connection-fd", "--ready-fd", "--memory-fd", "--peer-uid", "--sign-limit-ms"}) {
      if (option == name) return true;
    }
    return false;
  }

  Result<void> take(const std::string& option, const std::string& value) {
    if (option == "--purpose") {
      const auto purpose = purpose_by_name(value);
      if (!purpose) return problem("--purpose: '" + escaped(value) + "' is neither host, ca nor manage");
      options_.purpose = *purpose;
      purpose_given_ = true;
    } else if (option == "--module") {
      options_.module = value;
    } else if (option == "--limits") {
      options_.limits_file = value;
    } else if (option == "--signed-log") {
      options_.signed_log_file = value;
    } else if (option == "--key") {
      auto uri = Uri::parse(value, UriNames::key);
      if (!uri) return tl::unexpected(uri.error());
      options_.keys.push_back(*std::move(uri));
    } else if (option == "--token") {
      auto uri = Uri::parse(value, UriNames::token);
      if (!uri) return tl::unexpected(uri.error());
      options_.token = *std::move(uri);
    } else {
      return take_number(option, value);
    }
    return {};
  }

  Result<void> take_number(const std::string& option, const std::string& value) {
    if (option == "--peer-uid") {
      const auto uid = number(option, value, 0xFFFFFFFEL);
      if (!uid) return tl::unexpected(uid.error());
      options_.peer_uids.push_back(static_cast<uid_t>(*uid));
      return {};
    }
    if (option == "--sign-limit-ms") {
      const auto limit = number(option, value, most_sign_limit_ms);
      if (!limit) return tl::unexpected(limit.error());
      options_.sign_limit = std::chrono::milliseconds(*limit);
      return {};
    }
    const auto fd = number(option, value, 1L << 20);
    if (!fd) return tl::unexpected(fd.error());
    const std::map<std::string_view, int*> descriptors{{"--pin-fd", &options_.pin_fd},
                                                       {"--listen-fd", &options_.listen_fd},
                                                       {"--connection-fd", &options_.connection_fd},
                                                       {"--ready-fd", &options_.ready_fd},
                                                       {"--memory-fd", &options_.memory_fd}};
    *descriptors.at(option) = static_cast<int>(*fd);
    return {};
  }

  Result<void> check() const {
    if (!purpose_given_) return problem("--purpose is missing");
    if (options_.module.empty()) return problem("--module is missing");
    if (options_.purpose == Purpose::manage) {
      if (options_.connection_fd < 0) return problem("--connection-fd is missing");
      if (!options_.token) return problem("--token is missing");
      if (!options_.keys.empty() || options_.listen_fd >= 0) return problem("purpose manage takes neither --key nor --listen-fd");
      return {};
    }
    if (options_.listen_fd < 0) return problem("--listen-fd is missing");
    if (options_.keys.empty()) return problem("--key is missing");
    if (options_.token || options_.connection_fd >= 0) return problem("--token and --connection-fd are for purpose manage");
    if (options_.purpose == Purpose::ca && options_.limits_file.empty()) return problem("purpose ca needs --limits");
    if (options_.purpose != Purpose::ca && !options_.limits_file.empty()) return problem("--limits is for purpose ca");
    return {};
  }

  SignerOptions options_;
  bool purpose_given_ = false;
};

}  // namespace

Result<SignerOptions> parse_signer_options(std::span<const std::string> arguments) { return Parser().parse(arguments); }

}  // namespace gatehouse::pkcs11
