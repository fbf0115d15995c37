/// The messages between a monitor (or the listener) and the authorizer. A frame is: byte kind, then the fields in RFC 4251 types. The
/// first frame of a connection is Hello, answered by Hello. Each request is answered by one frame, Refused for one that is not legal
/// now; Revoked is pushed at any time. Parsers bound everything and accept nothing left over.
///
/// Order of a monitor's connection:
///   Hello · Open (once) or Resume (once, after a restart) · { NextCookie · ExchangeHash }* · Authenticate* until granted · …
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/core/secret.h"
#include "sshd/authorizer/grant.h"

namespace gatehouse::sshd::authorizer {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::size_t cookie_size = 16;
inline constexpr std::size_t max_groups = 65536;  ///< NGROUPS_MAX
inline constexpr std::size_t max_principals_file = 256 * 1024;

enum class Kind : std::uint8_t {
  hello = 1,
  open = 2,
  resume = 3,
  next_cookie = 4,
  exchange_hash = 5,
  authenticate = 6,
  // from the listener, on the control socket
  setup = 16,
  // answers
  done = 64,
  hash = 65,
  granted = 66,
  acceptable = 67,
  refusal = 68,
  refused = 69,
  ready = 70,
  // pushed
  revoked = 96,
};

struct Hello {
  std::uint32_t version = protocol_version;
  bool operator==(const Hello&) const = default;
};

/// Facts of the connection, the monitor's own.
struct Open {
  std::string connection_id;
  std::string address;  ///< numeric
  std::uint16_t port = 0;
  std::string local_address;
  std::uint16_t local_port = 0;
  ByteVector cookie;  ///< cookie_size octets that the monitor drew for our next KEXINIT
  bool operator==(const Open&) const = default;
};

/// The monitor speaks to an authorizer that was restarted: what the old one knew.
struct Resume {
  Open open;                              ///< with the cookie not used yet; no octets: none is outstanding
  ByteVector session_id;                  ///< empty: no exchange hash yet
  ByteVector host_key;                    ///< K_S of the first key exchange; empty: none yet
  std::optional<ByteVector> certificate;  ///< the blob that was granted: it is watched again
  std::string user;                       ///< to whom; empty without a certificate
  std::vector<std::string> groups;        ///< of the user
  bool operator==(const Resume&) const = default;
};

/// A fresh cookie for the next key exchange; each serves one.
struct NextCookie {
  ByteVector cookie;
  bool operator==(const NextCookie&) const = default;
};

/// The inputs of the exchange hash, as the process that talks to the peer has them.
struct ExchangeHash {
  std::string method;          ///< negotiated kex name
  std::string client_version;  ///< identification strings without CR LF
  std::string server_version;
  ByteVector client_kexinit;  ///< payloads from the message number on
  ByteVector server_kexinit;
  ByteVector host_key;       ///< K_S as sent
  ByteVector client_public;  ///< as sent, without length
  ByteVector server_public;
  SecretBytes shared_secret;  ///< K as encoded into the hash (mpint with its length, or string for hybrid methods)
};

/// H, and which of our host keys signs it.
struct Hash {
  ByteVector hash;
  ByteVector host_key;  ///< blob of the plain key: a list may have changed since the monitor was forked, so no index into one
  bool operator==(const Hash&) const = default;
};

/// A publickey request (RFC 4252 section 7).
struct Authenticate {
  std::string user;
  bool account_exists = false;      ///< false never grants, and takes as long
  std::vector<std::string> groups;  ///< for Match Group
  std::string service;
  bool host_bound = false;  ///< publickey-hostbound-v00@openssh.com: the signed data carries K_S
  std::string algorithm;
  ByteVector public_key;
  std::optional<ByteVector> signature;        ///< none: a query
  std::optional<ByteVector> principals_file;  ///< content of AuthorizedPrincipalsFile where one is configured and could be read
  bool operator==(const Authenticate&) const = default;
};

/// One of our host keys.
struct HostKey {
  ByteVector key;                        ///< blob of the plain key
  std::vector<ByteVector> certificates;  ///< blobs
  bool operator==(const HostKey&) const = default;
};

/// From the listener: the configuration (as the frame's descriptor, serialized) and the host keys. May be repeated to change them.
struct Setup {
  std::vector<HostKey> host_keys;
  bool operator==(const Setup&) const = default;
};

/// Answer to Setup: what is wrong with the trust files, a line each; none: all is well.
struct Ready {
  std::vector<std::string> problems;
  bool operator==(const Ready&) const = default;
};

/// The request is not legal now, or does not fit; the reason is for our log.
struct Refused {
  std::string detail;
  bool operator==(const Refused&) const = default;
};

/// Pushed: the certificate of this connection was revoked. The monitor ends the session.
struct Revoked {
  std::string detail;
  bool operator==(const Revoked&) const = default;
};

std::optional<Kind> kind_of(Bytes frame);

ByteVector write(const Hello& message);
ByteVector write(const Open& message);
ByteVector write(const Resume& message);
ByteVector write(const NextCookie& message);
/// Holds K: wipe it after it was sent.
SecretBytes write(const ExchangeHash& message);
ByteVector write(const Authenticate& message);
ByteVector write(const Setup& message);
ByteVector write_done();
ByteVector write(const Hash& message);
ByteVector write(const Grant& message);
ByteVector write(const Acceptable& message);
ByteVector write(const Refusal& message);
ByteVector write(const Refused& message);
ByteVector write(const Ready& message);
ByteVector write(const Revoked& message);

/// Each parser takes a whole frame, kind octet included. @error bad_encoding: another kind, out of bounds, or octets left over
ProtocolResult<Hello> parse_hello(Bytes frame);
ProtocolResult<Open> parse_open(Bytes frame);
ProtocolResult<Resume> parse_resume(Bytes frame);
ProtocolResult<NextCookie> parse_next_cookie(Bytes frame);
ProtocolResult<ExchangeHash> parse_exchange_hash(Bytes frame);
ProtocolResult<Authenticate> parse_authenticate(Bytes frame);
ProtocolResult<Setup> parse_setup(Bytes frame);
ProtocolResult<Hash> parse_hash(Bytes frame);
ProtocolResult<Verdict> parse_verdict(Bytes frame);
ProtocolResult<Refused> parse_refused(Bytes frame);
ProtocolResult<Ready> parse_ready(Bytes frame);
ProtocolResult<Revoked> parse_revoked(Bytes frame);

}  // namespace gatehouse::sshd::authorizer
