/// What is said to gatehouse-signer, and what it answers: one frame a message (daemon/frame_socket.h), the wire types of RFC 4251 inside.
/// A client asks, the signer answers, in turn. The first message of a connection is Hello.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pkcs11/client/fault.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::pkcs11 {

inline constexpr std::uint32_t signer_protocol_version = 1;
inline constexpr std::size_t max_to_be_signed = 64 * 1024;
inline constexpr std::size_t max_uri = 2048;
inline constexpr std::size_t max_label = 255;
inline constexpr std::size_t max_object_id = 255;
inline constexpr std::size_t max_listed_objects = 512;

/// What one signer process is for; it refuses what belongs to another purpose.
enum class Purpose : std::uint8_t {
  host,    ///< exchange hashes, hostkeys-prove, SSHSIG in namespace gatehouse-host
  ca,      ///< certificates and SSHSIG in gatehouse-krl, -trust, -checkpoint, as its limits file allows
  manage,  ///< generate, list, destroy; over a socket pair only
};
std::string_view purpose_name(Purpose purpose);
std::optional<Purpose> purpose_by_name(std::string_view name);

/// @name Requests
/// A key is named by its plain public key blob.
/// @{
struct Hello {
  std::uint32_t version = signer_protocol_version;
  bool operator==(const Hello&) const = default;
};
struct ListKeys {
  bool operator==(const ListKeys&) const = default;
};
struct AskHealth {
  bool operator==(const AskHealth&) const = default;
};
/// The exchange hash H of RFC 4253 section 8: 32, 48 or 64 octets.
struct SignExchangeHash {
  ByteVector key;
  keys::SignatureAlgorithm algorithm;
  ByteVector hash;
  bool operator==(const SignExchangeHash&) const = default;
};
/// hostkeys-prove-00@openssh.com (OpenSSH PROTOCOL section 2.5); the signer builds what is signed.
struct SignHostKeysProof {
  ByteVector key;
  keys::SignatureAlgorithm algorithm;
  ByteVector session_id;  ///< 32, 48 or 64 octets
  bool operator==(const SignHostKeysProof&) const = default;
};
/// The octets under an SSHSIG; the signer builds them from the namespace and the message's SHA-512.
struct SignSshsig {
  ByteVector key;
  keys::SignatureAlgorithm algorithm;
  std::string name_space;
  ByteVector message_sha512;  ///< 64 octets
  bool operator==(const SignSshsig&) const = default;
};
/// The to-be-signed octets of a certificate, which the signer parses and judges.
struct SignCertificate {
  ByteVector key;
  keys::SignatureAlgorithm algorithm;
  ByteVector to_be_signed;
  bool operator==(const SignCertificate&) const = default;
};
/// A new key pair on the token: sensitive, never extractable, sign only.
struct GenerateKey {
  keys::KeyType type;
  std::uint32_t rsa_bits = 0;  ///< 3072 or 4096; 0 for other types
  std::string label;
  ByteVector id;  ///< CKA_ID; empty: 16 random octets
  bool operator==(const GenerateKey&) const = default;
};
/// All key objects that a URI matches; it need not name one object.
struct ListObjects {
  std::string uri;
  bool operator==(const ListObjects&) const = default;
};
/// Private and public object of the one key that the URI matches.
struct DestroyKey {
  std::string uri;
  bool operator==(const DestroyKey&) const = default;
};
/// @}

using Request = std::variant<Hello, ListKeys, AskHealth, SignExchangeHash, SignHostKeysProof, SignSshsig, SignCertificate, GenerateKey,
                             ListObjects, DestroyKey>;

/// @error malformed, unknown, left-over octets, a field out of its bounds
Result<Request> parse_request(Bytes payload);
ByteVector write_request(const Request& request);

/// A key that the signer serves, as configured.
struct RemoteKey {
  std::string uri;    ///< as given on the command line
  std::string label;  ///< CKA_LABEL of the private object; may be empty
  keys::PublicKey key;
  bool operator==(const RemoteKey&) const = default;
};

/// Which rung of the recovery ladder the signer stands on.
enum class Rung : std::uint8_t {
  starting,      ///< the module is being loaded, or the first login is not done; requests wait
  serving,       ///< logged in, keys found
  reopening,     ///< sessions are opened anew, perhaps with a login; requests wait
  initialising,  ///< C_Finalize and C_Initialize; requests wait
  away,          ///< initialising did not help; tried again with growing pauses; requests fail at once
  pin_rejected,  ///< the token refused the PIN; nothing is tried until the PIN source has another content
};
std::string_view rung_name(Rung rung);

struct KeyHealth {
  std::string uri;
  bool found = false;
  std::string trouble;  ///< why not, with what was found instead
  bool operator==(const KeyHealth&) const = default;
};

struct Health {
  Rung rung = Rung::starting;
  std::string detail;            ///< the last error, for a person; empty while serving
  std::uint64_t since = 0;       ///< Unix seconds of entering the rung
  std::uint64_t signatures = 0;  ///< made since the process started
  std::uint64_t refusals = 0;    ///< requests that purpose or limits refused
  std::uint64_t recoveries = 0;  ///< times that a lower rung led back to serving
  std::vector<KeyHealth> keys;   ///< one for each configured URI
  bool serving() const { return rung == Rung::serving; }
  bool operator==(const Health&) const = default;
};

/// A key on the token as `gatehouse key list` shows it.
struct TokenObject {
  std::string uri;  ///< names just this object: token, serial, id, object, type
  std::string label;
  ByteVector id;
  std::optional<keys::PublicKey> key;  ///< nothing: a type that we do not know, or no public object
  std::string kind;                    ///< "ed25519", "ecdsa-p256", "rsa-3072", or "unknown (CKK 0x…)"
  bool has_private = false;
  bool has_public = false;
  /// Of the private object; nothing: the token does not say.
  std::optional<bool> sensitive, always_sensitive, extractable, never_extractable, local, sign, decrypt, always_authenticate;
  bool operator==(const TokenObject&) const = default;
};

/// @name Answers
/// @{
struct Welcome {
  std::uint32_t version = signer_protocol_version;
  Purpose purpose = Purpose::host;
  bool operator==(const Welcome&) const = default;
};
struct KeyList {
  std::vector<RemoteKey> keys;
  bool operator==(const KeyList&) const = default;
};
/// A signature blob (string name, string signature), verified with the public key.
struct Signed {
  ByteVector signature;
  bool operator==(const Signed&) const = default;
};
struct ObjectList {
  std::vector<TokenObject> objects;
  bool operator==(const ObjectList&) const = default;
};
struct Destroyed {
  std::uint32_t objects = 0;
  bool operator==(const Destroyed&) const = default;
};
/// @}

using Answer = std::variant<Welcome, KeyList, Health, Signed, ObjectList, Destroyed, SignerFault>;

/// @error as parse_request
Result<Answer> parse_answer(Bytes payload);
ByteVector write_answer(const Answer& answer);

}  // namespace gatehouse::pkcs11
