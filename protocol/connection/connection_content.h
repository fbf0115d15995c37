/// What a Connection holds. Private to this room: connection.cpp has what we do, receive.cpp what the peer does.
#pragma once

#include <deque>

#include "protocol/connection/connection.h"

namespace gatehouse::connection {

/// One channel, from CHANNEL_OPEN to the second CLOSE.
struct Channel {
  enum class State : std::uint8_t { peer_opening, we_opening, open };
  State state = State::open;
  std::uint32_t remote_id = 0;
  std::uint32_t remote_window = 0;
  std::uint32_t remote_maximum_packet = 0;
  std::uint32_t local_window = 0;      ///< what the peer may still send
  std::uint32_t local_window_max = 0;  ///< what it may send when we have consumed all
  std::uint32_t consumed = 0;          ///< passed on, not yet given back to the peer
  bool eof_sent = false;
  bool eof_received = false;
  bool close_sent = false;
  /// The peer's requests that want a reply, oldest first; a value is an answer that waits for those before it.
  std::deque<std::optional<bool>> replies;
  std::size_t unanswered = 0;  ///< of our requests
};

struct Connection::Content {
  transport::Transport& transport;
  Settings settings;
  std::vector<std::optional<Channel>> slots;  ///< by ChannelId
  std::size_t count = 0;
  std::size_t global_replies_owed = 0;
  std::size_t global_unanswered = 0;

  struct Filling {
    ChannelId channel{};
    std::span<std::uint8_t> payload;
  };
  std::optional<Filling> filling;

  Channel* find(ChannelId id);
  Channel* find_open(ChannelId id);
  std::optional<ChannelId> take_slot(Channel channel);
  void free_slot(ChannelId id);

  // connection.cpp
  std::size_t room(const Channel& channel) const;
  std::size_t write(ChannelId id, Message message, Bytes data);
  void consume(Channel& channel, std::size_t octets);
  void give_back(Channel& channel, std::uint32_t octets);
  void send_replies(Channel& channel);
  void send_close(Channel& channel);

  // receive.cpp
  using EventResult = ProtocolResult<std::optional<Event>>;
  EventResult receive(const transport::PayloadReceived& message);
  ProtocolResult<Channel*> opened(std::uint32_t id);
  EventResult open_received(Bytes payload);
  EventResult confirmation_received(Bytes payload);
  EventResult open_failure_received(Bytes payload);
  EventResult window_adjust_received(Bytes payload);
  EventResult data_received(Bytes payload, bool extended);
  EventResult eof_received(Bytes payload);
  EventResult close_received(Bytes payload);
  EventResult request_received(Bytes payload);
  EventResult reply_received(Bytes payload, bool success);
  EventResult global_request_received(Bytes payload);
  EventResult global_reply_received(Bytes payload, bool success);
};

}  // namespace gatehouse::connection
