/// Our own agent extensions: how the command `gatehouse` asks the agent to log in, to tell its state and to forget. The agent makes the key
/// and talks to the CA itself, so no private key and no certificate authority credential but the password crosses this socket.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/core/secret.h"

namespace gatehouse::agent {

inline constexpr std::string_view login_name = "login@gatehouse";
inline constexpr std::string_view status_name = "status@gatehouse";
inline constexpr std::string_view logout_name = "logout@gatehouse";

/// Body of login@gatehouse.
struct LoginRequest {
  std::string ca_url;   ///< "https://ca.example.com:8443"
  std::string ca_file;  ///< PEM file, absolute: who may vouch for the CA's TLS certificate; empty: the system's
  std::string user;
  SecretBytes password;
  std::string role;                    ///< empty: the one that the policy picks
  std::string reason;                  ///< empty: none
  std::uint32_t lifetime_seconds = 0;  ///< 0: the role's default
};
SecretBytes write_login_request(const LoginRequest& request);
ProtocolResult<LoginRequest> parse_login_request(Bytes body);

/// Answer to login@gatehouse: a certificate, or what to tell the person.
struct LoginAnswer {
  enum class Outcome : std::uint8_t { issued = 0, refused = 1, try_again_later = 3 };
  Outcome outcome = Outcome::refused;
  ByteVector certificate;  ///< blob, when issued
  std::uint64_t session_end = 0;
  std::string problem;  ///< otherwise
};
ByteVector write_login_answer(const LoginAnswer& answer);
ProtocolResult<LoginAnswer> parse_login_answer(Bytes body);

/// One log-in that the agent keeps alive. Times are Unix seconds, 0 where there is none.
struct SessionStatus {
  std::string ca_url;
  std::string user;
  std::string role;
  ByteVector certificate;
  std::uint64_t session_end = 0;
  std::uint64_t next_renewal = 0;
  std::string last_problem;
};
ByteVector write_status_answer(const std::vector<SessionStatus>& sessions);
ProtocolResult<std::vector<SessionStatus>> parse_status_answer(Bytes body);

/// Body of logout@gatehouse: the CA whose log-ins shall be forgotten; empty: all.
ByteVector write_logout_request(std::string_view ca_url);
ProtocolResult<std::string> parse_logout_request(Bytes body);
ByteVector write_logout_answer(std::uint32_t forgotten);
ProtocolResult<std::uint32_t> parse_logout_answer(Bytes body);

}  // namespace gatehouse::agent
