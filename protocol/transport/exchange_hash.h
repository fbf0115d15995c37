/// The exchange hash H and the keys derived from it (RFC 4253 sections 7.2 and 8; RFC 5656 section 4; RFC 8731 section 3).
#pragma once

#include <string>

#include "protocol/core/error.h"
#include "protocol/core/secret.h"
#include "protocol/transport/algorithms.h"

namespace gatehouse::transport {

/// All that H is computed from, as it went over the wire.
struct ExchangeHashInputs {
  std::string client_identification;  ///< V_C, without CR LF
  std::string server_identification;  ///< V_S, without CR LF
  ByteVector client_kexinit;          ///< I_C, payload from the message number on
  ByteVector server_kexinit;          ///< I_S
  ByteVector host_key;                ///< K_S: the key blob, or the certificate blob for a certificate algorithm
  ByteVector client_share;            ///< Q_C
  ByteVector server_share;            ///< Q_S
  SecretBytes shared_secret;          ///< K with its length, as crypto::encode_shared_secret gives it
};

/// H, as long as the method's hash; the first H of a connection is its session id. Nothing is checked against the lists in the KEXINITs.
/// @error bad_encoding when shared_secret is not exactly one mpint (or string, by the method) with its length
ProtocolResult<ByteVector> exchange_hash(crypto::KexMethod method, const ExchangeHashInputs& inputs);

/// The keys of one direction (RFC 4253 section 7.2).
/// @param shared_secret  K with its length, as in ExchangeHashInputs
crypto::PacketKeys derive_keys(const Negotiated& algorithms, Direction direction, const SecretBytes& shared_secret, Bytes exchange_hash,
                               Bytes session_id);

}  // namespace gatehouse::transport
