/// Messages of user authentication (RFC 4252; publickey-hostbound-v00@openssh.com of OpenSSH PROTOCOL section 3.1), read and written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/core/bytes.h"
#include "protocol/core/error.h"
#include "protocol/keys/algorithm.h"

namespace gatehouse::auth {

/// Names, each spelled once.
inline constexpr std::string_view userauth_service = "ssh-userauth";
inline constexpr std::string_view connection_service = "ssh-connection";
inline constexpr std::string_view method_none = "none";
inline constexpr std::string_view method_publickey = "publickey";
inline constexpr std::string_view method_publickey_hostbound = "publickey-hostbound-v00@openssh.com";

inline constexpr std::size_t max_user_name = 255;
inline constexpr std::size_t max_method_name = 64;
inline constexpr std::size_t max_signature_blob = 4096;

/// 1 to 255 octets of printable US-ASCII without "/" and without a leading "-": what may be looked up as an account at all.
bool valid_user_name(std::string_view name);

// ---- requests ---------------------------------------------------------------------------------------------------------------------

struct NoneMethod {
  bool operator==(const NoneMethod&) const = default;
};

/// RFC 4252 section 7. The key blob is octets: nobody has parsed it.
struct PublicKeyMethod {
  std::string algorithm;  ///< as sent; printable US-ASCII, at most 64 octets
  ByteVector key_blob;    ///< at most keys::max_certificate_blob
  /// Nothing: a query whether the key would do, which can never yield a grant.
  std::optional<ByteVector> signature;
  /// Host key of the first key exchange as the client saw it; present: the method was publickey-hostbound-v00@openssh.com.
  std::optional<ByteVector> server_host_key;
  bool operator==(const PublicKeyMethod&) const = default;
};

/// Any other method; its fields are not looked at.
struct UnknownMethod {
  std::string name;
  bool operator==(const UnknownMethod&) const = default;
};

struct UserauthRequest {
  std::string user;     ///< at most 64 KiB; ask valid_user_name() before anything is done with it
  std::string service;  ///< at most 64 octets
  std::variant<NoneMethod, PublicKeyMethod, UnknownMethod> method;
  bool operator==(const UserauthRequest&) const = default;
};

/// @param payload  SSH_MSG_USERAUTH_REQUEST from the message number on
/// @error bad_encoding: short, left-over octets, a name that is too long or not printable, a blob past its bound
ProtocolResult<UserauthRequest> parse_userauth_request(Bytes payload);
ByteVector write_userauth_request(const UserauthRequest& request);

/// What the client signs: session id, then the request's fields with has_signature TRUE (RFC 4252 section 7). Built from the typed
/// fields; `method.signature` does not enter.
ByteVector userauth_signed_data(Bytes session_id, std::string_view user, std::string_view service, const PublicKeyMethod& method);

// ---- the other messages -----------------------------------------------------------------------------------------------------------

/// @error bad_encoding
ProtocolResult<std::string> parse_service_request(Bytes payload);
ByteVector write_service_request(std::string_view service);
ProtocolResult<std::string> parse_service_accept(Bytes payload);
ByteVector write_service_accept(std::string_view service);

struct UserauthFailure {
  std::vector<std::string> can_continue;
  bool partial_success = false;
  bool operator==(const UserauthFailure&) const = default;
};
ProtocolResult<UserauthFailure> parse_userauth_failure(Bytes payload);
ByteVector write_userauth_failure(const UserauthFailure& failure);

struct PublicKeyOk {
  std::string algorithm;
  ByteVector key_blob;
  bool operator==(const PublicKeyOk&) const = default;
};
ProtocolResult<PublicKeyOk> parse_public_key_ok(Bytes payload);
ByteVector write_public_key_ok(std::string_view algorithm, Bytes key_blob);

ByteVector write_userauth_success();
/// @param text  UTF-8; at most 64 KiB
ByteVector write_userauth_banner(std::string_view text);
/// The text as sent: escape control characters before it meets a terminal.
ProtocolResult<std::string> parse_userauth_banner(Bytes payload);

}  // namespace gatehouse::auth
