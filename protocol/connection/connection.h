/// The connection layer: channels with windows, requests, global requests (RFC 4254). Both roles, no socket; messages come from the
/// transport and go out through it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/connection/channel_request.h"
#include "protocol/connection/channel_types.h"
#include "protocol/transport/transport.h"

namespace gatehouse::connection {

/// Our number of a channel. Used again after the channel is closed.
enum class ChannelId : std::uint32_t {};

inline constexpr std::uint32_t initial_window = 2 * 1024 * 1024;
inline constexpr std::uint32_t maximum_packet = 32 * 1024;
/// extended data type of RFC 4254 section 5.2
inline constexpr std::uint32_t stderr_data = 1;

enum class OpenFailure : std::uint32_t {  // RFC 4254 section 5.1
  administratively_prohibited = 1,
  connect_failed = 2,
  unknown_channel_type = 3,
  resource_shortage = 4,
};

struct Settings {
  std::uint32_t window = initial_window;  ///< ours, of a new channel
  std::uint32_t maximum_packet = connection::maximum_packet;
  std::size_t max_channels = 256;   ///< open or being opened; the peer's opens above it are refused here
  std::size_t max_unanswered = 64;  ///< of the peer's requests that want a reply, per channel and global
};

// ---- events -----------------------------------------------------------------------------------------------------------------------

/// The peer opens a channel. Answer with confirm_open() or refuse_open(); nothing comes on the channel before.
struct ChannelOpenRequested {
  ChannelId channel;
  ChannelType type;
};
/// Our open() was confirmed.
struct ChannelOpened {
  ChannelId channel;
};
/// Our open() was refused; the id is free.
struct ChannelOpenRefused {
  ChannelId channel;
  std::uint32_t reason;
  std::string text;  ///< escaped
};
/// The view is good until the transport's next call of next(). Say consumed() when the octets have left our memory: only then the peer
/// may send more.
struct DataReceived {
  ChannelId channel;
  Bytes data;
};
/// Only stderr_data, and only at a client; other types are credited and dropped here.
struct ExtendedDataReceived {
  ChannelId channel;
  std::uint32_t type;
  Bytes data;
};
/// The peer takes more: room() has grown from 0.
struct WindowOpened {
  ChannelId channel;
};
/// The peer sends no more data.
struct EofReceived {
  ChannelId channel;
};
/// Both sides have sent CLOSE (ours was sent for you if need be); the id is free.
struct ChannelClosed {
  ChannelId channel;
};
/// Answer with reply() when want_reply; in the order they came.
struct ChannelRequested {
  ChannelId channel;
  ChannelRequest request;
  bool want_reply;
};
/// The answer to our oldest request on the channel that wanted one.
struct ChannelRequestAnswered {
  ChannelId channel;
  bool success;
};
/// Answer with reply_global() when want_reply; in the order they came.
struct GlobalRequested {
  GlobalRequest request;
  bool want_reply;
};
/// The answer to our oldest global request that wanted one.
struct GlobalRequestAnswered {
  bool success;
  ByteVector data;
};
using Event =
    std::variant<DataReceived, ExtendedDataReceived, WindowOpened, EofReceived, ChannelClosed, ChannelOpenRequested, ChannelOpened,
                 ChannelOpenRefused, ChannelRequested, ChannelRequestAnswered, GlobalRequested, GlobalRequestAnswered>;

// ---- the layer --------------------------------------------------------------------------------------------------------------------

/// Calls with an id that is not open (any more), or out of turn, are bugs of ours: they do nothing and return false or 0, so that a close
/// that crossed with a write harms nobody.
class Connection {
 public:
  /// @param transport  outlives this; authentication has succeeded, or will before the first message comes
  explicit Connection(transport::Transport& transport, Settings settings = {});
  Connection(Connection&&) noexcept;
  ~Connection();

  /// Each message that the transport gives out after authentication. At most one event each. Messages without a meaning here are answered
  /// with UNIMPLEMENTED.
  /// @error the violation, after transport.fail(): an unknown channel, data past the window or the maximum packet, a window past 2^32 - 1,
  /// data after EOF, anything after CLOSE, malformed, too many unanswered requests
  ProtocolResult<std::optional<Event>> receive(const transport::PayloadReceived& message);

  // -- opening and closing

  /// @return nothing when max_channels are open
  std::optional<ChannelId> open(const ChannelType& type);
  bool confirm_open(ChannelId channel);
  bool refuse_open(ChannelId channel, OpenFailure reason, std::string_view text);
  bool send_eof(ChannelId channel);
  /// Sends CLOSE. Until the peer's CLOSE what it sends is dropped; then ChannelClosed comes.
  bool close(ChannelId channel);
  bool is_open(ChannelId channel) const;
  std::size_t channel_count() const;

  // -- sending

  /// How many octets of data may be given to write() now: the peer's window, and the transport's send_room(). 0 also after our EOF or
  /// CLOSE.
  std::size_t room(ChannelId channel) const;
  /// The peer's window alone: octets that it would take if the socket did.
  std::uint64_t window(ChannelId channel) const;
  /// Sends at most room() octets in packets of the peer's maximum. @return how many were taken
  std::size_t write(ChannelId channel, Bytes data);
  /// The same as CHANNEL_EXTENDED_DATA of type stderr_data.
  std::size_t write_stderr(ChannelId channel, Bytes data);
  /// Without a copy: room for one packet's data, at most `at_most` (0 octets when room() is 0). Fill it, then finish_data() with how many
  /// octets count (0: nothing is sent). No other call in between.
  std::span<std::uint8_t> start_data(ChannelId channel, std::size_t at_most);
  void finish_data(ChannelId channel, std::size_t octets);

  // -- receiving

  /// `octets` of received data have been passed on; sends WINDOW_ADJUST in large steps.
  void consumed(ChannelId channel, std::size_t octets);
  /// Lets our window grow to `size` (never shrinks); for links with a large bandwidth-delay product.
  void grow_window(ChannelId channel, std::uint32_t size);

  // -- requests

  bool request(ChannelId channel, const ChannelRequest& request, bool want_reply);
  /// Answers the oldest request of the peer on the channel that wanted a reply.
  bool reply(ChannelId channel, bool success);
  void request_global(const GlobalRequest& request, bool want_reply);
  /// @param data  request-specific, only with success
  bool reply_global(bool success, Bytes data = {});
  /// Ours that the peer has not answered.
  std::size_t unanswered_global() const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace gatehouse::connection
