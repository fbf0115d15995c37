#include "protocol/transport/transport.h"

#include <algorithm>
#include <cstring>

#include "protocol/core/wire.h"
#include "protocol/crypto/random.h"
#include "protocol/transport/messages.h"
#include "protocol/transport/transport_content.h"

namespace gatehouse::transport {

// ---- sending ----------------------------------------------------------------------------------------------------------------------

std::span<std::uint8_t> Transport::Content::start_payload(std::size_t at_most) {
  if (closed || must_hold()) {
    filling = Filling::held;
    return held.space(4 + at_most).subspan(4, at_most);
  }
  filling = Filling::packet;
  return writer.start(output, at_most);
}

void Transport::Content::finish_payload(std::size_t octets) {
  const Filling filled = std::exchange(filling, Filling::nothing);
  if (closed || octets == 0 || filled == Filling::nothing) return;
  if (filled == Filling::held) {
    const std::span<std::uint8_t> length = held.space(4 + octets).first(4);
    for (unsigned i = 0; i < 4; ++i) length[i] = static_cast<std::uint8_t>(octets >> (24 - 8 * i));
    held.add(4 + octets);
  } else if (writer.exhausted()) {
    fail_and_tell({Violation::sequence_wrap, "2^32 packets sent under one key"});
  } else {
    writer.finish(output, octets);
    rekey_if_due();
  }
  check_output();
}

void Transport::Content::send(Bytes payload) {
  if (closed || payload.empty()) return;
  std::memcpy(start_payload(payload.size()).data(), payload.data(), payload.size());
  finish_payload(payload.size());
}

/// A message that is part of a key exchange, or a DISCONNECT: nothing holds it back.
void Transport::Content::write_now(Bytes payload) {
  if (!writer.exhausted()) writer.write(output, payload);
}

void Transport::Content::flush_held() {
  WireReader messages(held.view());
  while (messages.more()) write_now(messages.string());
  held.release();
}

void Transport::Content::check_output() {
  if (output.size() > output_hard_limit || held.size() > held_limit) {
    fail_and_tell({Violation::too_much_output, "output that the peer does not take"});
  }
}

// ---- key exchange -----------------------------------------------------------------------------------------------------------------

std::uint64_t Transport::Content::byte_limit(const crypto::PacketCipher& cipher) const {
  if (settings.rekey.bytes != 0) return settings.rekey.bytes;
  // RFC 4344 section 3.2: 2^(L/4) blocks of L bits; for blocks of 8 octets a gigabyte, as RFC 4253 section 9 recommends.
  return crypto::cipher_block_size(cipher.cipher()) >= 16 ? std::uint64_t{1} << 36 : std::uint64_t{1} << 30;
}

void Transport::Content::rekey_if_due() {
  if (closed || !keyed || !peer_keyed || !kex.idle()) return;
  const auto due = [&](const crypto::PacketCipher& cipher, const KeyUse& use) {
    return use.bytes >= byte_limit(cipher) || use.packets >= settings.rekey.packets;
  };
  if (due(writer.cipher(), writer.use()) || due(reader.cipher(), reader.use())) begin_key_exchange();
}

std::optional<Cookie> Transport::Content::next_cookie() const {
  if (cookie || settings.role == Role::server) return cookie;
  Cookie drawn;
  crypto::random_fill(drawn);
  return drawn;
}

void Transport::Content::begin_key_exchange() {
  if (auto begun = drive(kex_event::Wanted{next_cookie()}); !begun) fail_and_tell(std::move(begun.error()));
}

template <class KexEvent>
ProtocolResult<void> Transport::Content::drive(const KexEvent& event) {
  auto actions = kex.feed(context(), event);
  if (!actions) return tl::unexpected(std::move(actions.error()));
  return act(std::move(*actions));
}
template ProtocolResult<void> Transport::Content::drive(const kex_event::KexInitReceived&);
template ProtocolResult<void> Transport::Content::drive(const kex_event::InitReceived&);
template ProtocolResult<void> Transport::Content::drive(const kex_event::ReplyReceived&);
template ProtocolResult<void> Transport::Content::drive(const kex_event::NewKeysReceived&);

namespace {

ExtInfo our_extensions(const Settings& settings) {
  ExtInfo ours;
  if (settings.role == Role::client) {
    ours.ext_info_in_auth = true;
  } else {
    ours.server_sig_algs = settings.server_sig_algs;
    ours.publickey_hostbound = true;
    ours.ping = true;
  }
  return ours;
}

}  // namespace

/// What a step of the key exchange asks of the transport, one overload each.
struct Transport::Content::Act {
  Content& to;

