/// HTTPS on a listening socket: TLS 1.3 only, HTTP/1.1, with limits on everything a stranger can hold open or send.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "ca/front/issuer_pool.h"
#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

struct HttpsSettings {
  std::string certificate_chain;  ///< PEM
  SecretBytes private_key;        ///< PEM
  unsigned threads = 2;
  unsigned max_connections = 512;
  unsigned max_connections_per_address = 64;
  std::chrono::seconds handshake_limit{10};
  std::chrono::seconds request_limit{20};  ///< from the end of the last reply to the end of a request
  std::chrono::seconds reply_limit{60};
  std::size_t max_header = 16 * 1024;
};

class HttpsServer {
 public:
  /// @param quick  for questions that wait for nobody: nonces, trust, KRL, health
  /// @param slow   for those that wait for directory and token
  /// @error Problem: certificate and key do not fit, or cannot be read
  static Result<std::unique_ptr<HttpsServer>> open(UniqueFd listener, HttpsSettings settings, IssuerPool& quick, IssuerPool& slow);
  ~HttpsServer();
  /// Serves until SIGTERM or SIGINT, then finishes the requests at hand.
  void run();

 private:
  class Impl;
  explicit HttpsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Whether OpenSSL takes them, and they belong together. @error Problem
Result<void> check_tls_files(const std::string& certificate_chain, const SecretBytes& private_key);

}  // namespace gatehouse::ca
