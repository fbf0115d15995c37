/// What the listener knows and every monitor inherits by fork. It holds no secret.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"
#include "daemon/audit.h"
#include "daemon/sandbox.h"
#include "protocol/keys/public_key.h"
#include "protocol/transport/transport.h"
#include "sshd/config/configuration.h"

namespace gatehouse::sshd {

/// A host key in the token, and the certificates for it.
struct ServerHostKey {
  keys::PublicKey key;
  std::vector<ByteVector> certificates;  ///< blobs
};

struct ServerImage {
  Configuration configuration;
  std::vector<ServerHostKey> host_keys;
  std::string identification;  ///< the line for those who come now, without CR LF
  std::string authorizer_socket;
  std::string signer_socket;
  std::string empty_root;          ///< preauth's root; used when privileged
  bool privileged = false;         ///< we are root
  std::optional<Account> preauth;  ///< the account of preauth; nothing when not privileged
  std::optional<Sandbox> sandbox;  ///< of preauth; always there once the listener has started
  std::optional<std::string> time_zone;
  AuditLog audit;
};

/// What the server offers as host keys, in the order of HostKeyAlgorithms: each algorithm that one of the keys can do.
std::vector<transport::HostKey> offered_host_keys(const std::vector<ServerHostKey>& keys, const std::vector<std::string>& algorithms);

}  // namespace gatehouse::sshd