  ProtocolResult<void> operator()(kex_action::SendMessage& action) {
    to.write_now(action.payload);
    return {};
  }
  ProtocolResult<void> operator()(kex_action::CookieUsed&) {
    to.cookie.reset();
    to.received_since_our_kexinit = 0;
    return {};
  }
  ProtocolResult<void> operator()(kex_action::AskForCookie&) {
    to.ready.emplace_back(CookieNeeded{});
    return {};
  }
  ProtocolResult<void> operator()(kex_action::LearnMarkers& action) {
    to.strict = action.strict;
    to.peer_takes_ext_info = action.peer_takes_ext_info;
    if (to.strict && to.peer_kexinit_sequence_number != 0) {
      return violation(Violation::strict_kex, "the first packet was not KEXINIT");
    }
    return {};
  }
  ProtocolResult<void> operator()(kex_action::AskForHash& action) {
    to.ready.emplace_back(ExchangeHashNeeded{action.method, std::move(action.host_key_algorithm), std::move(action.inputs)});
    return {};
  }
  ProtocolResult<void> operator()(kex_action::OfferHostKey& action) {
    if (!to.host_key.empty() && equal(action.blob, to.host_key)) return to.drive(kex_event::HostKeyAccepted{});
    to.ready.emplace_back(HostKeyOffered{std::move(action.algorithm), std::move(action.blob)});
    return {};
  }
  ProtocolResult<void> operator()(kex_action::LearnSessionId& action) {
    to.session_id = std::move(action.session_id);
    return {};
  }
  ProtocolResult<void> operator()(kex_action::InstallOutbound& action) {
    auto cipher = crypto::PacketCipher::make(crypto::Operation::seal, std::move(action.keys));
    if (!cipher) return violation(Violation::crypto_failed, cipher.error().detail);
    to.writer.install(std::move(*cipher), to.strict);
    if (!to.keyed) {
      to.keyed = true;
      if (to.peer_takes_ext_info) to.write_now(write_ext_info(our_extensions(to.settings)));
    }
    to.flush_held();
    return {};
  }
  ProtocolResult<void> operator()(kex_action::InstallInbound& action) {
    auto cipher = crypto::PacketCipher::make(crypto::Operation::open, std::move(action.keys));
    if (!cipher) return violation(Violation::crypto_failed, cipher.error().detail);
    to.reader.install(std::move(*cipher), to.strict);
    if (!to.peer_keyed) to.peer_keyed = to.ext_info_may_come = true;
    return {};
  }
  ProtocolResult<void> operator()(kex_action::Finished& action) {
    const bool first = to.initial_host_key.empty();
    to.negotiated = std::move(action.outcome.algorithms);
    to.host_key = std::move(action.outcome.host_key);
    if (first) to.initial_host_key = to.host_key;
    to.ready.emplace_back(KeysInstalled{first});
    return {};
  }
};

ProtocolResult<void> Transport::Content::act(KexActions actions) {
  for (KexAction& action : actions) {
    if (auto done = std::visit(Act{*this}, action); !done) return done;
  }
  return {};
}

// ---- the end ----------------------------------------------------------------------------------------------------------------------

void Transport::Content::close() {
  closed = true;
  kex.broken();
  held.release();
  ready.clear();  // the input stays: a payload of it may still be looked at
}

void Transport::Content::fail(const ProtocolError& why) {
  if (closed) return;
  const Rule broken = rule(why.violation);
  if (identified) write_now(write_disconnect(broken.reason, broken.text));  // who did not identify itself would not understand it
  close();
}

void Transport::Content::fail_and_tell(ProtocolError why) {
  if (closed) return;
  fail(why);
  error = std::move(why);
}

// ---- the interface ----------------------------------------------------------------------------------------------------------------

Transport::Transport(Settings settings) : content_(std::make_unique<Content>(std::move(settings))) {
  Content& c = *content_;
  c.our_line = c.settings.identification;
  if (!c.settings.identification_sent) {
    c.output.append(as_bytes(c.our_line));
    c.output.append(as_bytes("\r\n"));
  }
  c.begin_key_exchange();
}

Transport::Transport(std::unique_ptr<Content> content) : content_(std::move(content)) {}
Transport::Transport(Transport&&) noexcept = default;
Transport& Transport::operator=(Transport&&) noexcept = default;
Transport::~Transport() = default;

bool Transport::wants_input() const {
  const Content& c = *content_;
  return !c.closed && !c.kex.answer_owed() && c.output.size() < output_stop_limit && c.input.size() < input_limit;
}

std::span<std::uint8_t> Transport::input_space() {
  content_->reader.release(content_->input);
  return content_->input.space(read_size);
}

void Transport::input_received(std::size_t octets) {
  if (!content_->closed) content_->input.add(octets);
}

void Transport::feed(Bytes octets) {
  content_->reader.release(content_->input);
  if (!content_->closed) content_->input.append(octets);
}

ProtocolResult<std::optional<Event>> Transport::next() {
  Content& c = *content_;
  if (!c.ready.empty()) {
    Event first = std::move(c.ready.front());
    c.ready.pop_front();
    return first;
  }
  if (c.error) return tl::unexpected(*std::exchange(c.error, std::nullopt));
  auto event = c.next_from_input();
  if (!event) c.fail(event.error());
  if (event && c.error) return tl::unexpected(*std::exchange(c.error, std::nullopt));
  return event;
}

bool Transport::closed() const { return content_->closed; }

void Transport::provide_cookie(const Cookie& cookie) {
  Content& c = *content_;
  if (c.closed) return;
  if (!c.kex.cookie_wanted()) {
    c.cookie = cookie;
    return;
  }
  std::erase_if(c.ready, [](const Event& event) { return std::holds_alternative<CookieNeeded>(event); });
  if (auto done = c.drive(kex_event::CookieProvided{cookie}); !done) c.fail_and_tell(std::move(done.error()));
}

ProtocolResult<void> Transport::provide_exchange_hash_and_signature(Bytes hash, Bytes signature_blob) {
  auto done = content_->drive(kex_event::HashSigned{hash, signature_blob});
  if (!done) content_->fail(done.error());
  return done;
}

ProtocolResult<void> Transport::accept_host_key() {
  auto done = content_->drive(kex_event::HostKeyAccepted{});
  if (!done) content_->fail(done.error());
  return done;
}

void Transport::reject_host_key() { content_->fail({Violation::host_key_rejected, {}}); }

Bytes Transport::output() const { return std::as_const(content_->output).view(); }

void Transport::output_sent(std::size_t octets) {
  OctetQueue& output = content_->output;
  output.drop(octets);
  if (output.empty() && output.capacity() > output_stop_limit) output.release();
}

ByteVector Transport::take_output() {
  ByteVector octets = to_vector(output());
  output_sent(octets.size());
  return octets;
}

void Transport::send(Bytes payload) { content_->send(payload); }
std::span<std::uint8_t> Transport::start_payload(std::size_t at_most) { return content_->start_payload(at_most); }
void Transport::finish_payload(std::size_t octets) { content_->finish_payload(octets); }

std::size_t Transport::send_room() const {
  const Content& c = *content_;
  if (c.closed || c.must_hold() || c.output.size() >= output_soft_limit) return 0;
  return output_soft_limit - c.output.size();
}

void Transport::reply_unimplemented(std::uint32_t sequence_number) { send(write_unimplemented(sequence_number)); }

void Transport::send_ignore(std::size_t size) {
  if (!content_->must_hold()) send(write_ignore(ByteVector(size)));
}

void Transport::send_ping(Bytes data) {
  if (!content_->must_hold()) send(write_ping(data.first(std::min<std::size_t>(data.size(), 256))));
}

bool Transport::send_ext_info(const ExtInfo& ext_info) {
  const bool may = role() == Role::server && content_->peer_extensions.ext_info_in_auth && !content_->authenticated;
  if (may) send(write_ext_info(ext_info));
  return may;
}

void Transport::request_rekey() {
  Content& c = *content_;
  if (!c.closed && c.keyed && c.peer_keyed && c.kex.idle()) c.begin_key_exchange();
}

void Transport::authentication_succeeded() { content_->authenticated = true; }

void Transport::disconnect(DisconnectReason reason, std::string_view text) {
  Content& c = *content_;
  if (c.closed) return;
  if (c.identified) c.write_now(write_disconnect(reason, text));
  c.close();
}

void Transport::fail(const ProtocolError& error) { content_->fail(error); }

Role Transport::role() const { return content_->settings.role; }
const std::string& Transport::our_identification_line() const { return content_->our_line; }
const std::string& Transport::peer_identification() const { return content_->peer_line; }
Bytes Transport::session_id() const { return content_->session_id; }
Bytes Transport::host_key() const { return content_->host_key; }
Bytes Transport::initial_host_key() const { return content_->initial_host_key; }
const Negotiated& Transport::negotiated() const { return content_->negotiated; }
bool Transport::strict_kex() const { return content_->strict; }
bool Transport::key_exchange_under_way() const {
  return !content_->keyed || !content_->peer_keyed || content_->kex.peer_in_exchange() || content_->kex.we_in_exchange();
}
const ExtInfo& Transport::peer_extensions() const { return content_->peer_extensions; }

}  // namespace gatehouse::transport
