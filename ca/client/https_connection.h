/// One HTTPS connection of a client: HTTP/1.1 over TLS 1.3, blocking, kept open between calls.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "protocol/core/bytes.h"
#include "protocol/core/result.h"
#include "protocol/core/secret.h"

namespace gatehouse::ca {

/// Where the CA is: "https://HOST[:PORT]", HOST a name or an address (IPv6 in brackets).
struct CaAddress {
  std::string host;  ///< without brackets
  std::string port;
  std::string authority;  ///< for the header Host
};
/// @error Problem: another scheme, a path, user or query, no host
Result<CaAddress> parse_ca_url(const std::string& url);

struct HttpCall {
  std::string method;
  std::string target;
  std::string if_none_match;                   ///< without quotes; may be empty
  const SecretBytes* authorization = nullptr;  ///< value of the header
  std::string body;                            ///< JSON; with POST
};
struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string etag;       ///< without quotes
  std::string signature;  ///< Gatehouse-Signature
  std::string retry_after;
  std::string body;
};

class HttpsConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  /// @param ca_file  PEM; empty: the system's certificates  @error Problem: unreadable, or no certificate in it
  static Result<HttpsConnection> open(CaAddress address, const std::string& ca_file);
  HttpsConnection(HttpsConnection&&) noexcept;
  HttpsConnection& operator=(HttpsConnection&&) noexcept;
  ~HttpsConnection();

  /// Connects unless there is a connection that the CA has not closed. @error Problem
  Result<void> connect(Deadline deadline);
  /// RFC 9266 tls-exporter of the connection at hand; empty when there is none.
  ByteVector channel() const;
  /// Over the connection at hand. @error Problem: none, broken, or no answer in time; the connection is closed then
  Result<HttpAnswer> call(const HttpCall& call, Deadline deadline);

 private:
  class Impl;
  explicit HttpsConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::ca
