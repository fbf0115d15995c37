#include "protocol/transport/key_exchange.h"

#include <algorithm>
#include <utility>

#include "protocol/core/numbers.h"
#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "protocol/keys/certificate.h"
#include "protocol/transport/transport.h"

namespace gatehouse::transport {

using namespace kex_state;
using namespace kex_event;
using namespace kex_action;

namespace {

using Step = ProtocolResult<KexStep>;

/// A step with its actions, which cannot stand in an initializer list because they only move.
template <class... Actions>
KexStep step(KexState next, Actions&&... actions) {
  KexStep made{std::move(next), {}};
  made.actions.reserve(sizeof...(actions));
  (made.actions.emplace_back(std::forward<Actions>(actions)), ...);
  return made;
}

void append(KexStep& to, KexStep&& from) {
  to.next = std::move(from.next);
  for (KexAction& action : from.actions) to.actions.push_back(std::move(action));
}

WireWriter message(Message number) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(number));
  return writer;
}

ByteVector newkeys() { return message(Message::newkeys).take(); }

Direction outbound(Role role) { return role == Role::client ? Direction::client_to_server : Direction::server_to_client; }
Direction inbound(Role role) { return role == Role::client ? Direction::server_to_client : Direction::client_to_server; }

ByteVector our_kexinit(const KexContext& context, const Cookie& cookie) {
  const Settings& settings = context.settings;
  KexInit kexinit;
  kexinit.cookie = cookie;
  kexinit.kex = settings.algorithms.kex;
  if (context.first()) {  // OpenSSH PROTOCOL section 1.10, RFC 8308 section 2.1: markers count in the first KEXINIT only
    const bool client = context.role == Role::client;
    kexinit.kex.emplace_back(client ? marker::ext_info_client : marker::ext_info_server);
    kexinit.kex.emplace_back(client ? marker::strict_kex_client : marker::strict_kex_server);
  }
  if (context.role == Role::client) {
    kexinit.host_keys = settings.algorithms.host_keys;
  } else {
    for (const HostKey& key : settings.host_keys) kexinit.host_keys.push_back(key.algorithm);
  }
  kexinit.ciphers_client_to_server = kexinit.ciphers_server_to_client = settings.algorithms.ciphers;
  kexinit.macs_client_to_server = kexinit.macs_server_to_client = settings.algorithms.macs;
  kexinit.compressions_client_to_server = kexinit.compressions_server_to_client = {"none"};
  return write_kexinit(kexinit);
}

/// Both KEXINITs are here.
Step agree(const KexContext& context, ByteVector ours, ByteVector peers) {
  const bool client = context.role == Role::client;
  const auto parsed_peer = parse_kexinit(peers);
  if (!parsed_peer) return tl::unexpected(parsed_peer.error());
  const auto parsed_ours = parse_kexinit(ours);
  if (!parsed_ours) return violation(Violation::crypto_failed, "our own KEXINIT: " + parsed_ours.error().detail);
  const KexInit& from_client = client ? *parsed_ours : *parsed_peer;
  const KexInit& from_server = client ? *parsed_peer : *parsed_ours;

  KexStep made{Broken{}, {}};
  if (context.first()) {
    made.actions.emplace_back(
        LearnMarkers{from_client.lists_kex(marker::strict_kex_client) && from_server.lists_kex(marker::strict_kex_server),
                     parsed_peer->lists_kex(client ? marker::ext_info_server : marker::ext_info_client)});
  }
  auto algorithms = negotiate(from_client, from_server);
  if (!algorithms) return tl::unexpected(std::move(algorithms.error()));
  // RFC 4253 section 7: "if the guess was wrong, the packet MUST be silently ignored".
  const bool drop_guess = parsed_peer->first_kex_packet_follows && !guessed_right(from_client, from_server);
  if (!client) std::swap(ours, peers);
  Transcript transcript{std::move(ours), std::move(peers)};
  if (!client) {
    made.next = InitAwaited{std::move(transcript), std::move(*algorithms), drop_guess};
    return made;
  }
  auto agreement = crypto::KeyAgreement::start(algorithms->kex);
  made.actions.emplace_back(SendMessage{message(Message::kex_ecdh_init).string(agreement.share()).take()});
  made.next = ReplyAwaited{std::move(transcript), std::move(*algorithms), std::move(agreement), drop_guess};
  return made;
}

