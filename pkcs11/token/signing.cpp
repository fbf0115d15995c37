#include "pkcs11/token/signing.h"

#include <openssl/crypto.h>

#include "pkcs11/token/mechanism.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

TokenResult<ByteVector> sign_in_session(const Session& session, const TokenKey& key, keys::SignatureAlgorithm algorithm, Bytes data,
                                        PinSource& pin) {
  const CK_FUNCTION_LIST& functions = session.functions();
  ByteVector input = token_input(algorithm, key.hashing, data);
  CK_MECHANISM mechanism{mechanism_of(algorithm, key.hashing), nullptr, 0};
  CK_RV code = functions.C_SignInit(session.handle(), &mechanism, key.private_object);
  if (code != CKR_OK) return call_failed("C_SignInit", code);
  if (key.always_authenticate) {
    if (auto allowed = pin.authenticate_operation(session); !allowed) return tl::unexpected(allowed.error());
  }
  ByteVector raw(raw_signature_size(key.public_key));
  CK_ULONG length = raw.size();
  code = functions.C_Sign(session.handle(), input.data(), input.size(), raw.data(), &length);
  if (code != CKR_OK) return call_failed("C_Sign", code);
  raw.resize(std::min<std::size_t>(length, raw.size()));
  auto blob = blob_from_token(algorithm, key.public_key, raw);
  if (blob && key.public_key.verify(algorithm, data, *blob)) return blob;
  OPENSSL_cleanse(raw.data(), raw.size());  // a faulty signature may tell about the key
  if (!blob) return blob;
  OPENSSL_cleanse(blob->data(), blob->size());
  return token_error(Remedy::new_session, "C_Sign: the signature does not verify with the public key");
}

ByteVector self_test_data() {
  ByteVector data = to_vector(as_bytes("gatehouse-signer self-test: this is no message of any protocol. "));
  const ByteVector fresh = crypto::random_bytes(32);
  data.insert(data.end(), fresh.begin(), fresh.end());
  return data;
}

}  // namespace gatehouse::pkcs11
