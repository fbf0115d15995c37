#include "sshd/messages/session.h"

#include "sshd/messages/frame_fields.h"

namespace gatehouse::sshd::message {
namespace {

constexpr std::size_t max_path = 255;
constexpr std::size_t max_host = 255;
constexpr std::size_t max_notice = 1024;
constexpr std::size_t max_operation = 32;

ProtocolResult<OpenTerminal> parse_open_terminal(Bytes frame) {
  FrameReader reader(frame, Kind::open_terminal);
  const std::uint32_t channel = reader.uint32();
  return finish(reader, OpenTerminal{channel}, "open_terminal");
}

ProtocolResult<CloseTerminal> parse_close_terminal(Bytes frame) {
  FrameReader reader(frame, Kind::close_terminal);
  const std::uint32_t channel = reader.uint32();
  return finish(reader, CloseTerminal{channel}, "close_terminal");
}

ProtocolResult<ProgramStarted> parse_program_started(Bytes frame) {
  FrameReader reader(frame, Kind::program_started);
  ProgramStarted started;
  started.channel = reader.uint32();
  const std::uint8_t kind = reader.byte();
  reader.require(kind <= static_cast<std::uint8_t>(ProgramStarted::Kind::subsystem));
  started.kind = static_cast<ProgramStarted::Kind>(kind);
  started.command = reader.text(ProgramStarted::max_command);
  started.forced = reader.boolean();
  started.terminal = reader.boolean();
  started.pid = reader.uint32();
  return finish(reader, std::move(started), "program_started");
}

ProtocolResult<ProgramEnded> parse_program_ended(Bytes frame) {
  FrameReader reader(frame, Kind::program_ended);
  ProgramEnded ended;
  ended.channel = reader.uint32();
  ended.by_signal = reader.boolean();
  ended.code = reader.uint32();
  ended.octets_in = reader.uint64();
  ended.octets_out = reader.uint64();
  return finish(reader, std::move(ended), "program_ended");
}

ProtocolResult<SftpOperation> parse_sftp_operation(Bytes frame) {
  FrameReader reader(frame, Kind::sftp_operation);
  SftpOperation fact;
  fact.channel = reader.uint32();
  fact.operation = reader.text(max_operation);
  fact.path = reader.text(SftpOperation::max_path);
  fact.other_path = reader.text(SftpOperation::max_path);
  fact.for_writing = reader.boolean();
  fact.octets_read = reader.uint64();
  fact.octets_written = reader.uint64();
  fact.error = reader.uint32();
  return finish(reader, std::move(fact), "sftp_operation");
}

template <class T>
ProtocolResult<SessionRequest> as_request(ProtocolResult<T> parsed) {
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  return SessionRequest(std::move(*parsed));
}

}  // namespace

ByteVector write(const OpenTerminal& message) { return begin(Kind::open_terminal).uint32(message.channel).take(); }

ByteVector write(const CloseTerminal& message) { return begin(Kind::close_terminal).uint32(message.channel).take(); }

ByteVector write(const ProgramStarted& message) {
  return begin(Kind::program_started)
      .uint32(message.channel)
      .byte(static_cast<std::uint8_t>(message.kind))
      .string(std::string_view(message.command).substr(0, ProgramStarted::max_command))
      .boolean(message.forced)
      .boolean(message.terminal)
      .uint32(message.pid)
      .take();
}

ByteVector write(const ProgramEnded& message) {
  return begin(Kind::program_ended)
      .uint32(message.channel)
      .boolean(message.by_signal)
      .uint32(message.code)
      .uint64(message.octets_in)
      .uint64(message.octets_out)
      .take();
}

ByteVector write(const Terminal& message) {
  WireWriter writer = begin(Kind::terminal);
  writer.string(message.path).boolean(message.last_login.has_value());
  if (message.last_login) writer.uint64(message.last_login->time).string(message.last_login->host);
  return writer.take();
}

ByteVector write(const SftpOperation& message) {
  return begin(Kind::sftp_operation)
      .uint32(message.channel)
      .string(std::string_view(message.operation).substr(0, max_operation))
      .string(std::string_view(message.path).substr(0, SftpOperation::max_path))
      .string(std::string_view(message.other_path).substr(0, SftpOperation::max_path))
      .boolean(message.for_writing)
      .uint64(message.octets_read)
      .uint64(message.octets_written)
      .uint32(message.error)
      .take();
}

ByteVector write(const Warn& message) { return begin(Kind::warn).string(std::string_view(message.text).substr(0, max_notice)).take(); }

ByteVector write(const Close& message) { return begin(Kind::close).string(std::string_view(message.text).substr(0, max_notice)).take(); }

ProtocolResult<SessionRequest> parse_session_request(Bytes frame) {
  switch (kind_of(frame).value_or(Kind::denied)) {
    case Kind::next_cookie:
      return as_request(parse_next_cookie(frame));
    case Kind::sign_exchange:
      return as_request(parse_sign_exchange(frame));
    case Kind::note:
      return as_request(parse_note(frame));
    case Kind::open_terminal:
      return as_request(parse_open_terminal(frame));
    case Kind::close_terminal:
      return as_request(parse_close_terminal(frame));
    case Kind::program_started:
      return as_request(parse_program_started(frame));
    case Kind::program_ended:
      return as_request(parse_program_ended(frame));
    case Kind::sftp_operation:
      return as_request(parse_sftp_operation(frame));
    default:
      return violation(Violation::bad_encoding, "internal message: not for the monitor of a session process");
  }
}

ProtocolResult<Terminal> parse_terminal(Bytes frame) {
  FrameReader reader(frame, Kind::terminal);
  Terminal terminal;
  terminal.path = reader.text(max_path);
  if (reader.boolean()) {
    Terminal::LastLogin last;
    last.time = reader.uint64();
    last.host = reader.text(max_host);
    terminal.last_login = std::move(last);
  }
  return finish(reader, std::move(terminal), "terminal");
}

ProtocolResult<Notice> parse_notice(Bytes frame) {
  const bool closes = kind_of(frame) == Kind::close;
  FrameReader reader(frame, closes ? Kind::close : Kind::warn);
  std::string text = reader.text(max_notice);
  if (auto error = reader.error("notice")) return tl::unexpected(std::move(*error));
  if (closes) return Notice(Close{std::move(text)});
  return Notice(Warn{std::move(text)});
}

}  // namespace gatehouse::sshd::message
