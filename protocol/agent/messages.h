/// ssh-agent messages (RFC 9987; OpenSSH PROTOCOL.agent), read and written for both ends of the socket.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/keys/certificate.h"
#include "protocol/keys/private_key.h"

namespace gatehouse::agent {

/// RFC 9987 section 5.
enum class Number : std::uint8_t {
  failure = 5,
  success = 6,
  request_identities = 11,
  identities_answer = 12,
  sign_request = 13,
  sign_response = 14,
  add_identity = 17,
  remove_identity = 18,
  remove_all_identities = 19,
  add_smartcard_key = 20,
  remove_smartcard_key = 21,
  lock = 22,
  unlock = 23,
  add_id_constrained = 25,
  add_smartcard_key_constrained = 26,
  extension = 27,
  extension_failure = 28,
  extension_response = 29,
};

/// Octets of a message without its length; OpenSSH's limit.
inline constexpr std::size_t max_message = 256 * 1024;
/// Octets of the session id that a session-bind may carry; OpenSSH's limit.
inline constexpr std::size_t max_session_id = 128;

/// Flags of a sign request: which of the two signatures an RSA key shall make.
inline constexpr std::uint32_t flag_rsa_sha2_256 = 0x02;
inline constexpr std::uint32_t flag_rsa_sha2_512 = 0x04;

struct RequestIdentities {};
struct SignRequest {
  ByteVector key_blob;  ///< a plain key or a certificate
  ByteVector data;
  std::uint32_t flags = 0;
};
/// What an added key may be used for. A constraint that we do not know refuses the whole request (RFC 9987 section 3.2.7.3).
struct Constraints {
  std::optional<std::chrono::seconds> lifetime;
  bool confirm = false;
};
struct AddIdentity {
  keys::PrivateKey key;
  std::optional<keys::Certificate> certificate;  ///< its subject is the key's public half
  std::string comment;
  Constraints constraints;
};
struct RemoveIdentity {
  ByteVector key_blob;
};
struct RemoveAllIdentities {};
struct Lock {
  SecretBytes passphrase;
};
struct Unlock {
  SecretBytes passphrase;
};
/// An extension with its unparsed body, which may hold a password.
struct Extension {
  std::string name;
  SecretBytes body;
};
/// Known to the RFC but not offered here, or not known at all: the answer is a plain failure.
struct Unsupported {
  std::uint8_t number = 0;
};
using Request =
    std::variant<RequestIdentities, SignRequest, AddIdentity, RemoveIdentity, RemoveAllIdentities, Lock, Unlock, Extension, Unsupported>;

/// @param message  from the message number on, without the length
/// @error bad_encoding: malformed, left-over octets, an unknown constraint, a key that is not valid or not the certificate's
ProtocolResult<Request> parse_request(Bytes message);

/// "session-bind@openssh.com": the client tells the agent for which connection it will ask signatures.
struct SessionBind {
  ByteVector host_key_blob;  ///< a plain key or a host certificate
  ByteVector session_id;
  ByteVector signature_blob;
  bool forwarding = false;
};
inline constexpr std::string_view session_bind_name = "session-bind@openssh.com";
inline constexpr std::string_view query_name = "query";
/// @error bad_encoding, also for an empty or over-long session id
ProtocolResult<SessionBind> parse_session_bind(Bytes body);
/// Whether the host key made the signature over the session id.
bool verify_session_bind(const SessionBind& bind);

/// The namespace, when `data` is what an SSHSIG signature signs (OpenSSH PROTOCOL.sshsig). A malformed one has an empty namespace.
std::optional<std::string> sshsig_namespace_of(Bytes data);

/// An identity as listed.
struct Identity {
  ByteVector blob;
  std::string comment;
};

/// Answers and requests are whole messages, length first.
ByteVector frame(Bytes message);
ByteVector write_failure();
ByteVector write_success();
ByteVector write_extension_failure();
ByteVector write_extension_response(std::string_view name, Bytes body);
ByteVector write_identities(const std::vector<Identity>& identities);
ByteVector write_signature(Bytes signature_blob);

ByteVector write_request_identities();
ByteVector write_sign_request(Bytes key_blob, Bytes data, std::uint32_t flags);
SecretBytes write_extension(std::string_view name, Bytes body);
/// A key, with its certificate when there is one.
SecretBytes write_add_identity(const keys::PrivateKey& key, const keys::Certificate* certificate, std::string_view comment,
                               const Constraints& constraints);

/// Answers, without the length. @error bad_encoding; unexpected_message when the agent answered something else
ProtocolResult<std::vector<Identity>> parse_identities(Bytes message);
ProtocolResult<ByteVector> parse_signature(Bytes message);
/// The body of an extension response for `name`; nothing when the agent answered with a failure.
ProtocolResult<std::optional<ByteVector>> parse_extension_response(Bytes message, std::string_view name);

/// Takes one whole message off the front of `buffer`, without its length; nothing while it is not complete.
/// @error bad_packet_length: longer than max_message, or empty
ProtocolResult<std::optional<SecretBytes>> take_message(ByteVector& buffer);

}  // namespace gatehouse::agent
