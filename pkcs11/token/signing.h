/// One signature by one key in one session.
#pragma once

#include "pkcs11/token/key_object.h"
#include "pkcs11/token/pin.h"

namespace gatehouse::pkcs11 {

/// Signs `data` and verifies the result with the public key: a fault in the token, or a handle that by now
/// means another object, must not get out. After an error the session is of no more use.
/// @return the signature blob
TokenResult<ByteVector> sign_in_session(const Session& session, const TokenKey& key, keys::SignatureAlgorithm algorithm, Bytes data,
                                        PinSource& pin);

/// Octets for a test signature that no protocol would take for its own: longer than a digest, and no message of SSH, SSHSIG or a
/// certificate begins like it.
ByteVector self_test_data();

}  // namespace gatehouse::pkcs11
