/// Owners for OpenSSL's handles: a handle has an owner from the line it appears on.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include <cstdlib>
#include <memory>

#include "protocol/crypto/digest.h"

namespace gatehouse::crypto {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

using EvpPkey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using EvpPkeyCtx = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using EvpMd = std::unique_ptr<EVP_MD, FreeWith<EVP_MD_free>>;
using EvpMdCtx = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using EvpCipher = std::unique_ptr<EVP_CIPHER, FreeWith<EVP_CIPHER_free>>;
using EvpCipherCtx = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;
using EvpMac = std::unique_ptr<EVP_MAC, FreeWith<EVP_MAC_free>>;
using EvpMacCtx = std::unique_ptr<EVP_MAC_CTX, FreeWith<EVP_MAC_CTX_free>>;
using BigNum = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;  // may hold a private scalar
using EcdsaSig = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;

/// For calls that OpenSSL can refuse only when it is broken or out of memory: nothing may go on as if they had worked.
inline void must(int result) {
  if (result != 1) std::abort();
}
template <class T>
T or_abort(T handle) {
  if (!handle) std::abort();
  return handle;
}

/// Takes back what the calls in its scope leave in the thread's error queue, where a TLS connection of the same thread would stumble over
/// it.
class DiscardErrors {
 public:
  DiscardErrors() { ERR_set_mark(); }
  ~DiscardErrors() { ERR_pop_to_mark(); }
  DiscardErrors(const DiscardErrors&) = delete;
  DiscardErrors& operator=(const DiscardErrors&) = delete;
};

/// OpenSSL's implementation of the digest; lives as long as the process.
const EVP_MD* openssl_digest(Digest digest);

}  // namespace gatehouse::crypto
