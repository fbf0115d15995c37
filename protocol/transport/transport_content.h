/// What a Transport holds. Private to this room: transport.cpp has the interface, receive.cpp the peer's messages, snapshot.cpp the
/// hand-over.
#pragma once

#include <deque>

#include "protocol/transport/key_exchange.h"
#include "protocol/transport/octet_queue.h"
#include "protocol/transport/packet_reader.h"
#include "protocol/transport/packet_writer.h"
#include "protocol/transport/transport.h"

namespace gatehouse::transport {

/// Above this much waiting output no bulk data is asked for, …
inline constexpr std::size_t output_soft_limit = 256 * 1024;
/// … above this nothing is received any more, so that replies cannot pile up for a peer that does not read, …
inline constexpr std::size_t output_stop_limit = 1024 * 1024;
/// … and this ends the connection.
inline constexpr std::size_t output_hard_limit = 4 * 1024 * 1024;
/// What a key exchange may hold back: replies to what was on its way. Reading goes on meanwhile, or the exchange would never end.
inline constexpr std::size_t held_limit = 1024 * 1024;
/// Unread input that is kept at most: the longest packet and a large read.
inline constexpr std::size_t input_limit = 1024 * 1024;
inline constexpr std::size_t read_size = 64 * 1024;
/// IGNORE, DEBUG, UNIMPLEMENTED, PING and unknown messages before authentication.
inline constexpr unsigned max_idle_messages_before_auth = 1024;
/// Key exchanges that a peer may begin before it has authenticated: each costs a signature of the token.
inline constexpr unsigned max_rekeys_before_auth = 8;
/// What may arrive between our KEXINIT and the peer's: what was on its way, no more.
inline constexpr std::uint64_t max_bytes_before_peer_kexinit = 256 * 1024 * 1024;

struct Transport::Content {
  explicit Content(Settings given) : settings(std::move(given)), identification_reader(settings.role) {}

  Settings settings;
  OctetQueue input;
  OctetQueue output;
  OctetQueue held;  ///< uint32 length and payload each: messages that wait for our NEWKEYS
  PacketReader reader;
  PacketWriter writer;
  IdentificationReader identification_reader;
  bool identified = false;
  std::string our_line;
  std::string peer_line;

  KeyExchange kex;
  std::optional<Cookie> cookie;  ///< provided, not used yet
  bool keyed = false;            ///< our first NEWKEYS is out
  bool peer_keyed = false;       ///< the peer's first NEWKEYS came
  std::uint64_t received_since_our_kexinit = 0;
  bool strict = false;
  std::uint32_t peer_kexinit_sequence_number = 0;
  bool peer_takes_ext_info = false;
  bool ext_info_may_come = false;  ///< the next message may be an EXT_INFO whatever else holds
  bool authenticated = false;
  unsigned idle_messages = 0;
  unsigned rekeys_before_auth = 0;
  ByteVector session_id;
  ByteVector host_key;
  ByteVector initial_host_key;
  Negotiated negotiated;
  ExtInfo peer_extensions;

  std::deque<Event> ready;
  std::optional<ProtocolError> error;  ///< not yet told
  bool closed = false;
  enum class Filling : std::uint8_t { nothing, packet, held } filling = Filling::nothing;

  KexContext context() const {
    const bool client = settings.role == Role::client;
    return {settings.role, settings, client ? our_line : peer_line, client ? peer_line : our_line, session_id};
  }
  bool must_hold() const { return !keyed || kex.we_in_exchange(); }
  std::uint64_t byte_limit(const crypto::PacketCipher& cipher) const;

  struct Act;

  // transport.cpp
  std::span<std::uint8_t> start_payload(std::size_t at_most);
  void finish_payload(std::size_t octets);
  void send(Bytes payload);
  void write_now(Bytes payload);
  void flush_held();
  void check_output();
  void rekey_if_due();
  void begin_key_exchange();
  std::optional<Cookie> next_cookie() const;
  template <class KexEvent>
  ProtocolResult<void> drive(const KexEvent& event);
  ProtocolResult<void> act(KexActions actions);
  void close();
  void fail(const ProtocolError& why);
  void fail_and_tell(ProtocolError why);

  // receive.cpp
  ProtocolResult<std::optional<Event>> next_from_input();
  ProtocolResult<std::optional<Event>> handle(const PacketReader::Packet& packet);
  ProtocolResult<void> check_allowed(Message message, std::uint32_t sequence_number);
  ProtocolResult<void> count_idle_message(Message message);
  ProtocolResult<std::optional<Event>> handle_transport_message(Message message, const PacketReader::Packet& packet);
  ProtocolResult<std::optional<Event>> handle_kex_message(Message message, const PacketReader::Packet& packet);
  ProtocolResult<std::optional<Event>> handle_ext_info(bool may_come, Bytes payload);
  ProtocolResult<std::optional<Event>> hand_up(Message message, const PacketReader::Packet& packet);
};

extern template ProtocolResult<void> Transport::Content::drive(const kex_event::KexInitReceived&);
extern template ProtocolResult<void> Transport::Content::drive(const kex_event::InitReceived&);
extern template ProtocolResult<void> Transport::Content::drive(const kex_event::ReplyReceived&);
extern template ProtocolResult<void> Transport::Content::drive(const kex_event::NewKeysReceived&);

}  // namespace gatehouse::transport
