#include "protocol/connection/connection.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "protocol/connection/connection_content.h"
#include "protocol/core/wire.h"

namespace gatehouse::connection {

namespace {

constexpr std::size_t data_header = 1 + 4 + 4;            // message, recipient, length
constexpr std::size_t extended_header = data_header + 4;  // and the type
/// RFC 4253 section 6.1: every peer takes a payload of 32768 octets; larger packets would only make the others wait.
constexpr std::size_t largest_data = 32 * 1024 - extended_header;

WireWriter start(Message number) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(number));
  return writer;
}

void put_uint32(std::span<std::uint8_t> at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

// ---- slots ------------------------------------------------------------------------------------------------------------------------

Channel* Connection::Content::find(ChannelId id) {
  const auto index = static_cast<std::size_t>(id);
  return index < slots.size() && slots[index] ? &*slots[index] : nullptr;
}

Channel* Connection::Content::find_open(ChannelId id) {
  Channel* channel = find(id);
  return channel != nullptr && channel->state == Channel::State::open ? channel : nullptr;
}

std::optional<ChannelId> Connection::Content::take_slot(Channel channel) {
  if (count >= settings.max_channels) return std::nullopt;
  auto slot = std::find_if(slots.begin(), slots.end(), [](const auto& used) { return !used.has_value(); });
  if (slot == slots.end()) slot = slots.emplace(slots.end());
  *slot = std::move(channel);
  ++count;
  return static_cast<ChannelId>(slot - slots.begin());
}

void Connection::Content::free_slot(ChannelId id) {
  slots[static_cast<std::size_t>(id)].reset();
  --count;
}

// ---- the interface ----------------------------------------------------------------------------------------------------------------

Connection::Connection(transport::Transport& transport, Settings settings)
    : content_(new Content{transport, settings, {}, 0, 0, 0, std::nullopt}) {}
Connection::Connection(Connection&&) noexcept = default;
Connection::~Connection() = default;

std::optional<ChannelId> Connection::open(const ChannelType& type) {
  Content& c = *content_;
  Channel channel;
  channel.state = Channel::State::we_opening;
  channel.local_window = channel.local_window_max = c.settings.window;
  const auto id = c.take_slot(std::move(channel));
  if (!id) return std::nullopt;
  c.transport.send(start(Message::channel_open)
                       .string(channel_type_name(type))
                       .uint32(static_cast<std::uint32_t>(*id))
                       .uint32(c.settings.window)
                       .uint32(c.settings.maximum_packet)
                       .raw(write_channel_type(type))
                       .view());
  return id;
}

bool Connection::confirm_open(ChannelId id) {
  Content& c = *content_;
  Channel* channel = c.find(id);
  if (channel == nullptr || channel->state != Channel::State::peer_opening) return false;
  channel->state = Channel::State::open;
  c.transport.send(start(Message::channel_open_confirmation)
                       .uint32(channel->remote_id)
                       .uint32(static_cast<std::uint32_t>(id))
                       .uint32(channel->local_window)
                       .uint32(c.settings.maximum_packet)
                       .view());
  return true;
}

bool Connection::refuse_open(ChannelId id, OpenFailure reason, std::string_view text) {
  Content& c = *content_;
  const Channel* channel = c.find(id);
  if (channel == nullptr || channel->state != Channel::State::peer_opening) return false;
  c.transport.send(start(Message::channel_open_failure)
                       .uint32(channel->remote_id)
                       .uint32(static_cast<std::uint32_t>(reason))
                       .string(text)
                       .string("")
                       .view());
  c.free_slot(id);
  return true;
}

bool Connection::send_eof(ChannelId id) {
  Channel* channel = content_->find_open(id);
  if (channel == nullptr || channel->eof_sent || channel->close_sent) return false;
  channel->eof_sent = true;
  content_->transport.send(start(Message::channel_eof).uint32(channel->remote_id).view());
  return true;
}

bool Connection::close(ChannelId id) {
  Channel* channel = content_->find_open(id);
  if (channel == nullptr || channel->close_sent) return false;
  content_->send_close(*channel);
  return true;
}

void Connection::Content::send_close(Channel& channel) {
  channel.close_sent = true;
  channel.replies.clear();
  transport.send(start(Message::channel_close).uint32(channel.remote_id).view());
}

bool Connection::is_open(ChannelId id) const {
  const Channel* channel = content_->find_open(id);
  return channel != nullptr && !channel->close_sent;
}

std::size_t Connection::channel_count() const { return content_->count; }

// ---- sending ----------------------------------------------------------------------------------------------------------------------

std::size_t Connection::Content::room(const Channel& channel) const {
  if (channel.eof_sent || channel.close_sent || channel.remote_maximum_packet == 0) return 0;
  return std::min<std::size_t>(channel.remote_window, transport.send_room());
}

std::size_t Connection::room(ChannelId id) const {
  const Channel* channel = content_->find_open(id);
  return channel == nullptr ? 0 : content_->room(*channel);
}

std::uint64_t Connection::window(ChannelId id) const {
  const Channel* channel = content_->find_open(id);
  return channel == nullptr ? 0 : channel->remote_window;
}

std::size_t Connection::Content::write(ChannelId id, Message message, Bytes data) {
  Channel* channel = find_open(id);
  if (channel == nullptr) return 0;
  const bool extended = message == Message::channel_extended_data;
  const std::size_t header = extended ? extended_header : data_header;
  std::size_t taken = 0;
  while (taken < data.size()) {
    const std::size_t most = std::min({room(*channel), std::size_t{channel->remote_maximum_packet}, largest_data});
    const std::size_t size = std::min(data.size() - taken, most);
    if (size == 0) break;
    const std::span<std::uint8_t> payload = transport.start_payload(header + size);
    payload[0] = static_cast<std::uint8_t>(message);
    put_uint32(payload.subspan(1), channel->remote_id);
    if (extended) put_uint32(payload.subspan(5), stderr_data);
    put_uint32(payload.subspan(header - 4), static_cast<std::uint32_t>(size));
    std::memcpy(payload.data() + header, data.data() + taken, size);
    transport.finish_payload(header + size);
    channel->remote_window -= static_cast<std::uint32_t>(size);
    taken += size;
  }
  return taken;
}

std::size_t Connection::write(ChannelId id, Bytes data) { return content_->write(id, Message::channel_data, data); }
std::size_t Connection::write_stderr(ChannelId id, Bytes data) { return content_->write(id, Message::channel_extended_data, data); }

std::span<std::uint8_t> Connection::start_data(ChannelId id, std::size_t at_most) {
  Content& c = *content_;
  const Channel* channel = c.find_open(id);
  const std::size_t room = channel == nullptr ? 0 : std::min({c.room(*channel), std::size_t{channel->remote_maximum_packet}, largest_data});
  const std::size_t size = std::min(at_most, room);
  if (size == 0) return {};
  c.filling = Content::Filling{id, c.transport.start_payload(data_header + size)};
  return c.filling->payload.subspan(data_header);
}

void Connection::finish_data(ChannelId id, std::size_t octets) {
  Content& c = *content_;
  const auto filling = std::exchange(c.filling, std::nullopt);
  Channel* channel = c.find_open(id);
  if (!filling || filling->channel != id || channel == nullptr || octets > filling->payload.size() - data_header) octets = 0;
  if (octets == 0) {
    c.transport.finish_payload(0);
    return;
  }
  filling->payload[0] = static_cast<std::uint8_t>(Message::channel_data);
  put_uint32(filling->payload.subspan(1), channel->remote_id);
  put_uint32(filling->payload.subspan(5), static_cast<std::uint32_t>(octets));
  c.transport.finish_payload(data_header + octets);
  channel->remote_window -= static_cast<std::uint32_t>(octets);
}

// ---- receiving --------------------------------------------------------------------------------------------------------------------

void Connection::Content::give_back(Channel& channel, std::uint32_t octets) {
  channel.local_window += octets;
  transport.send(start(Message::channel_window_adjust).uint32(channel.remote_id).uint32(octets).view());
}

void Connection::Content::consume(Channel& channel, std::size_t octets) {
  // Never more than is owed, so that a wrong count of ours cannot make the window larger than we said.
  const std::uint32_t owed = channel.local_window_max - channel.local_window - channel.consumed;
  channel.consumed += static_cast<std::uint32_t>(std::min<std::size_t>(octets, owed));
  const std::uint32_t step = std::min(channel.local_window_max / 2, 4 * settings.maximum_packet);
  if (channel.consumed == 0 || channel.consumed < step || channel.eof_received || channel.close_sent) return;
  give_back(channel, std::exchange(channel.consumed, 0));
}

void Connection::consumed(ChannelId id, std::size_t octets) {
  Channel* channel = content_->find_open(id);
  if (channel != nullptr) content_->consume(*channel, octets);
}

void Connection::grow_window(ChannelId id, std::uint32_t size) {
  Channel* channel = content_->find_open(id);
  if (channel == nullptr || size <= channel->local_window_max || channel->eof_received || channel->close_sent) return;
  const std::uint32_t more = size - std::exchange(channel->local_window_max, size);
  content_->give_back(*channel, more);
}

// ---- requests ---------------------------------------------------------------------------------------------------------------------

bool Connection::request(ChannelId id, const ChannelRequest& request, bool want_reply) {
  Channel* channel = content_->find_open(id);
  if (channel == nullptr || channel->close_sent) return false;
  if (want_reply) ++channel->unanswered;
  content_->transport.send(start(Message::channel_request)
                               .uint32(channel->remote_id)
                               .string(channel_request_name(request))
                               .boolean(want_reply)
                               .raw(write_channel_request(request))
                               .view());
  return true;
}

void Connection::Content::send_replies(Channel& channel) {
  while (!channel.replies.empty() && channel.replies.front()) {
    const Message answer = *channel.replies.front() ? Message::channel_success : Message::channel_failure;
    transport.send(start(answer).uint32(channel.remote_id).view());
    channel.replies.pop_front();
  }
}

bool Connection::reply(ChannelId id, bool success) {
  Channel* channel = content_->find_open(id);
  if (channel == nullptr) return false;
  const auto oldest = std::find(channel->replies.begin(), channel->replies.end(), std::nullopt);
  if (oldest == channel->replies.end()) return false;
  *oldest = success;
  content_->send_replies(*channel);
  return true;
}

void Connection::request_global(const GlobalRequest& request, bool want_reply) {
  if (want_reply) ++content_->global_unanswered;
  content_->transport.send(
      start(Message::global_request).string(global_request_name(request)).boolean(want_reply).raw(write_global_request(request)).view());
}

bool Connection::reply_global(bool success, Bytes data) {
  Content& c = *content_;
  if (c.global_replies_owed == 0) return false;
  --c.global_replies_owed;
  WireWriter answer = start(success ? Message::request_success : Message::request_failure);
  if (success) answer.raw(data);
  c.transport.send(answer.view());
  return true;
}

std::size_t Connection::unanswered_global() const { return content_->global_unanswered; }

ProtocolResult<std::optional<Event>> Connection::receive(const transport::PayloadReceived& message) {
  auto event = content_->receive(message);
  if (!event) content_->transport.fail(event.error());
  return event;
}

}  // namespace gatehouse::connection
