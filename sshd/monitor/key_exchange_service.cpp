#include "sshd/monitor/key_exchange_service.h"

#include <algorithm>

#include "protocol/crypto/random.h"

namespace gatehouse::sshd {

Result<message::Cookie> KeyExchangeService::next_cookie() {
  if (cookie_outstanding_) return problem("a second cookie was asked for before the first was used");
  ByteVector cookie = crypto::random_bytes(authorizer::cookie_size);
  if (auto told = authorizer_.next_cookie(cookie); !told) return tl::unexpected(std::move(told.error()));
  cookie_outstanding_ = true;
  return message::Cookie{std::move(cookie)};
}

Result<message::SignedExchange> KeyExchangeService::sign(message::SignExchange request) {
  if (!cookie_outstanding_) return problem("a signature was asked for without a cookie");
  cookie_outstanding_ = false;
  const auto algorithm = keys::public_key_algorithm_by_name(request.host_key_algorithm);
  if (!algorithm) return problem("unknown host key algorithm");
  auto hash = authorizer_.exchange_hash(std::move(request.inputs));
  if (!hash) return tl::unexpected(std::move(hash.error()));
  const auto host = std::find_if(server_.host_keys.begin(), server_.host_keys.end(),
                                 [&hash](const ServerHostKey& each) { return equal(each.key.blob(), hash->host_key); });
  if (host == server_.host_keys.end()) return problem("the authorizer names a host key that there is not");
  const keys::PublicKey& key = host->key;
  if (keys::key_type_of(algorithm->signature) != key.type()) return problem("the host key algorithm is not the host key's");
  auto signature = signer_.sign_exchange_hash(key.blob(), algorithm->signature, hash->hash);
  if (!signature) return tl::unexpected(signature.error().problem());
  ++signed_;
  return message::SignedExchange{std::move(hash->hash), std::move(*signature)};
}

}  // namespace gatehouse::sshd
