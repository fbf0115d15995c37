#include "ca/parent/checks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ca/front/https_server.h"
#include "ca/front/pem_file.h"
#include "ca/parent/parent.h"
#include "ca/policy/policy.h"
#include "daemon/log.h"
#include "daemon/unique_fd.h"
#include "pkcs11/signer/limits.h"

namespace gatehouse::ca {
namespace {

constexpr off_t max_config = 1024 * 1024;

Result<SecretBytes> pem(const std::string& path, const std::string& where) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return problem(path + ": " + std::strerror(errno), where, "name a PEM file");
  auto content = read_pem_file(file.fd(), path);
  if (!content) return problem(content.error().line(), where);
  return content;
}

Result<void> check_tls(const CaConfig& config) {
  const auto certificate = pem(config.listen.tls_certificate, config.where("listen.tls_certificate"));
  if (!certificate) return tl::unexpected(certificate.error());
  const auto key = pem(config.listen.tls_key, config.where("listen.tls_key"));
  if (!key) return tl::unexpected(key.error());
  struct stat status {};
  if (::stat(config.listen.tls_key.c_str(), &status) == 0 && (status.st_mode & 07) != 0) {
    return problem(config.listen.tls_key + " can be read by everybody", config.where("listen.tls_key"),
                   "chmod o= " + config.listen.tls_key);
  }
  const auto fit = check_tls_files(std::string(certificate->reveal_text()), *key);
  if (!fit) return problem(fit.error().what, config.where("listen.tls_certificate"), fit.error().mend);
  return {};
}

/// The issuer reads it itself, whenever it connects: it may be replaced while the CA runs.
Result<void> check_directory_password(const CaConfig& config, const Accounts& accounts) {
  const std::string& path = config.directory.bind_password_file;
  if (path.empty()) return {};
  const std::string where = config.where("directory.bind_password_file");
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return problem(path + ": " + std::strerror(errno), where, "write the password of bind_dn into it");
  if (!S_ISREG(status.st_mode) || status.st_uid != accounts.issuer_uid || (status.st_mode & 077) != 0) {
    return problem(path + " must be a file of the issuer's account that nobody else can read", where,
                   "chown " + (accounts.issuer ? accounts.issuer->name : std::to_string(accounts.issuer_uid)) + " and chmod 0400 " + path);
  }
  return {};
}

/// A key of the signer's settings is named in the configuration by the value that is wrong.
std::string place_of(const CaConfig& config, const Problem& mistake) {
  const std::string text = mistake.where + " " + mistake.what;
  const auto has = [&text](const std::string& value) { return !value.empty() && text.find(value) != std::string::npos; };
  if (has(config.limits)) return config.where("signer.limits");
  if (has(config.module)) return config.where("token.module");
  if (has(config.pin_source)) return config.where("token.pin_source");
  return config.file;
}

/// The signer reads it and refuses to start without it; what is wrong in it is told here already.
Result<void> check_limits(const CaConfig& config) {
  const auto limits = pkcs11::Limits::load(config.limits);
  if (!limits) return tl::unexpected(limits.error());
  std::vector<pkcs11::Uri> keys;
  for (const std::string& text : config.keys.all()) {
    auto uri = pkcs11::Uri::parse(text, pkcs11::UriNames::key);
    if (!uri) return tl::unexpected(uri.error());
    keys.push_back(std::move(*uri));
  }
  return limits->check_cover(keys);
}

}  // namespace

pkcs11::SignerSettings signer_settings(const CaConfig& config, const Accounts& accounts) {
  pkcs11::SignerSettings settings;
  settings.purpose = pkcs11::Purpose::ca;
  settings.module = config.module;
  settings.pin_source = config.pin_source;
  settings.keys = config.keys.all();
  settings.socket_path = config.signer_socket();
  if (accounts.issuer) settings.socket_owner = accounts.issuer_uid;
  settings.account = accounts.signer;
  settings.peer_uids = {accounts.issuer_uid};
  settings.limits_file = config.limits;
  settings.signed_log_file = config.signed_log;
  return settings;
}

Result<void> check_surroundings(const CaConfig& config) {
  const auto accounts = find_accounts(config);
  if (!accounts) return tl::unexpected(accounts.error());
  if (::access(config.policy.c_str(), R_OK) != 0) {
    return problem(config.policy + ": " + std::strerror(errno), config.where("ca.policy"), "write the policy there, or change the path");
  }
  if (const auto policy = Policy::load(config.policy); !policy) return tl::unexpected(policy.error());
  if (auto fit = check_tls(config); !fit) return fit;
  if (auto fit = check_directory_password(config, *accounts); !fit) return fit;
  if (const auto fit = pkcs11::check(signer_settings(config, *accounts)); !fit) {
    const Problem& mistake = fit.error();
    return problem((mistake.where.empty() ? "" : mistake.where + ": ") + mistake.what, place_of(config, mistake), mistake.mend);
  }
  return check_limits(config);
}

Result<CheckedConfig> check_config(const std::string& file) {
  const UniqueFd open_file(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!open_file || ::fstat(open_file.fd(), &status) != 0)
    return problem(std::strerror(errno), file, "give the configuration with -f FILE");
  if (!S_ISREG(status.st_mode) || status.st_size > max_config) return problem("is no file, or longer than 1 MiB", file);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(open_file.fd(), text.data(), text.size(), 0) != status.st_size) return problem("cannot be read", file);
  auto config = parse_config(text, file);
  if (!config) return tl::unexpected(config.error());
  if (auto fit = check_surroundings(*config); !fit) return tl::unexpected(fit.error());
  return CheckedConfig{std::move(*config), std::move(text)};
}

}  // namespace gatehouse::ca
