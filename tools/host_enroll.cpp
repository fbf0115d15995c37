/// gatehouse host enroll: host certificates for the keys that the running server's signer holds.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "pkcs11/client/remote_signer.h"
#include "pkcs11/client/signer_client.h"
#include "tools/certificate_text.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/output_file.h"
#include "tools/profile.h"

namespace gatehouse::tools {

namespace {

int failed(Streams io, const Problem& why, int status = exit_failed) {
  io.err << "gatehouse host enroll: " << why.line() << '\n';
  return status;
}

/// "ssh_host_ed25519_key-cert.pub": as sshd names the certificates of its key files.
std::string file_name(const keys::PublicKey& key) {
  switch (key.type()) {
    case keys::KeyType::ed25519:
      return "ssh_host_ed25519_key-cert.pub";
    case keys::KeyType::ecdsa_p256:
      return "ssh_host_ecdsa_key-cert.pub";
    case keys::KeyType::ecdsa_p384:
      return "ssh_host_ecdsa384_key-cert.pub";
    case keys::KeyType::ecdsa_p521:
      return "ssh_host_ecdsa521_key-cert.pub";
    case keys::KeyType::rsa:
      return "ssh_host_rsa_key-cert.pub";
  }
  return "ssh_host_key-cert.pub";
}

}  // namespace

int host_enroll_command(std::span<const std::string> args, Streams io) {
  po::options_description options;
  options.add(ca_options()).add(identity_options());
  po::options_description more("host");
  more.add_options()("signer", po::value<std::string>()->default_value("/run/gatehouse-sshd/signer"),
                     "socket of the running server's signer; the token itself is not opened")(
      "name", po::value<std::vector<std::string>>()->required(), "name or address by which clients call this host; may repeat")(
      "out", po::value<std::string>()->default_value("/etc/gatehouse"), "folder for the certificates; HostCertificate names them")(
      "lifetime", po::value<std::string>(), "shorter than the role's, as 12h or 7d")(
      "role", po::value<std::string>(), "host role to ask for")("json", "one JSON object a certificate");
  options.add(more);
  int status = exit_done;
  const auto given = parse_options("host enroll", "--name HOST [--name HOST ...] [OPTION ...]", options, nullptr, args, io, status);
  if (!given) return status;

  const auto profile = resolve_profile(*given);
  if (!profile) return failed(io, profile.error());
  ca::CertificateWish wish;
  wish.role = profile->role;
  wish.principals = (*given)["name"].as<std::vector<std::string>>();
  if (given->count("lifetime") != 0) {
    const auto lifetime = duration_seconds(text_of(*given, "lifetime"));
    if (!lifetime) return failed(io, {"no duration: '" + text_of(*given, "lifetime") + "'", "--lifetime", "write 12h or 7d"}, exit_usage);
    wish.lifetime = std::chrono::seconds(*lifetime);
  }
  const auto signer = std::make_shared<pkcs11::SignerClient>(text_of(*given, "signer"));
  const auto keys_held = signer->list_keys();
  if (!keys_held) return failed(io, keys_held.error().problem());
  if (keys_held->empty()) return failed(io, {"the signer holds no key", text_of(*given, "signer"), "see HostKey in sshd_config"});
  auto client = open_client(*profile);
  if (!client) return failed(io, client.error());
  const auto password = read_password(*given, fmt::format("Password of {} at {}: ", profile->user, profile->ca_url));
  if (!password) return failed(io, password.error());

  for (const pkcs11::RemoteKey& held : *keys_held) {
    pkcs11::RemoteSigner host_key(signer, held.key);
    const auto answer = client->host_certificate(wish, ca::PasswordIdentity{profile->user, &*password}, host_key);
    if (!answer) return failed(io, answer.error().problem, answer.error().try_again_later ? exit_try_later : exit_failed);
    const std::string path = text_of(*given, "out") + "/" + file_name(held.key);
    const std::string line = answer->certificate + "\n";
    if (auto written = replace_file(path, as_bytes(line), 0644); !written) return failed(io, written.error());
    const auto certificate = keys::Certificate::parse_line(answer->certificate);
    if (!certificate) return failed(io, certificate.error());
    io.out << (given->count("json") != 0 ? certificate_json(*certificate) : path + "\n" + certificate_text(*certificate, unix_now()));
  }
  return exit_done;
}

}  // namespace gatehouse::tools
