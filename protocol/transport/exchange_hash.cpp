#include "protocol/transport/exchange_hash.h"

#include <cstdlib>
#include <utility>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::transport {

namespace {

bool is_one_value(crypto::SharedSecretEncoding encoding, Bytes encoded) {
  WireReader reader(encoded);
  if (encoding == crypto::SharedSecretEncoding::mpint) {
    reader.mpint();
  } else {
    reader.string();
  }
  return reader.finish();
}

/// K1 ‖ K2 ‖ … of RFC 4253 section 7.2, as many octets as asked for.
/// @param secret_and_hash  K ‖ H: its owner wipes it
SecretBytes derive(crypto::Digest digest, const SecretBytes& secret_and_hash, char letter, Bytes session_id, std::size_t size) {
  const std::size_t step = crypto::digest_size(digest);
  const Bytes prefix = secret_and_hash.reveal();
  SecretBytes key((size + step - 1) / step * step);
  SecretBytes input(prefix.size() + std::max(1 + session_id.size(), key.size()));
  std::copy(prefix.begin(), prefix.end(), input.fill().begin());
  std::size_t made = 0;
  while (made < size) {
    const std::span<std::uint8_t> tail = input.fill().subspan(prefix.size());
    std::size_t tail_size = made;
    if (made == 0) {
      tail[0] = static_cast<std::uint8_t>(letter);
      std::copy(session_id.begin(), session_id.end(), tail.begin() + 1);
      tail_size = 1 + session_id.size();
    } else {
      std::copy_n(key.reveal().begin(), made, tail.begin());
    }
    ByteVector block = crypto::hash(digest, input.reveal().first(prefix.size() + tail_size));
    std::copy(block.begin(), block.end(), key.fill().begin() + static_cast<std::ptrdiff_t>(made));
    OPENSSL_cleanse(block.data(), block.size());
    made += step;
  }
  return key.size() == size ? std::move(key) : key.first(size);
}

}  // namespace

ProtocolResult<ByteVector> exchange_hash(crypto::KexMethod method, const ExchangeHashInputs& inputs) {
  if (!is_one_value(crypto::shared_secret_encoding(method), inputs.shared_secret.reveal())) {
    return violation(Violation::bad_encoding, "shared secret");
  }
  WireWriter writer;
  writer.string(inputs.client_identification)
      .string(inputs.server_identification)
      .string(inputs.client_kexinit)
      .string(inputs.server_kexinit)
      .string(inputs.host_key)
      .string(inputs.client_share)
      .string(inputs.server_share);
  SecretBytes hashed(writer.size() + inputs.shared_secret.size());  // holds K: not a vector
  std::copy(writer.view().begin(), writer.view().end(), hashed.fill().begin());
  const Bytes secret = inputs.shared_secret.reveal();
  std::copy(secret.begin(), secret.end(), hashed.fill().begin() + static_cast<std::ptrdiff_t>(writer.size()));
  return crypto::hash(crypto::kex_digest(method), hashed.reveal());
}

crypto::PacketKeys derive_keys(const Negotiated& algorithms, Direction direction, const SecretBytes& shared_secret, Bytes exchange_hash,
                               Bytes session_id) {
  const crypto::Digest digest = crypto::kex_digest(algorithms.kex);
  const bool to_server = direction == Direction::client_to_server;
  SecretBytes secret_and_hash(shared_secret.size() + exchange_hash.size());
  const Bytes secret = shared_secret.reveal();
  std::copy(secret.begin(), secret.end(), secret_and_hash.fill().begin());
  std::copy(exchange_hash.begin(), exchange_hash.end(), secret_and_hash.fill().begin() + static_cast<std::ptrdiff_t>(secret.size()));

  crypto::PacketKeys keys;
  keys.cipher = algorithms.cipher(direction);
  keys.mac = algorithms.mac(direction);
  keys.iv = derive(digest, secret_and_hash, to_server ? 'A' : 'B', session_id, crypto::cipher_iv_size(keys.cipher));
  keys.key = derive(digest, secret_and_hash, to_server ? 'C' : 'D', session_id, crypto::cipher_key_size(keys.cipher));
  keys.mac_key = derive(digest, secret_and_hash, to_server ? 'E' : 'F', session_id, crypto::mac_key_size(keys.mac));
  return keys;
}

}  // namespace gatehouse::transport
