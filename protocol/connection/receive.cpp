/// What the peer's messages do to channels (RFC 4254 sections 4 to 6).
#include <fmt/format.h>

#include <limits>

#include "protocol/connection/connection_content.h"
#include "protocol/core/wire.h"

namespace gatehouse::connection {

namespace {

constexpr std::size_t max_name = 64;  // RFC 4251 section 6

tl::unexpected<ProtocolError> malformed(std::string_view message) { return violation(Violation::bad_encoding, std::string(message)); }

/// A reader past the message number.
WireReader fields_of(Bytes payload) {
  WireReader reader(payload);
  reader.byte();
  return reader;
}

}  // namespace

ProtocolResult<std::optional<Event>> Connection::Content::receive(const transport::PayloadReceived& message) {
  const Bytes payload = message.payload;
  switch (message.message) {
    case Message::channel_data:
      return data_received(payload, false);
    case Message::channel_extended_data:
      return data_received(payload, true);
    case Message::channel_window_adjust:
      return window_adjust_received(payload);
    case Message::channel_open:
      return open_received(payload);
    case Message::channel_open_confirmation:
      return confirmation_received(payload);
    case Message::channel_open_failure:
      return open_failure_received(payload);
    case Message::channel_eof:
      return eof_received(payload);
    case Message::channel_close:
      return close_received(payload);
    case Message::channel_request:
      return request_received(payload);
    case Message::channel_success:
      return reply_received(payload, true);
    case Message::channel_failure:
      return reply_received(payload, false);
    case Message::global_request:
      return global_request_received(payload);
    case Message::request_success:
      return global_reply_received(payload, true);
    case Message::request_failure:
      return global_reply_received(payload, false);
    default:
      transport.reply_unimplemented(message.sequence_number);
      return std::nullopt;
  }
}

/// The channel that a message names, if messages may come on it.
ProtocolResult<Channel*> Connection::Content::opened(std::uint32_t id) {
  Channel* channel = find_open(static_cast<ChannelId>(id));
  if (channel == nullptr) return violation(Violation::unknown_channel, fmt::format("channel {}", id));
  return channel;
}

Connection::Content::EventResult Connection::Content::open_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::string_view name = reader.text();
  Channel channel;
  channel.state = Channel::State::peer_opening;
  channel.remote_id = reader.uint32();
  channel.remote_window = reader.uint32();
  channel.remote_maximum_packet = reader.uint32();
  const Bytes data = reader.rest();
  if (!reader.finish() || name.size() > max_name) return malformed("CHANNEL_OPEN");
  auto type = parse_channel_type(name, data);
  if (!type) return tl::unexpected(std::move(type.error()));
  channel.local_window = channel.local_window_max = settings.window;
  const std::uint32_t remote_id = channel.remote_id;
  const auto id = take_slot(std::move(channel));
  if (!id) {
    transport.send(WireWriter()
                       .byte(static_cast<std::uint8_t>(Message::channel_open_failure))
                       .uint32(remote_id)
                       .uint32(static_cast<std::uint32_t>(OpenFailure::resource_shortage))
                       .string("too many channels")
                       .string("")
                       .view());
    return std::nullopt;
  }
  return ChannelOpenRequested{*id, std::move(*type)};
}

Connection::Content::EventResult Connection::Content::confirmation_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const auto id = static_cast<ChannelId>(reader.uint32());
  const std::uint32_t remote_id = reader.uint32();
  const std::uint32_t window = reader.uint32();
  const std::uint32_t most = reader.uint32();
  if (reader.failed()) return malformed("CHANNEL_OPEN_CONFIRMATION");
  Channel* channel = find(id);
  if (channel == nullptr || channel->state != Channel::State::we_opening) {
    return violation(Violation::unknown_channel, "CHANNEL_OPEN_CONFIRMATION that nobody waits for");
  }
  channel->state = Channel::State::open;
  channel->remote_id = remote_id;
  channel->remote_window = window;
  channel->remote_maximum_packet = most;
  return ChannelOpened{id};
}

Connection::Content::EventResult Connection::Content::open_failure_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const auto id = static_cast<ChannelId>(reader.uint32());
  const std::uint32_t reason = reader.uint32();
  const std::string_view text = reader.text();
  if (reader.more()) reader.text();  // the language tag, which some leave out
  if (!reader.finish()) return malformed("CHANNEL_OPEN_FAILURE");
  const Channel* channel = find(id);
  if (channel == nullptr || channel->state != Channel::State::we_opening) {
    return violation(Violation::unknown_channel, "CHANNEL_OPEN_FAILURE that nobody waits for");
  }
  free_slot(id);
  return ChannelOpenRefused{id, reason, escaped(text)};
}

Connection::Content::EventResult Connection::Content::window_adjust_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::uint32_t id = reader.uint32();
  const std::uint32_t octets = reader.uint32();
  if (!reader.finish()) return malformed("CHANNEL_WINDOW_ADJUST");
  const auto channel = opened(id);
  if (!channel) return tl::unexpected(channel.error());
  std::uint32_t& window = (*channel)->remote_window;
  // RFC 4254 section 5.2: "The window MUST NOT be increased above 2^32 - 1 bytes."
  if (octets > std::numeric_limits<std::uint32_t>::max() - window) return violation(Violation::window_violation, "window above 2^32 - 1");
  const bool was_shut = window == 0;
  window += octets;
  if (!was_shut || octets == 0 || (*channel)->close_sent || (*channel)->eof_sent) return std::nullopt;
  return WindowOpened{static_cast<ChannelId>(id)};
}