/// H is known and, at a server, signed; at a client, the host key accepted.
KexStep send_newkeys(const KexContext& context, KexOutcome outcome, const SecretBytes& shared_secret) {
  const Bytes session_id = context.first() ? Bytes(outcome.exchange_hash) : context.session_id;
  auto outbound_keys = derive_keys(outcome.algorithms, outbound(context.role), shared_secret, outcome.exchange_hash, session_id);
  auto inbound_keys = derive_keys(outcome.algorithms, inbound(context.role), shared_secret, outcome.exchange_hash, session_id);
  KexStep made{Broken{}, {}};
  if (context.first()) made.actions.emplace_back(LearnSessionId{outcome.exchange_hash});
  made.actions.emplace_back(SendMessage{newkeys()});
  made.actions.emplace_back(InstallOutbound{std::move(outbound_keys)});
  made.next = NewKeysAwaited{std::move(inbound_keys), std::move(outcome)};
  return made;
}

/// The plain key that signs for a K_S, if it is one of `algorithm`. @error bad_encoding, bad_host_signature
ProtocolResult<keys::PublicKey> signing_key(const keys::PublicKeyAlgorithm& algorithm, Bytes blob) {
  const auto checked = [&](keys::PublicKey key) -> ProtocolResult<keys::PublicKey> {
    if (key.type() != keys::key_type_of(algorithm.signature)) return violation(Violation::bad_host_signature, "host key of another type");
    return key;
  };
  if (algorithm.certificate) {
    const auto certificate = keys::Certificate::parse(blob);
    if (!certificate) return tl::unexpected(certificate.error());
    return checked(certificate->subject());
  }
  auto key = keys::PublicKey::parse(blob);
  if (!key) return tl::unexpected(std::move(key.error()));
  return checked(std::move(*key));
}

// ---- one function for each legal pair of state and event ---------------------------------------------------------------------------

Step on(const KexContext& context, Idle, const Wanted& event) {
  if (!event.cookie) return step(CookieAwaited{}, AskForCookie{});
  ByteVector ours = our_kexinit(context, *event.cookie);
  return step(KexInitAwaited{ours}, CookieUsed{}, SendMessage{ours});
}

Step on(const KexContext& context, CookieAwaited state, const CookieProvided& event) {
  ByteVector ours = our_kexinit(context, event.cookie);
  KexStep made = step(Broken{}, CookieUsed{}, SendMessage{ours});
  if (!state.peer) {
    made.next = KexInitAwaited{std::move(ours)};
    return made;
  }
  auto agreed = agree(context, std::move(ours), std::move(*state.peer));
  if (!agreed) return agreed;
  append(made, std::move(*agreed));
  return made;
}

Step on(const KexContext& context, Idle, const KexInitReceived& event) {
  if (!event.cookie) return step(CookieAwaited{to_vector(event.payload)}, AskForCookie{});
  return on(context, CookieAwaited{to_vector(event.payload)}, CookieProvided{*event.cookie});
}

Step on(const KexContext& context, CookieAwaited state, const KexInitReceived& event) {
  if (state.peer) return violation(Violation::unexpected_message, "KEXINIT twice");
  if (!event.cookie) return step(CookieAwaited{to_vector(event.payload)});
  return on(context, CookieAwaited{to_vector(event.payload)}, CookieProvided{*event.cookie});
}

Step on(const KexContext& context, KexInitAwaited state, const KexInitReceived& event) {
  return agree(context, std::move(state.ours), to_vector(event.payload));
}

Step on(const KexContext& context, InitAwaited state, const InitReceived& event) {
  WireReader reader(event.payload);
  reader.byte();
  const Bytes client_share = reader.string();
  if (!reader.finish()) return violation(Violation::bad_encoding, "KEX_ECDH_INIT");
  const auto& host_keys = context.settings.host_keys;
  const auto host_key = std::find_if(host_keys.begin(), host_keys.end(),
                                     [&](const HostKey& key) { return key.algorithm == state.algorithms.host_key_algorithm; });
  if (host_key == host_keys.end()) return violation(Violation::no_common_host_key, state.algorithms.host_key_algorithm);

  auto answer = crypto::answer_key_agreement(state.algorithms.kex, client_share);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  SecretBytes secret = crypto::encode_shared_secret(state.algorithms.kex, answer->shared_secret);
  AskForHash question{state.algorithms.kex,
                      state.algorithms.host_key_algorithm,
                      {context.client_identification, context.server_identification, std::move(state.transcript.client_kexinit),
                       std::move(state.transcript.server_kexinit), host_key->blob, to_vector(client_share), answer->share,
                       SecretBytes::copy_of(secret.reveal())}};
  return step(AnswerAwaited{std::move(state.algorithms), host_key->blob, std::move(answer->share), std::move(secret)}, std::move(question));
}

