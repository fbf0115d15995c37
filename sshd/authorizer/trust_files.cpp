/// What the files of TrustedUserCAKeys and RevokedKeys hold.
#include <array>

#include "protocol/keys/certificate.h"
#include "sshd/authorizer/trust_state.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

constexpr std::size_t most_lines = 100000;
constexpr std::array<std::uint8_t, 8> krl_magic{'S', 'S', 'H', 'K', 'R', 'L', '\n', 0};

/// Lines with something on them, without white space at both ends, and their numbers.
template <class Visit>
Result<void> for_each_line(Bytes content, const std::string& path, Visit visit) {
  std::string_view rest = as_text(content);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    const std::string where = path + " line " + std::to_string(number);
    if (number > most_lines) return problem("more than 100000 lines", path, "use a KRL");
    if (const auto taken = visit(line, where); !taken) return taken;
  }
  return {};
}

/// Names of keys and certificates that OpenSSH knows and we do not take: to be told from garbage.
bool is_foreign_key(std::string_view line) {
  const std::string_view name = line.substr(0, line.find_first_of(" \t"));
  for (const std::string_view known :
       {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss", "ssh-mldsa44-ed25519@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ssh-dss-cert-v01@openssh.com"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

Result<CaKeyFile> parse_ca_key_file(Bytes content, const std::string& path) {
  CaKeyFile out;
  const auto read = for_each_line(content, path, [&out](std::string_view line, const std::string& where) -> Result<void> {
    if (is_foreign_key(line)) {
      out.notes.push_back(where + ": keys of this type are not supported, left out");
      return {};
    }
    if (line.find("-cert-v01@openssh.com") != std::string_view::npos && keys::Certificate::parse_line(line)) {
      return problem("a certificate is no CA key", where, "put the plain public key of the CA there");
    }
    auto key = keys::PublicKey::parse_line(line);
    if (!key)
      return problem("no public key: " + key.error().what, where, "one public key a line, as ssh-keygen writes it, without options");
    for (const keys::PublicKey& each : out.keys) {
      if (each == *key) return {};
    }
    out.keys.push_back(std::move(*key));
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  if (out.keys.empty()) return problem("no CA key", path, "put the public key of the CA there");
  return out;
}

Result<RevocationList> parse_revoked_keys(Bytes content, const std::string& path) {
  RevocationList out;
  out.path = path;
  if (content.size() >= krl_magic.size() && equal(content.first(krl_magic.size()), krl_magic)) {
    auto krl = keys::Krl::parse(content);
    if (!krl) return problem("malformed KRL: " + krl.error().detail, path, "fetch it again; ssh-keygen -Qf checks it");
    out.list = std::move(*krl);
    out.dated = true;
    return out;
  }
  // What is left where a disk was full or a download failed. A list of nobody says so: an empty KRL, or a comment.
  if (content.empty()) return problem("is empty", path, "give a KRL (ssh-keygen -k makes one that revokes nothing), or a line of comment");
  const auto read = for_each_line(content, path, [&out](std::string_view line, const std::string& where) -> Result<void> {
    // A key of a type that nobody can log in with needs no revoking here.
    if (is_foreign_key(line)) return {};
    if (const auto certificate = keys::Certificate::parse_line(line)) {
      // As sshd: a certificate in the list revokes its key.
      out.list.revoke_key(certificate->subject().blob());
      return {};
    }
    const auto key = keys::PublicKey::parse_line(line);
    if (!key) return problem("neither a KRL nor a public key: " + key.error().what, where, "give a KRL, or public keys one a line");
    out.list.revoke_key(key->blob());
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return out;
}

}  // namespace gatehouse::sshd
