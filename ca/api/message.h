/// What front and issuer say to each other over a local stream socket. The front asks, the issuer answers each question once, in order; a
/// connection has one question outstanding. Fields are in the wire types of RFC 4251.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "ca/api/answer.h"
#include "ca/api/credentials.h"
#include "ca/api/problem_document.h"
#include "ca/api/request.h"
#include "protocol/core/error.h"

namespace gatehouse::ca {

inline constexpr std::uint32_t issuer_protocol_version = 1;
/// A question at most; an answer may be as long as a KRL.
inline constexpr std::size_t max_ask = 256 * 1024;
inline constexpr std::size_t max_answer = 65 * 1024 * 1024;

/// Where a request comes from: the front's word.
struct Caller {
  std::string address;  ///< of the TCP peer, no port
  ByteVector channel;   ///< RFC 9266 tls-exporter of its connection, 32 octets
  bool operator==(const Caller&) const = default;
};

struct AskNonce {
  bool operator==(const AskNonce&) const = default;
};
/// A POST: which end point it came to, and the body in parts. The password travels beside the message, see MessageSocket.
struct AskSigned {
  Action action = Action::user_certificate;
  Caller caller;
  Envelope envelope;
  bool operator==(const AskSigned&) const = default;
};
struct AskTrust {
  bool operator==(const AskTrust&) const = default;
};
struct AskKrl {
  std::string known_etag;  ///< answered by NotModified when it is still that; may be empty
  bool operator==(const AskKrl&) const = default;
};
struct AskHealth {
  bool operator==(const AskHealth&) const = default;
};
using Ask = std::variant<AskNonce, AskSigned, AskTrust, AskKrl, AskHealth>;

struct NotModified {
  bool operator==(const NotModified&) const = default;
};
using AnswerContent =
    std::variant<NonceAnswer, CertificateAnswer, RevocationAnswer, SignedDocument, NotModified, HealthAnswer, ProblemDocument>;
struct Answer {
  AnswerContent content;
  /// How long the front must keep it back: wrong credentials of all kinds take the same time, without a worker that waits.
  std::chrono::milliseconds hold{0};
  bool operator==(const Answer&) const = default;
};

ByteVector write_ask(const Ask& ask);
ProtocolResult<Ask> parse_ask(Bytes payload);
ByteVector write_issuer_answer(const Answer& answer);
ProtocolResult<Answer> parse_issuer_answer(Bytes payload);

}  // namespace gatehouse::ca
