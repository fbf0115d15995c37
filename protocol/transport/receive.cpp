/// What the peer sends: which message is allowed when, and what it does.
#include <fmt/format.h>

#include "protocol/core/wire.h"
#include "protocol/transport/messages.h"
#include "protocol/transport/transport_content.h"

namespace gatehouse::transport {

namespace {

constexpr std::uint8_t number(Message message) { return static_cast<std::uint8_t>(message); }

/// RFC 4250 section 4.1.2: the ranges.
bool is_kex(Message message) { return number(message) >= 20 && number(message) <= 49; }
bool is_kex_method(Message message) { return number(message) >= 30 && number(message) <= 49; }
bool is_authentication(Message message) { return number(message) >= 50 && number(message) <= 79; }
bool is_connection(Message message) { return number(message) >= 80 && number(message) <= 127; }
/// RFC 4253 section 7.1: what may come during a key exchange besides its own messages.
bool is_generic(Message message) { return number(message) >= 1 && number(message) <= 4; }

tl::unexpected<ProtocolError> not_now(Message message, std::string_view when) {
  return violation(Violation::unexpected_message, fmt::format("message {} {}", number(message), when));
}

}  // namespace

ProtocolResult<std::optional<Event>> Transport::Content::next_from_input() {
  while (!closed) {
    if (kex.answer_owed() || output.size() >= output_stop_limit) return std::nullopt;
    if (!identified) {
      const auto progress = identification_reader.feed(input.view());
      if (!progress) return tl::unexpected(progress.error());
      input.drop(progress->consumed);
      if (!progress->complete) return std::nullopt;
      identified = true;
      peer_line = identification_reader.identification();
      return Event(PeerIdentified{});
    }
    const auto packet = reader.next(input);
    if (!packet) return tl::unexpected(packet.error());
    if (!*packet) return std::nullopt;
    auto event = handle(**packet);
    if (!event) return event;
    if (!closed) rekey_if_due();
    if (*event) return event;
    if (!ready.empty()) {
      Event first = std::move(ready.front());
      ready.pop_front();
      return first;
    }
  }
  return std::nullopt;
}

ProtocolResult<void> Transport::Content::check_allowed(Message message, std::uint32_t sequence_number) {
  if (message == Message::disconnect) return {};
  if (!peer_keyed) {
    // OpenSSH PROTOCOL section 1.10: during the first key exchange nothing but it, and KEXINIT is the first packet.
    if (strict && !is_kex(message)) return violation(Violation::strict_kex, fmt::format("message {} before NEWKEYS", number(message)));
    if (!is_kex(message) && !is_generic(message)) return not_now(message, "before NEWKEYS");
    if (!is_kex(message)) return count_idle_message(message);
    return {};
  }
  if (kex.peer_in_exchange()) {
    if (is_kex(message) || (!strict && is_generic(message))) return {};
    return not_now(message, fmt::format("after the peer's KEXINIT (packet {})", sequence_number));
  }
  if (!kex.idle() && !kex.cookie_wanted() && received_since_our_kexinit > max_bytes_before_peer_kexinit) {
    return violation(Violation::rekey_overdue, "the peer does not answer our KEXINIT");
  }
  return {};
}

ProtocolResult<void> Transport::Content::count_idle_message(Message message) {
  if (!authenticated && ++idle_messages > max_idle_messages_before_auth) return not_now(message, "again and again before authentication");
  return {};
}

ProtocolResult<std::optional<Event>> Transport::Content::handle(const PacketReader::Packet& packet) {
  const Message message = message_of(packet.payload);
  const bool ext_info_allowed = std::exchange(ext_info_may_come, false);
  if (!kex.idle()) received_since_our_kexinit += packet.payload.size();
  if (auto allowed = check_allowed(message, packet.sequence_number); !allowed) return tl::unexpected(std::move(allowed.error()));

  if (is_connection(message)) {
    if (!authenticated) return not_now(message, "before authentication");
    return hand_up(message, packet);
  }
  if (is_kex(message)) return handle_kex_message(message, packet);
  if (is_authentication(message) || message == Message::service_request || message == Message::service_accept) {
    if (!authenticated) return hand_up(message, packet);
    // RFC 4252 section 5.3: "any further authentication requests received after that SHOULD be silently ignored".
    if (settings.role == Role::server && message == Message::userauth_request) return std::nullopt;
    return not_now(message, "after authentication");
  }
  if (message == Message::ext_info) return handle_ext_info(ext_info_allowed, packet.payload);
  return handle_transport_message(message, packet);
}

ProtocolResult<std::optional<Event>> Transport::Content::hand_up(Message message, const PacketReader::Packet& packet) {
  return Event(PayloadReceived{message, packet.payload, packet.sequence_number});
}

ProtocolResult<std::optional<Event>> Transport::Content::handle_transport_message(Message message, const PacketReader::Packet& packet) {
  switch (message) {
    case Message::disconnect: {
      const auto disconnect = parse_disconnect(packet.payload);
      if (!disconnect) return tl::unexpected(disconnect.error());
      Event event = PeerDisconnected{disconnect->reason, escaped(disconnect->text)};
      close();
      output.clear();  // nobody reads it
      return event;
    }
    case Message::ignore:
    case Message::debug:
    case Message::unimplemented:
    case Message::pong:
      break;
    case Message::ping: {
      const auto data = parse_ping(packet.payload);
      if (!data) return tl::unexpected(data.error());
      // Not before authentication, nor while a key exchange holds back what we send: a flood finds nothing to fill.
      if (authenticated && !must_hold()) send(write_pong(*data));
      break;
    }
    default:
      if (!must_hold()) send(write_unimplemented(packet.sequence_number));
      break;
  }
  if (peer_keyed) {
    if (auto counted = count_idle_message(message); !counted) return tl::unexpected(std::move(counted.error()));
  }
  return std::nullopt;
}

ProtocolResult<std::optional<Event>> Transport::Content::handle_ext_info(bool may_come, Bytes payload) {
  // RFC 8308 section 2.4: after the first NEWKEYS; a server also before USERAUTH_SUCCESS (or, by ext-info-in-auth, earlier in
  // authentication). Anywhere else it would change what was agreed on under a live connection.
  const bool in_authentication = settings.role == Role::client && peer_keyed && !authenticated;
  if (!may_come && !in_authentication) return not_now(Message::ext_info, "out of place");
  auto parsed = parse_ext_info(payload);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  if (may_come) {
    peer_extensions = std::move(*parsed);
    return std::nullopt;
  }
  if (parsed->server_sig_algs) peer_extensions.server_sig_algs = std::move(parsed->server_sig_algs);
  if (auto counted = count_idle_message(Message::ext_info); !counted) return tl::unexpected(std::move(counted.error()));
  return std::nullopt;
}

ProtocolResult<std::optional<Event>> Transport::Content::handle_kex_message(Message message, const PacketReader::Packet& packet) {
  if (is_kex_method(message) && kex.take_guess_to_drop()) return std::nullopt;
  ProtocolResult<void> done;
  switch (message) {
    case Message::kexinit:
      if (peer_keyed && !authenticated && kex.idle() && ++rekeys_before_auth > max_rekeys_before_auth) {
        return not_now(message, "again and again before authentication");
      }
      peer_kexinit_sequence_number = packet.sequence_number;
      done = drive(kex_event::KexInitReceived{packet.payload, next_cookie()});
      break;
    case Message::kex_ecdh_init:
      done = drive(kex_event::InitReceived{packet.payload});
      break;
    case Message::kex_ecdh_reply:
      done = drive(kex_event::ReplyReceived{packet.payload});
      break;
    case Message::newkeys:
      if (packet.payload.size() != 1) return violation(Violation::bad_encoding, "NEWKEYS");
      done = drive(kex_event::NewKeysReceived{});
      break;
    default:
      return not_now(message, "unknown to the method");
  }
  if (!done) return tl::unexpected(std::move(done.error()));
  return std::nullopt;
}

}  // namespace gatehouse::transport
