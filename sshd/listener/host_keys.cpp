#include "sshd/listener/host_keys.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "daemon/log.h"
#include "pkcs11/client/signer_client.h"
#include "protocol/keys/certificate.h"
#include "sshd/config/configuration.h"

namespace gatehouse::sshd {
namespace {

constexpr std::chrono::milliseconds asking_time{3000};
constexpr std::size_t max_certificate_file = 128 * 1024;
constexpr std::size_t kept_certificates = 2;

Result<keys::Certificate> read_host_certificate(const std::string& path) {
  auto text = read_config_file(path, max_certificate_file);
  if (!text) return tl::unexpected(std::move(text.error()));
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  auto certificate = keys::Certificate::parse_line(*text);
  if (!certificate) return problem(certificate.error().what, path);
  if (certificate->fields().type != keys::CertificateType::host) return problem("is no host certificate", path);
  return certificate;
}

}  // namespace

Result<std::vector<ServerHostKey>> fetch_host_keys(const std::string& signer_socket, std::size_t expected) {
  pkcs11::SignerClient client(signer_socket, asking_time);
  auto listed = client.list_keys();
  if (!listed) return tl::unexpected(listed.error().problem());
  if (listed->size() < expected) {
    const auto health = client.health();
    std::string missing;
    if (health) {
      for (const pkcs11::KeyHealth& key : health->keys) {
        if (!key.found) missing += fmt::format("{}{}: {}", missing.empty() ? "" : "; ", key.uri, key.trouble);
      }
      if (missing.empty()) missing = fmt::format("the token is {}: {}", pkcs11::rung_name(health->rung), health->detail);
    }
    return problem(fmt::format("{} of {} host keys are there ({})", listed->size(), expected, missing));
  }
  std::vector<ServerHostKey> result;
  for (pkcs11::RemoteKey& remote : *listed) result.push_back({std::move(remote.key), {}});
  return result;
}

HostCertificates::Version HostCertificates::version_of(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return {};
  return {about.st_dev, about.st_ino, about.st_size, about.st_mtim};
}

bool HostCertificates::changed() const {
  return std::any_of(paths_.begin(), paths_.end(), [this](const std::string& path) {
    const auto known = loaded_.find(path);
    return known == loaded_.end() || !(known->second == version_of(path));
  });
}

void HostCertificates::attach(std::vector<ServerHostKey>& keys) {
  for (const std::string& path : paths_) {
    loaded_[path] = version_of(path);
    const auto certificate = read_host_certificate(path);
    if (!certificate) {
      log::error("HostCertificate: {}", certificate.error().line());
      continue;
    }
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const ServerHostKey& host) { return host.key == certificate->subject(); });
    if (key == keys.end()) {
      log::error("HostCertificate: {}: is for another key than any HostKey", path);
      continue;
    }
    ByteVector blob = to_vector(certificate->blob());
    if (!key->certificates.empty() && key->certificates.front() == blob) continue;
    key->certificates.insert(key->certificates.begin(), std::move(blob));
    if (key->certificates.size() > kept_certificates) key->certificates.resize(kept_certificates);
  }
}

authorizer::Setup authorizer_setup(const std::vector<ServerHostKey>& keys) {
  authorizer::Setup setup;
  for (const ServerHostKey& host : keys) setup.host_keys.push_back({to_vector(host.key.blob()), host.certificates});
  return setup;
}

}  // namespace gatehouse::sshd