Step on(const KexContext& context, AnswerAwaited state, const HashSigned& event) {
  if (event.hash.size() != crypto::digest_size(crypto::kex_digest(state.algorithms.kex))) {
    return violation(Violation::crypto_failed, "exchange hash of a wrong size");
  }
  ByteVector reply = message(Message::kex_ecdh_reply).string(state.host_key).string(state.server_share).string(event.signature_blob).take();
  KexStep made = step(Broken{}, SendMessage{std::move(reply)});
  append(made, send_newkeys(context, KexOutcome{std::move(state.algorithms), std::move(state.host_key), to_vector(event.hash)},
                            state.shared_secret));
  return made;
}

Step on(const KexContext& context, ReplyAwaited state, const ReplyReceived& event) {
  WireReader reader(event.payload);
  reader.byte();
  const Bytes host_key = reader.string();
  const Bytes server_share = reader.string();
  const Bytes signature = reader.string();
  if (!reader.finish()) return violation(Violation::bad_encoding, "KEX_ECDH_REPLY");
  const auto algorithm = keys::public_key_algorithm_by_name(state.algorithms.host_key_algorithm);
  if (!algorithm) return violation(Violation::no_common_host_key, state.algorithms.host_key_algorithm);
  const auto key = signing_key(*algorithm, host_key);
  if (!key) return tl::unexpected(key.error());

  ByteVector client_share = to_vector(state.agreement.share());
  const auto shared_secret = std::move(state.agreement).finish(server_share);
  if (!shared_secret) return tl::unexpected(shared_secret.error());
  const ExchangeHashInputs inputs{context.client_identification,
                                  context.server_identification,
                                  std::move(state.transcript.client_kexinit),
                                  std::move(state.transcript.server_kexinit),
                                  to_vector(host_key),
                                  std::move(client_share),
                                  to_vector(server_share),
                                  crypto::encode_shared_secret(state.algorithms.kex, *shared_secret)};
  auto hash = exchange_hash(state.algorithms.kex, inputs);
  if (!hash) return tl::unexpected(std::move(hash.error()));
  if (!key->verify(algorithm->signature, *hash, signature)) return violation(Violation::bad_host_signature, key->fingerprint());
  std::string algorithm_name = state.algorithms.host_key_algorithm;
  return step(AcceptanceAwaited{KexOutcome{std::move(state.algorithms), to_vector(host_key), std::move(*hash)},
                                SecretBytes::copy_of(inputs.shared_secret.reveal())},
              OfferHostKey{std::move(algorithm_name), to_vector(host_key)});
}

Step on(const KexContext& context, AcceptanceAwaited state, const HostKeyAccepted&) {
  return send_newkeys(context, std::move(state.outcome), state.shared_secret);
}

Step on(const KexContext&, NewKeysAwaited state, const NewKeysReceived&) {
  return step(Idle{}, InstallInbound{std::move(state.inbound)}, Finished{std::move(state.outcome)});
}

template <class State, class Event>
Step on(const KexContext&, State&&, const Event&) {
  return violation(Violation::unexpected_message, std::string(Event::name));
}

}  // namespace

template <class Event>
ProtocolResult<KexActions> KeyExchange::feed(const KexContext& context, const Event& event) {
  KexState before = std::exchange(state_, Broken{});  // we stay so after a violation
  Step made = std::visit([&](auto& state) { return on(context, std::move(state), event); }, before);
  if (!made) return tl::unexpected(std::move(made.error()));
  state_ = std::move(made->next);
  return std::move(made->actions);
}

template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const Wanted&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const KexInitReceived&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const CookieProvided&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const InitReceived&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const ReplyReceived&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const HashSigned&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const HostKeyAccepted&);
template ProtocolResult<KexActions> KeyExchange::feed(const KexContext&, const NewKeysReceived&);

bool KeyExchange::peer_in_exchange() const {
  if (const auto* waiting = std::get_if<CookieAwaited>(&state_)) return waiting->peer.has_value();
  return !std::holds_alternative<Idle>(state_) && !std::holds_alternative<KexInitAwaited>(state_);
}

bool KeyExchange::we_in_exchange() const {
  return !std::holds_alternative<Idle>(state_) && !std::holds_alternative<CookieAwaited>(state_) &&
         !std::holds_alternative<NewKeysAwaited>(state_);
}

bool KeyExchange::answer_owed() const {
  if (const auto* waiting = std::get_if<CookieAwaited>(&state_)) return waiting->peer.has_value();
  return std::holds_alternative<AnswerAwaited>(state_) || std::holds_alternative<AcceptanceAwaited>(state_);
}

bool KeyExchange::take_guess_to_drop() {
  if (auto* waiting = std::get_if<InitAwaited>(&state_)) return std::exchange(waiting->drop_guess, false);
  if (auto* waiting = std::get_if<ReplyAwaited>(&state_)) return std::exchange(waiting->drop_guess, false);
  return false;
}

}  // namespace gatehouse::transport
