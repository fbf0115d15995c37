#include "protocol/transport/messages.h"

#include "protocol/core/wire.h"

namespace gatehouse::transport {

namespace {

WireWriter start(Message number) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(number));
  return writer;
}

}  // namespace

ProtocolResult<Disconnect> parse_disconnect(Bytes payload) {
  WireReader reader(payload);
  reader.byte();
  Disconnect disconnect;
  disconnect.reason = reader.uint32();
  disconnect.text = reader.text();
  if (reader.more()) reader.text();  // the language tag, which some leave out
  if (!reader.finish()) return violation(Violation::bad_encoding, "DISCONNECT");
  return disconnect;
}

ByteVector write_disconnect(DisconnectReason reason, std::string_view text) {
  return start(Message::disconnect).uint32(static_cast<std::uint32_t>(reason)).string(text.substr(0, 1024)).string("").take();
}

ByteVector write_ignore(Bytes data) { return start(Message::ignore).string(data).take(); }

ByteVector write_unimplemented(std::uint32_t sequence_number) { return start(Message::unimplemented).uint32(sequence_number).take(); }

ProtocolResult<Bytes> parse_ping(Bytes payload) {
  WireReader reader(payload);
  reader.byte();
  const Bytes data = reader.string();
  if (!reader.finish()) return violation(Violation::bad_encoding, "PING");
  return data;
}

ByteVector write_ping(Bytes data) { return start(Message::ping).string(data).take(); }
ByteVector write_pong(Bytes data) { return start(Message::pong).string(data).take(); }

}  // namespace gatehouse::transport
