#include "sshd/messages/key_exchange.h"

#include <algorithm>
#include <cstring>

#include "sshd/messages/frame_fields.h"

namespace gatehouse::sshd::message {
namespace {

constexpr std::size_t max_algorithm_name = 64;
constexpr std::size_t max_hash = 64;
constexpr std::size_t max_signature = 4096;

}  // namespace

std::optional<Kind> kind_of(Bytes frame) {
  if (frame.empty()) return std::nullopt;
  return static_cast<Kind>(frame[0]);
}

ByteVector write(const NextCookie&) { return begin(Kind::next_cookie).take(); }

SecretBytes write(const SignExchange& message) {
  const SecretBytes inputs = authorizer::write(message.inputs);
  const ByteVector head = begin(Kind::sign_exchange).string(message.host_key_algorithm).take();
  SecretBytes frame(head.size() + inputs.size());  // built in one piece, so that no copy of K is left behind by a growing buffer
  std::copy(head.begin(), head.end(), frame.fill().begin());
  const Bytes from = inputs.reveal();
  std::copy(from.begin(), from.end(), frame.fill().begin() + static_cast<std::ptrdiff_t>(head.size()));
  return frame;
}

ByteVector write(const Note& message) {
  return begin(Kind::note)
      .byte(static_cast<std::uint8_t>(message.level))
      .string(std::string_view(message.text).substr(0, Note::max_text))
      .take();
}

ByteVector write(const Cookie& message) { return begin(Kind::cookie).string(message.octets).take(); }

ByteVector write(const SignedExchange& message) {
  return begin(Kind::signed_exchange).string(message.hash).string(message.signature).take();
}

ByteVector write(const Denied&) { return begin(Kind::denied).take(); }

ProtocolResult<NextCookie> parse_next_cookie(Bytes frame) {
  const FrameReader reader(frame, Kind::next_cookie);
  return finish(reader, NextCookie{}, "next_cookie");
}

ProtocolResult<SignExchange> parse_sign_exchange(Bytes frame) {
  FrameReader reader(frame, Kind::sign_exchange);
  std::string algorithm = reader.text(max_algorithm_name);
  const Bytes rest = reader.rest();
  if (auto error = reader.error("sign_exchange")) return tl::unexpected(std::move(*error));
  auto inputs = authorizer::parse_exchange_hash(rest);
  if (!inputs) return tl::unexpected(std::move(inputs.error()));
  return SignExchange{std::move(algorithm), std::move(*inputs)};
}

ProtocolResult<Note> parse_note(Bytes frame) {
  FrameReader reader(frame, Kind::note);
  const std::uint8_t level = reader.byte();
  reader.require(level <= static_cast<std::uint8_t>(Note::Level::warning));
  std::string text = reader.text(Note::max_text);
  return finish(reader, Note{static_cast<Note::Level>(level), std::move(text)}, "note");
}

ProtocolResult<Cookie> parse_cookie(Bytes frame) {
  FrameReader reader(frame, Kind::cookie);
  ByteVector octets = reader.octets(authorizer::cookie_size);
  reader.require(octets.size() == authorizer::cookie_size);
  return finish(reader, Cookie{std::move(octets)}, "cookie");
}

ProtocolResult<SignedExchange> parse_signed_exchange(Bytes frame) {
  FrameReader reader(frame, Kind::signed_exchange);
  ByteVector hash = reader.octets(max_hash);
  ByteVector signature = reader.octets(max_signature);
  return finish(reader, SignedExchange{std::move(hash), std::move(signature)}, "signed_exchange");
}

SignExchange sign_exchange_for(transport::ExchangeHashNeeded needed) {
  SignExchange request;
  request.host_key_algorithm = needed.host_key_algorithm;
  request.inputs.method = std::string(crypto::kex_method_name(needed.method));
  request.inputs.client_version = std::move(needed.inputs.client_identification);
  request.inputs.server_version = std::move(needed.inputs.server_identification);
  request.inputs.client_kexinit = std::move(needed.inputs.client_kexinit);
  request.inputs.server_kexinit = std::move(needed.inputs.server_kexinit);
  request.inputs.host_key = std::move(needed.inputs.host_key);
  request.inputs.client_public = std::move(needed.inputs.client_share);
  request.inputs.server_public = std::move(needed.inputs.server_share);
  request.inputs.shared_secret = std::move(needed.inputs.shared_secret);
  return request;
}

}  // namespace gatehouse::sshd::message
