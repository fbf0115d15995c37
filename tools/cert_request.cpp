/// gatehouse cert request: a certificate for a key file, for services, CI and whoever runs no agent.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>

#include "protocol/keys/private_key.h"
#include "tools/certificate_text.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/output_file.h"
#include "tools/profile.h"

namespace gatehouse::tools {

namespace {

constexpr std::size_t max_key_file = 64 * 1024;

int failed(Streams io, const Problem& why, int status = exit_failed) {
  io.err << "gatehouse cert request: " << why.line() << '\n';
  return status;
}

Result<keys::PrivateKey> load_key(const std::string& path) {
  auto content = read_file(path, max_key_file);
  if (!content) return tl::unexpected(content.error());
  const SecretBytes secret = SecretBytes::copy_of(*content);
  OPENSSL_cleanse(content->data(), content->size());
  auto key = keys::PrivateKey::parse_openssh(secret);
  if (!key) return problem(key.error().what, path, key.error().mend);
  return key;
}

/// Makes the key file and its .pub where there is none.
Result<keys::PrivateKey> load_or_make_key(const std::string& path, const std::string& type) {
  if (type.empty() || std::filesystem::exists(path)) return load_key(path);
  const bool ed25519 = type == "ed25519";
  if (!ed25519 && type != "ecdsa") return problem("--generate " + type + ": unknown key type", {}, "ed25519 or ecdsa");
  auto key = keys::PrivateKey::generate(ed25519 ? keys::KeyType::ed25519 : keys::KeyType::ecdsa_p256);
  if (auto written = replace_file(path, key.openssh_file("gatehouse").reveal(), 0600); !written) return tl::unexpected(written.error());
  const std::string line = key.public_key().line("gatehouse") + "\n";
  if (auto written = replace_file(path + ".pub", as_bytes(line), 0644); !written) return tl::unexpected(written.error());
  return Result<keys::PrivateKey>(std::move(key));
}

}  // namespace

int cert_request_command(std::span<const std::string> args, Streams io) {
  po::options_description options;
  options.add(ca_options()).add(identity_options());
  po::options_description more("certificate");
  more.add_options()("key", po::value<std::string>()->required(), "private key file (OpenSSH format, no passphrase)")(
      "generate", po::value<std::string>(), "make the key file when it does not exist: ed25519 or ecdsa")(
      "out", po::value<std::string>(), "folder for the certificate (default: beside the key, as KEY-cert.pub)")(
      "identity", po::value<std::string>(), "prove who is asking with this enrolled key file of a service account instead of a password")(
      "role", po::value<std::string>(), "role to ask for")(
      "lifetime", po::value<std::string>(), "shorter than the role's, as 15m or 1h30m")("principal", po::value<std::vector<std::string>>(),
                                                                                        "only this account; may repeat")(
      "reason", po::value<std::string>(), "why, for the audit log")("json", "one JSON object");
  options.add(more);
  int status = exit_done;
  const auto given = parse_options("cert request", "--key FILE [OPTION ...]", options, nullptr, args, io, status);
  if (!given) return status;

  const auto profile = resolve_profile(*given);
  if (!profile) return failed(io, profile.error());
  ca::CertificateWish wish;
  wish.role = profile->role;
  wish.reason = text_of(*given, "reason");
  if (given->count("principal") != 0) wish.principals = (*given)["principal"].as<std::vector<std::string>>();
  if (given->count("lifetime") != 0) {
    const auto lifetime = duration_seconds(text_of(*given, "lifetime"));
    if (!lifetime)
      return failed(io, {"no duration: '" + text_of(*given, "lifetime") + "'", "--lifetime", "write 15m or 1h30m"}, exit_usage);
    wish.lifetime = std::chrono::seconds(*lifetime);
  }
  const std::string key_path = text_of(*given, "key");
  auto key = load_or_make_key(key_path, text_of(*given, "generate"));
  if (!key) return failed(io, key.error());
  auto client = open_client(*profile);
  if (!client) return failed(io, client.error());

  auto answer = [&]() -> ca::ClientResult<ca::CertificateAnswer> {
    const auto own_side = [](const Problem& why) {
      ca::ClientError error;
      error.kind = ca::ClientError::Kind::own_side;
      error.problem = why;
      return tl::unexpected(error);
    };
    if (given->count("identity") != 0) {
      auto identity = load_key(text_of(*given, "identity"));
      if (!identity) return own_side(identity.error());
      return client->user_certificate(wish, ca::KeyIdentity{profile->user, &*identity}, *key);
    }
    const auto password = read_password(*given, fmt::format("Password of {} at {}: ", profile->user, profile->ca_url));
    if (!password) return own_side(password.error());
    return client->user_certificate(wish, ca::PasswordIdentity{profile->user, &*password}, *key);
  }();
  if (!answer) return failed(io, answer.error().problem, answer.error().try_again_later ? exit_try_later : exit_failed);

  std::string path = key_path + "-cert.pub";
  if (given->count("out") != 0) path = text_of(*given, "out") + "/" + std::filesystem::path(path).filename().string();
  const std::string line = answer->certificate + "\n";
  if (auto written = replace_file(path, as_bytes(line), 0644); !written) return failed(io, written.error());
  const auto certificate = keys::Certificate::parse_line(answer->certificate);
  if (!certificate) return failed(io, certificate.error());
  io.out << (given->count("json") != 0 ? certificate_json(*certificate) : path + "\n" + certificate_text(*certificate, unix_now()));
  return exit_done;
}

}  // namespace gatehouse::tools
