#include "sshd/messages/preauth.h"

#include <algorithm>

#include "sshd/messages/frame_fields.h"

namespace gatehouse::sshd::message {
namespace {

constexpr std::size_t max_user = 255;
constexpr std::size_t max_word = 64;
constexpr std::size_t max_detail = 1024;
constexpr std::size_t max_banner = 64 * 1024;
constexpr std::size_t max_algorithms = 64;

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// Fit for one line of a log: no control characters. Whoever wrote it has escaped what the peer chose.
bool is_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

ProtocolResult<SelectUser> parse_select_user(Bytes frame) {
  FrameReader reader(frame, Kind::select_user);
  std::string user = reader.text(max_user);
  return finish(reader, SelectUser{std::move(user)}, "select_user");
}

ProtocolResult<Authenticate> parse_authenticate(Bytes frame) {
  FrameReader reader(frame, Kind::authenticate);
  const Bytes rest = reader.rest();
  if (auto error = reader.error("authenticate")) return tl::unexpected(std::move(*error));
  auto request = authorizer::parse_authenticate(rest);
  if (!request) return tl::unexpected(std::move(request.error()));
  // What only the monitor may say must not come from here.
  if (request->account_exists || !request->groups.empty() || request->principals_file) {
    return violation(Violation::bad_encoding, "internal message authenticate: fields of the monitor are set");
  }
  return Authenticate{std::move(*request)};
}

ProtocolResult<AttemptFailed> parse_attempt_failed(Bytes frame) {
  FrameReader reader(frame, Kind::attempt_failed);
  std::string reason = reader.text(max_word);
  reader.require(is_word(reason));
  std::string detail = reader.text(max_detail);
  reader.require(is_line(detail));
  return finish(reader, AttemptFailed{std::move(reason), std::move(detail)}, "attempt_failed");
}

ProtocolResult<PeerFacts> parse_peer_facts(Bytes frame) {
  FrameReader reader(frame, Kind::peer_facts);
  PeerFacts facts;
  facts.identification = reader.text(max_detail);
  facts.kex = reader.text(max_word);
  facts.cipher = reader.text(max_word);
  facts.mac = reader.text(max_word);
  facts.key_exchange_finished = reader.boolean();
  facts.ended = reader.text(max_detail);
  for (const std::string* text : {&facts.identification, &facts.kex, &facts.cipher, &facts.mac, &facts.ended})
    reader.require(is_line(*text));
  return finish(reader, std::move(facts), "peer_facts");
}

template <class T>
ProtocolResult<PreauthRequest> as_request(ProtocolResult<T> parsed) {
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  return PreauthRequest(std::move(*parsed));
}

std::string_view cut(std::string_view text, std::size_t at_most) { return text.substr(0, at_most); }

}  // namespace

ByteVector write(const SelectUser& message) { return begin(Kind::select_user).string(message.user).take(); }

ByteVector write(const Authenticate& message) { return begin(Kind::authenticate).raw(authorizer::write(message.request)).take(); }

ByteVector write(const AttemptFailed& message) {
  return begin(Kind::attempt_failed).string(message.reason).string(cut(message.detail, max_detail)).take();
}

ByteVector write(const PeerFacts& message) {
  return begin(Kind::peer_facts)
      .string(cut(message.identification, max_detail))
      .string(message.kex)
      .string(message.cipher)
      .string(message.mac)
      .boolean(message.key_exchange_finished)
      .string(cut(message.ended, max_detail))
      .take();
}

ByteVector write(const UserSettings& message) {
  WireWriter writer = begin(Kind::user_settings);
  writer.uint32(static_cast<std::uint32_t>(message.accepted_algorithms.size()));
  for (const std::string& name : message.accepted_algorithms) writer.string(name);
  return writer.uint32(message.max_tries).string(cut(message.banner, max_banner)).take();
}

ByteVector write(const Answer& message) { return begin(Kind::answer).byte(static_cast<std::uint8_t>(message.word)).take(); }

ProtocolResult<PreauthRequest> parse_preauth_request(Bytes frame) {
  switch (kind_of(frame).value_or(Kind::denied)) {
    case Kind::next_cookie:
      return as_request(parse_next_cookie(frame));
    case Kind::sign_exchange:
      return as_request(parse_sign_exchange(frame));
    case Kind::note:
      return as_request(parse_note(frame));
    case Kind::select_user:
      return as_request(parse_select_user(frame));
    case Kind::authenticate:
      return as_request(parse_authenticate(frame));
    case Kind::attempt_failed:
      return as_request(parse_attempt_failed(frame));
    case Kind::peer_facts:
      return as_request(parse_peer_facts(frame));
    default:
      return violation(Violation::bad_encoding, "internal message: not for the monitor of a preauth process");
  }
}

ProtocolResult<UserSettings> parse_user_settings(Bytes frame) {
  FrameReader reader(frame, Kind::user_settings);
  UserSettings settings;
  const std::uint32_t count = reader.uint32();
  reader.require(count <= max_algorithms);
  for (std::uint32_t i = 0; i < count && i < max_algorithms; ++i) settings.accepted_algorithms.push_back(reader.text(max_word));
  settings.max_tries = reader.uint32();
  settings.banner = reader.text(max_banner);
  return finish(reader, std::move(settings), "user_settings");
}

ProtocolResult<Answer> parse_answer(Bytes frame) {
  FrameReader reader(frame, Kind::answer);
  const std::uint8_t word = reader.byte();
  reader.require(word <= static_cast<std::uint8_t>(Answer::Word::granted));
  return finish(reader, Answer{static_cast<Answer::Word>(word)}, "answer");
}

}  // namespace gatehouse::sshd::message
