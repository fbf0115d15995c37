/// Cookies, the exchange hash and its signature: what both children of a monitor may have of it.
#pragma once

#include <string>
#include <vector>

#include "pkcs11/client/signer_client.h"
#include "sshd/authorizer/client.h"
#include "sshd/messages/key_exchange.h"
#include "sshd/monitor/server_image.h"

namespace gatehouse::sshd {

/// The inputs of the hash pass through unread: the authorizer computes H and says which of our keys signs it, the signer signs that H.
class KeyExchangeService {
 public:
  /// @param authorizer  introduced with the cookie that the child was started with
  KeyExchangeService(AuthorizerClient authorizer, const ServerImage& server)
      : authorizer_(std::move(authorizer)), signer_(server.signer_socket), server_(server) {}

  /// A fresh cookie; the authorizer knows it. @error one is outstanding; the authorizer is away
  Result<message::Cookie> next_cookie();
  /// @error no cookie is outstanding; the authorizer refuses the inputs; the algorithm is not the key's; the token does not sign
  Result<message::SignedExchange> sign(message::SignExchange request);

  AuthorizerClient& authorizer() { return authorizer_; }
  /// How many exchanges were signed.
  unsigned signed_exchanges() const { return signed_; }

 private:
  AuthorizerClient authorizer_;
  pkcs11::SignerClient signer_;
  const ServerImage& server_;
  bool cookie_outstanding_ = true;  // the child was started with one
  unsigned signed_ = 0;
};

}  // namespace gatehouse::sshd