Connection::Content::EventResult Connection::Content::data_received(Bytes payload, bool extended) {
  WireReader reader = fields_of(payload);
  const std::uint32_t number = reader.uint32();
  const std::uint32_t type = extended ? reader.uint32() : 0;
  const Bytes data = reader.string();
  if (!reader.finish()) return malformed("CHANNEL_DATA");
  const auto found = opened(number);
  if (!found) return tl::unexpected(found.error());
  Channel& channel = **found;
  const auto id = static_cast<ChannelId>(number);
  if (channel.eof_received) return violation(Violation::channel_state, "data after EOF");
  if (data.size() > settings.maximum_packet) return violation(Violation::window_violation, "data past the maximum packet");
  if (data.size() > channel.local_window) return violation(Violation::window_violation, "data past the window");
  channel.local_window -= static_cast<std::uint32_t>(data.size());
  if (data.empty() || channel.close_sent) return std::nullopt;  // what crossed our CLOSE is nobody's
  if (!extended) return DataReceived{id, data};
  if (type == stderr_data && transport.role() == transport::Role::client) return ExtendedDataReceived{id, type, data};
  // Nobody reads it, but the window is the peer's: it gets it back (RFC 4254 section 5.2).
  consume(channel, data.size());
  return std::nullopt;
}

Connection::Content::EventResult Connection::Content::eof_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::uint32_t id = reader.uint32();
  if (!reader.finish()) return malformed("CHANNEL_EOF");
  const auto channel = opened(id);
  if (!channel) return tl::unexpected(channel.error());
  if (std::exchange((*channel)->eof_received, true)) return violation(Violation::channel_state, "EOF twice");
  if ((*channel)->close_sent) return std::nullopt;
  return EofReceived{static_cast<ChannelId>(id)};
}

Connection::Content::EventResult Connection::Content::close_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::uint32_t number = reader.uint32();
  if (!reader.finish()) return malformed("CHANNEL_CLOSE");
  const auto channel = opened(number);
  if (!channel) return tl::unexpected(channel.error());
  // RFC 4254 section 5.3: "Upon receiving this message, a party MUST send back an SSH_MSG_CHANNEL_CLOSE unless it has already sent it".
  if (!(*channel)->close_sent) send_close(**channel);
  const auto id = static_cast<ChannelId>(number);
  free_slot(id);
  return ChannelClosed{id};
}

Connection::Content::EventResult Connection::Content::request_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::uint32_t number = reader.uint32();
  const std::string_view name = reader.text();
  const bool want_reply = reader.boolean();
  const Bytes data = reader.rest();
  if (!reader.finish() || name.size() > max_name) return malformed("CHANNEL_REQUEST");
  const auto found = opened(number);
  if (!found) return tl::unexpected(found.error());
  Channel& channel = **found;
  if (channel.close_sent) return std::nullopt;
  if (want_reply && channel.replies.size() >= settings.max_unanswered) {
    return violation(Violation::channel_state, "too many unanswered channel requests");
  }
  auto request = parse_channel_request(name, data);
  if (!request) {
    if (want_reply) channel.replies.emplace_back(false);
    send_replies(channel);
    return std::nullopt;
  }
  if (want_reply) channel.replies.emplace_back(std::nullopt);
  return ChannelRequested{static_cast<ChannelId>(number), std::move(*request), want_reply};
}

Connection::Content::EventResult Connection::Content::reply_received(Bytes payload, bool success) {
  WireReader reader = fields_of(payload);
  const std::uint32_t number = reader.uint32();
  if (!reader.finish()) return malformed("CHANNEL_SUCCESS or CHANNEL_FAILURE");
  const auto channel = opened(number);
  if (!channel) return tl::unexpected(channel.error());
  if ((*channel)->unanswered == 0) return std::nullopt;  // an answer to nothing changes nothing
  --(*channel)->unanswered;
  if ((*channel)->close_sent) return std::nullopt;
  return ChannelRequestAnswered{static_cast<ChannelId>(number), success};
}

Connection::Content::EventResult Connection::Content::global_request_received(Bytes payload) {
  WireReader reader = fields_of(payload);
  const std::string_view name = reader.text();
  const bool want_reply = reader.boolean();
  const Bytes data = reader.rest();
  if (!reader.finish() || name.size() > max_name) return malformed("GLOBAL_REQUEST");
  auto request = parse_global_request(name, data);
  if (!request) return tl::unexpected(std::move(request.error()));
  if (want_reply && ++global_replies_owed > settings.max_unanswered) {
    return violation(Violation::channel_state, "too many unanswered global requests");
  }
  return GlobalRequested{std::move(*request), want_reply};
}

Connection::Content::EventResult Connection::Content::global_reply_received(Bytes payload, bool success) {
  WireReader reader = fields_of(payload);
  const Bytes data = reader.rest();
  if (global_unanswered == 0) return std::nullopt;
  --global_unanswered;
  return GlobalRequestAnswered{success, success ? to_vector(data) : ByteVector{}};
}

}  // namespace gatehouse::connection
