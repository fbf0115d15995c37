/// The signed request: one JSON object whose octets the asker signs. The CA verifies the octets first and parses them afterwards, so no
/// canonical form of JSON is needed. The body of a POST carries it with its signatures (the envelope).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/result.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::ca {

inline constexpr std::size_t max_request_size = 32 * 1024;
/// A longer body is refused before it is read to its end.
inline constexpr std::size_t max_body_size = 96 * 1024;

/// The body of a POST: {"request": BASE64, "possession": SSHSIG, "identity": SSHSIG}; signatures armoured as `ssh-keygen -Y sign` writes
/// them.
struct Envelope {
  ByteVector request;     ///< the octets that were signed
  ByteVector possession;  ///< SSHSIG blob by the subject key; empty when absent
  ByteVector identity;    ///< SSHSIG blob by an enrolled key or the current certificate; empty when absent
  bool operator==(const Envelope&) const = default;
};
/// @error Problem: not JSON, an unknown member or one twice, no base64, no armoured signature, too long
Result<Envelope> parse_envelope(std::string_view body);
std::string write_envelope(const Envelope& envelope);

enum class Action : std::uint8_t { user_certificate, host_certificate, revoke };
/// "user-certificate", "host-certificate", "revoke".
std::string_view action_name(Action action);

/// What is asked for. Limits of the parser: texts without control characters, role and nonce up to 128 octets, up to 256 principals.
struct SignedRequest {
  std::string audience;  ///< id of the CA that this is meant for
  Action action = Action::user_certificate;
  std::string nonce;
  std::optional<std::string> reason;  ///< free text of the asker, up to 256 octets
  std::optional<ByteVector> channel;  ///< RFC 9266 tls-exporter of the connection, 32 octets, base64 in the JSON

  // user-certificate and host-certificate
  std::optional<keys::PublicKey> public_key;     ///< subject key; always set for these actions
  std::optional<std::string> account;            ///< whose identity key signs; needed for service accounts
  std::optional<std::string> role;               ///< when several roles fit
  std::vector<std::string> principals;           ///< fewer than the role grants; for hosts the host names, at least one
  std::optional<std::chrono::seconds> lifetime;  ///< shorter than the role grants

  // revoke: at least one of them
  std::vector<std::uint64_t> serials;
  std::vector<std::string> key_ids;
  std::vector<keys::PublicKey> keys;
};

/// @error Problem: not JSON, members that are missing, unknown, twice, or not this action's, values out of bounds
Result<SignedRequest> parse_signed_request(Bytes octets);
/// The octets to sign.
ByteVector write_signed_request(const SignedRequest& request);

/// RFC 9266 section 4.2: label and length of the tls-exporter channel binding.
inline constexpr std::string_view channel_label = "EXPORTER-Channel-Binding";
inline constexpr std::size_t channel_size = 32;

}  // namespace gatehouse::ca
