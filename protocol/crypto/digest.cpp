#include "protocol/crypto/digest.h"

#include <cstdlib>

#include "protocol/crypto/openssl_handle.h"

namespace gatehouse::crypto {

namespace {

struct Row {
  const char* name;
  std::size_t size;
};

constexpr Row row(Digest digest) {
  switch (digest) {
    case Digest::sha256:
      return {"SHA2-256", 32};
    case Digest::sha384:
      return {"SHA2-384", 48};
    case Digest::sha512:
      return {"SHA2-512", 64};
  }
  std::abort();
}

EVP_MD* fetch(Digest digest) {
  EVP_MD* const found = EVP_MD_fetch(nullptr, row(digest).name, nullptr);
  if (found == nullptr) std::abort();
  return found;
}

}  // namespace

std::size_t digest_size(Digest digest) { return row(digest).size; }

const EVP_MD* openssl_digest(Digest digest) {
  // Fetched once: OpenSSL 3 looks an algorithm up by name in a locked table at each use otherwise.
  static EVP_MD* const sha256 = fetch(Digest::sha256);
  static EVP_MD* const sha384 = fetch(Digest::sha384);
  static EVP_MD* const sha512 = fetch(Digest::sha512);
  switch (digest) {
    case Digest::sha256:
      return sha256;
    case Digest::sha384:
      return sha384;
    case Digest::sha512:
      return sha512;
  }
  std::abort();
}

ByteVector hash(Digest digest, Bytes data) {
  ByteVector out(digest_size(digest));
  if (EVP_Digest(data.data(), data.size(), out.data(), nullptr, openssl_digest(digest), nullptr) != 1) std::abort();
  return out;
}

ByteVector hmac(Digest digest, const SecretBytes& key, Bytes data) {
  static constexpr std::uint8_t no_octets = 0;  // OpenSSL takes a null key for "the key that was set before"
  ByteVector out(digest_size(digest));
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, row(digest).name, nullptr, key.empty() ? &no_octets : key.reveal().data(), key.size(),
                data.data(), data.size(), out.data(), out.size(), &size) == nullptr ||
      size != out.size()) {
    std::abort();
  }
  return out;
}

}  // namespace gatehouse::crypto
