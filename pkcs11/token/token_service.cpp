#include "pkcs11/token/token_service.h"

#include <algorithm>

#include "daemon/log.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr int attempts_per_request = 4;

std::uint64_t unix_now() { return static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())); }

}  // namespace

/// Proof that its holder may be inside the module; the gate cannot be shut while it lives.
struct TokenService::Pass {
  TokenService* service;
  OpenToken* token;
  std::uint64_t generation;

  Pass(TokenService* s, OpenToken* t, std::uint64_t g) : service(s), token(t), generation(g) {}
  Pass(Pass&& other) noexcept : service(std::exchange(other.service, nullptr)), token(other.token), generation(other.generation) {}
  Pass& operator=(Pass&&) = delete;
  ~Pass() {
    if (service != nullptr) service->leave();
  }
};

TokenService::TokenService(Module module, TokenServiceSettings settings, PinSource& pin, Watchdog& watchdog, SigningRecord record)
    : module_(std::move(module)),
      settings_(std::move(settings)),
      pin_(pin),
      watchdog_(watchdog),
      record_(std::move(record)),
      since_(unix_now()),
      thread_([this] { run(); }) {}

TokenService::~TokenService() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  const Watchdog::Scope watched(watchdog_, settings_.open_limit);
  token_.reset();
  module_.finalise();
}

SignerFault TokenService::fault_of_rung(Rung rung) const {
  const std::string detail = detail_.empty() ? std::string(rung_name(rung)) : detail_;
  if (rung == Rung::pin_rejected) return {FaultKind::pin_rejected, detail};
  return {FaultKind::token_away, detail};
}

SignerResult<TokenService::Pass> TokenService::enter(Clock::time_point until) {
  until = std::min(until, Clock::now() + settings_.patience);
  std::unique_lock lock(mutex_);
  while (true) {
    if (rung_ == Rung::away || rung_ == Rung::pin_rejected) return tl::unexpected(fault_of_rung(rung_));
    if (gate_open_) {
      ++inside_;
      return Pass(this, token_.get(), generation_);
    }
    if (changed_.wait_until(lock, until) == std::cv_status::timeout && !gate_open_) return tl::unexpected(fault_of_rung(rung_));
  }
}

void TokenService::leave() {
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0 && !gate_open_) changed_.notify_all();
}

TokenResult<ByteVector> TokenService::try_sign(Pass& pass, Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data,
                                               Clock::time_point until) {
  const TokenKey* key = pass.token->key(key_blob);
  if (key == nullptr) return token_error(Remedy::initialise, "the key is no longer on the token");
  const Watchdog::Scope watched(watchdog_, settings_.sign_limit);
  SessionPool& pool = pass.token->pool();
  auto session = pool.take(until);
  if (!session) return tl::unexpected(session.error());
  auto signature = sign_in_session(*session, *key, algorithm, data, pin_);
  if (signature) {
    pool.give_back(*std::move(session));
  } else {
    pool.discard(*std::move(session));
  }
  return signature;
}

SignerResult<void> TokenService::check_request(const Pass& pass, Bytes key_blob, keys::SignatureAlgorithm algorithm) const {
  const TokenKey* key = pass.token->key(key_blob);
  if (key == nullptr) {
    const std::lock_guard lock(mutex_);
    if (known_.count(to_vector(key_blob)) == 0) return fault(FaultKind::bad_request, "this signer does not serve the key");
    return fault(FaultKind::key_missing, "the key is no longer on the token");
  }
  if (keys::key_type_of(algorithm) != key->public_key.type()) {
    return fault(FaultKind::bad_request, "the key cannot sign by " + std::string(keys::signature_name(algorithm)));
  }
  return {};
}

SignerResult<ByteVector> TokenService::release(ByteVector signature, const SigningNote& note, const keys::PublicKey& key,
                                               keys::SignatureAlgorithm algorithm, Bytes data) {
  if (auto recorded = record_(note, key, algorithm, data); !recorded) {
    return fault(FaultKind::failed, "nothing is released without a record: " + recorded.error().line());
  }
  const std::lock_guard lock(mutex_);
  ++signatures_;
  return signature;
}

SignerResult<ByteVector> TokenService::sign(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data, const SigningNote& note,
                                            Clock::time_point until) {
  TokenError last;
  bool found_again = false;  // rung 2 was climbed; rung 3 is next
  for (int attempt = 0; attempt < attempts_per_request; ++attempt) {
    std::uint64_t generation = 0;
    {
      auto pass = enter(until);
      if (!pass) return tl::unexpected(pass.error());
      generation = pass->generation;
      // A key that vanished under our hands is looked for as the ladder is climbed; one known to be missing fails at once.
      if (auto checked = check_request(*pass, key_blob, algorithm); !checked) {
        if (checked.error().kind != FaultKind::key_missing || !found_again) return tl::unexpected(checked.error());
      }
      auto signature = try_sign(*pass, key_blob, algorithm, data, until);
      if (signature) return release(*std::move(signature), note, pass->token->key(key_blob)->public_key, algorithm, data);
      last = signature.error();
    }
    switch (last.remedy) {
      case Remedy::none:
      case Remedy::permanent:
        return fault(FaultKind::failed, last.text);
      case Remedy::wait:
        return fault(FaultKind::busy, last.text);
      case Remedy::change_pin:
        return fault(FaultKind::pin_rejected, last.text);
      case Remedy::new_session:
      case Remedy::initialise:
        break;
    }
    log::warning("{} (attempt {})", last.text, attempt + 1);
    if (attempt == 0 && last.remedy == Remedy::new_session) continue;  // the session was discarded: the next try is in a new one
    if (auto recovered = recover(generation, found_again); !recovered) return tl::unexpected(recovered.error());
    found_again = !found_again;  // once each: after rung 3 a key that is still missing is missing
  }
  return fault(FaultKind::failed, last.text);
}

SignerResult<std::vector<RemoteKey>> TokenService::list_keys(Clock::time_point until) {
  auto pass = enter(until);
  if (!pass) return tl::unexpected(pass.error());
  std::vector<RemoteKey> list;
  for (const ConfiguredKey& key : pass->token->keys()) {
    if (key.found) list.push_back({key.uri.text, key.found->label, key.found->public_key});
  }
  return list;
}

Health TokenService::health() const {
  const std::lock_guard lock(mutex_);
  Health health;
  health.rung = rung_;
  health.detail = detail_;
  health.since = since_;
  health.signatures = signatures_;
  health.recoveries = recoveries_;
  if (gate_open_) {
    for (const ConfiguredKey& key : token_->keys()) health.keys.push_back({key.uri.text, key.found.has_value(), key.trouble});
  } else {
    for (const Uri& uri : settings_.keys) health.keys.push_back({uri.text, false, detail_});
  }
  return health;
}

}  // namespace gatehouse::pkcs11
