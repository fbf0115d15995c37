/// ca.toml. docs/ca.md explains each key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ca/directory/settings.h"
#include "ca/issue/token.h"
#include "ca/ledger/ledger.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// [listen]
struct ListenConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8443;
  std::string tls_certificate;  ///< PEM chain, the server's first
  std::string tls_key;          ///< PEM
  unsigned max_connections = 512;
  unsigned max_connections_per_address = 64;
};

struct CaConfig {
  std::string file;
  std::string id;           ///< the audience of requests; names this CA in the trust bundle
  std::string data_dir;     ///< of the issuer: nonce key, ledger, audit log
  std::string runtime_dir;  ///< sockets
  std::string policy;
  std::string issuer_user;
  std::string front_user;
  std::string signer_user;
  bool renew_after_end = true;
  ListenConfig listen;
  std::string module;
  std::string pin_source;
  KeyUris keys;
  std::string limits;
  std::string signed_log;
  DirectorySettings directory;
  LedgerSettings ledger;
  std::string audit_log;
  std::map<std::string, std::string> places;  ///< "FILE line N" by "table.key"

  /// Where a key stands, for later mistakes; the file when it does not.
  std::string where(const std::string& key) const;
  std::string signer_socket() const { return runtime_dir + "/signer.sock"; }
  std::string issuer_socket() const { return runtime_dir + "/issuer.sock"; }
};

/// Everything that the text alone can tell. @error one line with file, line and mend
Result<CaConfig> parse_config(std::string_view text, const std::string& file);

}  // namespace gatehouse::ca
