#include "sshd/authorizer/conversation.h"

#include <algorithm>
#include <utility>

#include "daemon/log.h"
#include "protocol/core/numbers.h"
#include "protocol/transport/exchange_hash.h"
#include "sshd/authorizer/decision.h"

namespace gatehouse::sshd::authorizer {

namespace {

/// Queries and attempts of one connection, whatever the monitor lets through: a guard against work for nothing.
constexpr std::uint32_t most_requests = 1024;

/// RFC 4253 section 7.1: byte SSH_MSG_KEXINIT, then byte[16] cookie.
bool carries_cookie(Bytes kexinit, Bytes cookie) {
  return kexinit.size() > cookie.size() && kexinit[0] == static_cast<std::uint8_t>(Message::kexinit) &&
         equal(kexinit.subspan(1, cookie.size()), cookie);
}

/// Renewals of certificates that are remembered, for all host keys together.
constexpr std::size_t most_known_keys = 256;

/// The plain key behind a K_S that the monitor kept: the key itself, or the certificate's subject.
std::optional<ByteVector> plain_key_of(Bytes k_s) {
  if (const auto key = keys::PublicKey::parse(k_s)) return to_vector(key->blob());
  if (const auto certificate = keys::Certificate::parse(k_s)) return to_vector(certificate->subject().blob());
  return std::nullopt;
}

}  // namespace

void HostKeys::add(const Setup& setup) {
  const auto remember = [this](const ByteVector& k_s, const ByteVector& key) {
    const auto same = std::find_if(known_.begin(), known_.end(), [&k_s](const Known& each) { return each.k_s == k_s; });
    if (same != known_.end()) known_.erase(same);
    known_.push_front({k_s, key});
  };
  for (const HostKey& each : setup.host_keys) {
    remember(each.key, each.key);
    for (const ByteVector& certificate : each.certificates) remember(certificate, each.key);
  }
  if (known_.size() > most_known_keys) known_.resize(most_known_keys);
}

std::optional<ByteVector> HostKeys::signing_key(Bytes k_s) const {
  const auto found = std::find_if(known_.begin(), known_.end(), [k_s](const Known& each) { return equal(each.k_s, k_s); });
  if (found == known_.end()) return std::nullopt;
  return found->key;
}

ByteVector Conversation::refused(std::string detail) const {
  log::warning("connection {}: request refused: {}", facts_.connection_id, detail);
  return write(Refused{std::move(detail)});
}

std::optional<ByteVector> Conversation::answer(Server& server, Bytes frame, std::uint64_t now) {
  const auto kind = kind_of(frame);
  if (state_ == State::greeting) {
    const auto hello = parse_hello(frame);
    // The answer names our version also when it is another: whoever asks can say so.
    if (!hello) return std::nullopt;
    if (hello->version == protocol_version) state_ = State::opening;
    return write(Hello{});
  }
  if (state_ == State::opening) {
    if (kind == Kind::open) return opened(frame);
    if (kind == Kind::resume) return resumed(frame);
    return std::nullopt;
  }
  switch (kind.value_or(Kind::hello)) {
    case Kind::next_cookie:
      return next_cookie(frame);
    case Kind::exchange_hash:
      return exchange_hash(server, frame);
    case Kind::authenticate:
      return authenticate(server, frame, now);
    default:
      return std::nullopt;
  }
}

ByteVector Conversation::opened(Bytes frame) {
  auto open = parse_open(frame);
  if (!open) return refused(open.error().detail);
  facts_ = std::move(*open);
  state_ = State::open;
  return write_done();
}

ByteVector Conversation::resumed(Bytes frame) {
  auto resume = parse_resume(frame);
  if (!resume) return refused(resume.error().detail);
  if (resume->certificate) {
    // The monitor kept what was granted; that a CA signed it can be seen again.
    auto certificate = keys::Certificate::parse(*resume->certificate);
    if (!certificate || !certificate->verify_signature()) return refused("the certificate to be watched is none");
    granted_ = std::move(*certificate);
  }
  if (!resume->host_key.empty()) {
    auto key = plain_key_of(resume->host_key);
    if (!key) return refused("the K_S of the first key exchange is no key");
    signing_key_ = std::move(*key);
  }
  facts_ = std::move(resume->open);
  session_id_ = std::move(resume->session_id);
  host_key_ = std::move(resume->host_key);
  user_ = std::move(resume->user);
  groups_ = std::move(resume->groups);
  state_ = State::open;
  return write_done();
}

ByteVector Conversation::next_cookie(Bytes frame) {
  auto next = parse_next_cookie(frame);
  if (!next) return refused(next.error().detail);
  facts_.cookie = std::move(next->cookie);
  return write_done();
}

ByteVector Conversation::exchange_hash(const Server& server, Bytes frame) {
  auto request = parse_exchange_hash(frame);
  if (!request) return refused(request.error().detail);
  // One cookie, one hash: it is used up whatever comes of it.
  const ByteVector cookie = std::exchange(facts_.cookie, {});
  if (cookie.empty()) return refused("a key exchange without a cookie of the monitor's");
  if (!carries_cookie(request->server_kexinit, cookie)) return refused("our KEXINIT does not carry the monitor's cookie");
  auto signing_key = server.host_keys.signing_key(request->host_key);
  if (!signing_key && !host_key_.empty() && request->host_key == host_key_) signing_key = signing_key_;
  if (!signing_key) return refused("K_S is no host key of ours");
  const auto method = crypto::kex_method_by_name(request->method);
  if (!method) return refused("key exchange method \"" + escaped(request->method, 64) + "\" is unknown");
  transport::ExchangeHashInputs inputs;
  inputs.client_identification = std::move(request->client_version);
  inputs.server_identification = std::move(request->server_version);
  inputs.client_kexinit = std::move(request->client_kexinit);
  inputs.server_kexinit = std::move(request->server_kexinit);
  inputs.host_key = std::move(request->host_key);
  inputs.client_share = std::move(request->client_public);
  inputs.server_share = std::move(request->server_public);
  inputs.shared_secret = std::move(request->shared_secret);
  auto hash = transport::exchange_hash(*method, inputs);
  if (!hash) return refused(hash.error().detail);
  if (session_id_.empty()) {
    session_id_ = *hash;
    host_key_ = std::move(inputs.host_key);
    signing_key_ = *signing_key;
  }
  return write(Hash{std::move(*hash), std::move(*signing_key)});
}

Settings Conversation::settings_for(const Server& server, bool exists) const {
  ConnectionFacts facts;
  facts.user = user_;
  facts.groups = groups_;
  facts.invalid_user = !exists;
  facts.host = facts_.address;
  facts.address = facts_.address;
  facts.port = facts_.port;
  facts.local_address = facts_.local_address;
  facts.local_port = facts_.local_port;
  return server.configuration.settings_for(facts);
}

ByteVector Conversation::authenticate(Server& server, Bytes frame, std::uint64_t now) {
  auto asked = parse_authenticate(frame);
  if (!asked) return refused(asked.error().detail);
  if (session_id_.empty()) return refused("authentication before the first key exchange");
  if (granted_) return refused("authentication after a grant");
  if (++requests_ > most_requests) return refused("too many authentication requests");

  user_ = asked->user;
  groups_ = std::move(asked->groups);
  const Settings settings = settings_for(server, asked->account_exists);
  AuthenticationRequest request;
  request.user = asked->user;
  request.account_exists = asked->account_exists;
  request.service = asked->service;
  request.host_bound = asked->host_bound;
  request.algorithm = asked->algorithm;
  request.public_key = asked->public_key;
  if (asked->signature) request.signature = Bytes(*asked->signature);
  if (asked->principals_file) request.principals_file = Bytes(*asked->principals_file);
  request.session_id = session_id_;
  request.host_key = host_key_;
  request.address = facts_.address;
  const Verdict verdict = decide(request, server.trust.trust_for(settings, now), settings, now);

  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    log::debug("connection {}: {}: {}", facts_.connection_id, reason_word(refusal->reason), refusal->detail);
    return write(*refusal);
  }
  if (const auto* acceptable = std::get_if<Acceptable>(&verdict)) return write(*acceptable);
  // decide() parsed it: it parses.
  auto certificate = keys::Certificate::parse(asked->public_key);
  if (!certificate) return refused("internal error: a granted certificate does not parse");
  granted_ = std::move(*certificate);
  return write(std::get<Grant>(verdict));
}

std::optional<ByteVector> Conversation::revocation(Server& server, std::uint64_t now) {
  if (!granted_ || told_) return std::nullopt;
  const auto revoked = revoked_since(*granted_, server.trust.trust_for(settings_for(server, true), now));
  if (!revoked) return std::nullopt;
  told_ = true;
  log::warning("connection {}: certificate \"{}\" (serial {}): {}", facts_.connection_id, escaped(granted_->fields().key_id),
               granted_->fields().serial, *revoked);
  return write(Revoked{*revoked});
}

}  // namespace gatehouse::sshd::authorizer
