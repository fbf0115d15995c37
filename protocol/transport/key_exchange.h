/// One key exchange after the other, as a state machine (RFC 4253 sections 7 to 9, RFC 5656 section 4, RFC 8731): each state holds what
/// is known in it, an event gives the next state and what the transport must do.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/crypto/key_agreement.h"
#include "protocol/transport/exchange_hash.h"
#include "protocol/transport/kexinit.h"

namespace gatehouse::transport {

struct Settings;

/// What stays the same during one key exchange.
struct KexContext {
  Role role;
  const Settings& settings;
  const std::string& client_identification;
  const std::string& server_identification;
  Bytes session_id;  ///< empty: this is the first key exchange
  bool first() const { return session_id.empty(); }
};

/// Both KEXINIT payloads.
struct Transcript {
  ByteVector client_kexinit;
  ByteVector server_kexinit;
};

/// What a finished key exchange leaves behind.
struct KexOutcome {
  Negotiated algorithms;
  ByteVector host_key;
  ByteVector exchange_hash;
};

namespace kex_state {
/// No key exchange: data flows.
struct Idle {};
/// Server: our KEXINIT wants a cookie. With `peer`, the peer's KEXINIT is here and nothing else can be looked at.
struct CookieAwaited {
  std::optional<ByteVector> peer;
};
/// Our KEXINIT is out, the peer's is not here.
struct KexInitAwaited {
  ByteVector ours;
};
/// Server: algorithms are agreed on, SSH_MSG_KEX_ECDH_INIT comes next, after a wrong guess that is to be dropped.
struct InitAwaited {
  Transcript transcript;
  Negotiated algorithms;
  bool drop_guess;
};
/// Client: our SSH_MSG_KEX_ECDH_INIT is out.
struct ReplyAwaited {
  Transcript transcript;
  Negotiated algorithms;
  crypto::KeyAgreement agreement;
  bool drop_guess;
};
/// Server: somebody computes H and somebody signs it.
struct AnswerAwaited {
  Negotiated algorithms;
  ByteVector host_key;
  ByteVector server_share;
  SecretBytes shared_secret;
};
/// Client: somebody decides whether the host key will do.
struct AcceptanceAwaited {
  KexOutcome outcome;
  SecretBytes shared_secret;
};
/// Our NEWKEYS is out, the peer's is not here.
struct NewKeysAwaited {
  crypto::PacketKeys inbound;
  KexOutcome outcome;
};
/// After a violation: nothing is legal.
struct Broken {};
}  // namespace kex_state

using KexState =
    std::variant<kex_state::Idle, kex_state::CookieAwaited, kex_state::KexInitAwaited, kex_state::InitAwaited, kex_state::ReplyAwaited,
                 kex_state::AnswerAwaited, kex_state::AcceptanceAwaited, kex_state::NewKeysAwaited, kex_state::Broken>;

namespace kex_event {
/// We want new keys, or it is the start. Without a cookie one is asked for.
struct Wanted {
  std::optional<Cookie> cookie;
  static constexpr std::string_view name = "a key exchange of ours";
};
/// The peer's KEXINIT; the cookie for ours, where there is one and ours is not out yet.
struct KexInitReceived {
  Bytes payload;
  std::optional<Cookie> cookie;
  static constexpr std::string_view name = "KEXINIT";
};
struct CookieProvided {
  Cookie cookie;
  static constexpr std::string_view name = "a cookie";
};
struct InitReceived {
  Bytes payload;
  static constexpr std::string_view name = "KEX_ECDH_INIT";
};
struct ReplyReceived {
  Bytes payload;
  static constexpr std::string_view name = "KEX_ECDH_REPLY";
};
struct HashSigned {
  Bytes hash;
  Bytes signature_blob;
  static constexpr std::string_view name = "an exchange hash";
};
struct HostKeyAccepted {
  static constexpr std::string_view name = "an accepted host key";
};
struct NewKeysReceived {
  static constexpr std::string_view name = "NEWKEYS";
};
}  // namespace kex_event

namespace kex_action {
/// A message of the key exchange itself.
struct SendMessage {
  ByteVector payload;
};
/// The payload behind `cookie_used` went into our KEXINIT.
struct CookieUsed {};
struct AskForCookie {};
/// Both KEXINITs of the first key exchange are known: what their markers say.
struct LearnMarkers {
  bool strict;
  bool peer_takes_ext_info;
};
struct AskForHash {
  crypto::KexMethod method;
  std::string host_key_algorithm;
  ExchangeHashInputs inputs;
};
struct OfferHostKey {
  std::string algorithm;
  ByteVector blob;
};
/// H of the first key exchange.
struct LearnSessionId {
  ByteVector session_id;
};
/// Our NEWKEYS went out before this: what follows is sealed with these.
struct InstallOutbound {
  crypto::PacketKeys keys;
};
/// The peer's NEWKEYS came.
struct InstallInbound {
  crypto::PacketKeys keys;
};
struct Finished {
  KexOutcome outcome;
};
}  // namespace kex_action

using KexAction = std::variant<kex_action::SendMessage, kex_action::CookieUsed, kex_action::AskForCookie, kex_action::LearnMarkers,
                               kex_action::AskForHash, kex_action::OfferHostKey, kex_action::LearnSessionId, kex_action::InstallOutbound,
                               kex_action::InstallInbound, kex_action::Finished>;
using KexActions = std::vector<KexAction>;

struct KexStep {
  KexState next;
  KexActions actions;
};

/// Carries the state; feed() answers every event, the illegal ones with unexpected_message.
class KeyExchange {
 public:
  /// After an error nothing is legal any more. @error unexpected_message, bad_encoding, no_common_…, bad_key_share, bad_host_signature,
  /// crypto_failed
  template <class Event>
  ProtocolResult<KexActions> feed(const KexContext& context, const Event& event);

  /// Between the keys that are and the ones to come: the peer may send only messages of the key exchange.
  bool peer_in_exchange() const;
  /// From our KEXINIT to our NEWKEYS we may send only such messages.
  bool we_in_exchange() const;
  /// The next message cannot be looked at before our owner has answered.
  bool answer_owed() const;
  bool cookie_wanted() const { return std::holds_alternative<kex_state::CookieAwaited>(state_); }
  bool idle() const { return std::holds_alternative<kex_state::Idle>(state_); }
  /// A message of the range 30 to 49 came: whether it is the wrong guess that the peer announced. True once.
  bool take_guess_to_drop();
  /// Nothing goes out before the session's first keys; a restored connection has had them.
  void broken() { state_ = kex_state::Broken{}; }

 private:
  KexState state_ = kex_state::Idle{};
};

extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::Wanted&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::KexInitReceived&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::CookieProvided&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::InitReceived&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::ReplyReceived&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::HashSigned&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::HostKeyAccepted&);
extern template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const kex_event::NewKeysReceived&);

}  // namespace gatehouse::transport
