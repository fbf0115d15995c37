#include "pkcs11/token/token_service.h"

#include <algorithm>

#include "daemon/log.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

namespace {

using Milliseconds = std::chrono::milliseconds;

// Debian's SoftHSM 2.6 rewrites a token's file at each login, and another process may read it half written: start again, somewhat later.
constexpr int start_attempts = 5;
constexpr int initialise_attempts = 2;
constexpr Milliseconds start_pause{60};
constexpr Milliseconds first_back_off{100};
constexpr Milliseconds pin_interval{500};
constexpr Milliseconds missing_key_interval{3000};
constexpr int attempts_per_request = 4;

/// Between half of it and all of it, so that two signers do not stay in step.
Milliseconds with_jitter(Milliseconds pause) {
  const auto half = std::max<std::int64_t>(pause.count() / 2, 1);
  return Milliseconds(half + static_cast<std::int64_t>(crypto::random_uint64() % static_cast<std::uint64_t>(half)));
}

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

// Requests --------------------------------------------------------------------------------------------------------------------------------

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

// The ladder ------------------------------------------------------------------------------------------------------------------------------

void TokenService::set_rung(Rung rung, std::string detail) {
  const std::lock_guard lock(mutex_);
  if (rung != rung_ || detail != detail_) {
    if (rung == Rung::serving) {
      log::info("token: serving");
    } else {
      log::warning("token: {}: {}", rung_name(rung), detail);
    }
  }
  if (rung != rung_) since_ = unix_now();
  rung_ = rung;
  detail_ = std::move(detail);
  changed_.notify_all();
}

/// Nobody comes in any more; returns when the last has left. Who hangs inside is the watchdog's to end.
void TokenService::shut_gate() {
  std::unique_lock lock(mutex_);
  gate_open_ = false;
  changed_.wait(lock, [this] { return inside_ == 0; });
}

TokenResult<void> TokenService::reopen() {
  const Watchdog::Scope watched(watchdog_, settings_.open_limit);
  token_.reset();
  auto opened = OpenToken::open(module_.functions(), settings_.keys, pin_, settings_.sessions, record_);
  if (!opened) return tl::unexpected(opened.error());
  token_ = *std::move(opened);
  return {};
}

TokenResult<void> TokenService::initialise() {
  const Watchdog::Scope watched(watchdog_, settings_.open_limit);
  if (token_) token_->pool().forget_all();
  token_.reset();
  module_.finalise();
  if (auto begun = module_.initialise(); !begun) return begun;
  auto opened = OpenToken::open(module_.functions(), settings_.keys, pin_, settings_.sessions, record_);
  if (!opened) return tl::unexpected(opened.error());
  token_ = *std::move(opened);
  return {};
}

/// Opens the gate again, or says why not. The ladder is held and nobody is inside.
void TokenService::settle(const TokenResult<void>& outcome, bool climbed) {
  if (outcome) {
    {
      const std::lock_guard lock(mutex_);
      ++generation_;
      if (climbed) ++recoveries_;
      back_off_ = Milliseconds{0};
      for (const ConfiguredKey& key : token_->keys()) {
        if (key.found) known_.insert(to_vector(key.found->public_key.blob()));
        if (!key.found) log::error("key {}: {}", escaped(key.uri.text), key.trouble);
      }
      gate_open_ = true;
      due_ = Clock::now() + missing_key_interval;
    }
    set_rung(Rung::serving, {});
    return;
  }
  const bool pin = outcome.error().remedy == Remedy::change_pin;
  {
    const std::lock_guard lock(mutex_);
    back_off_ = pin ? pin_interval : std::clamp(back_off_ * 2, first_back_off, settings_.longest_back_off);
    due_ = Clock::now() + with_jitter(back_off_);
  }
  set_rung(pin ? Rung::pin_rejected : Rung::away, outcome.error().text);
}

SignerResult<void> TokenService::recover(std::uint64_t generation, bool from_the_module) {
  const std::lock_guard ladder(ladder_);
  {
    const std::lock_guard lock(mutex_);
    if (generation_ != generation) return {};  // somebody has climbed for us
    if (rung_ == Rung::away || rung_ == Rung::pin_rejected) return tl::unexpected(fault_of_rung(rung_));
  }
  set_rung(from_the_module ? Rung::initialising : Rung::reopening, "a signature failed");
  shut_gate();
  TokenResult<void> outcome = token_error(Remedy::initialise, {});
  if (!from_the_module) outcome = reopen();
  for (int attempt = 0; attempt < initialise_attempts && !outcome && outcome.error().remedy != Remedy::change_pin; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(with_jitter(start_pause));
    set_rung(Rung::initialising, outcome.error().text);
    outcome = initialise();
  }
  settle(outcome, true);
  if (outcome) return {};
  const std::lock_guard lock(mutex_);
  return tl::unexpected(fault_of_rung(rung_));
}

// The thread that waits for better times ------------------------------------------------------------------------------------------------

void TokenService::start_up() {
  const std::lock_guard ladder(ladder_);
  TokenResult<void> outcome = initialise();
  for (int attempt = 1; attempt < start_attempts && !outcome && outcome.error().remedy != Remedy::change_pin; ++attempt) {
    log::warning("start-up: {}", outcome.error().text);
    std::this_thread::sleep_for(with_jitter(start_pause));
    outcome = initialise();
  }
  settle(outcome, false);
}

void TokenService::retry(Clock::time_point now) {
  const std::lock_guard ladder(ladder_);
  Rung rung;
  {
    const std::lock_guard lock(mutex_);
    if (now < due_) return;
    if (rung_ != Rung::away && rung_ != Rung::pin_rejected) return;
    rung = rung_;
  }
  if (rung == Rung::pin_rejected && !pin_.has_another_pin()) {
    const std::lock_guard lock(mutex_);
    due_ = now + pin_interval;
    return;
  }
  settle(initialise(), true);
}

bool TokenService::keys_missing() const {
  return token_ && std::any_of(token_->keys().begin(), token_->keys().end(), [](const ConfiguredKey& key) { return !key.found; });
}

void TokenService::look_for_missing_keys() {
  const std::lock_guard ladder(ladder_);
  {
    const std::lock_guard lock(mutex_);
    if (rung_ != Rung::serving || !gate_open_) return;  // a request has climbed the ladder meanwhile
  }
  shut_gate();
  TokenResult<bool> found = false;
  {
    const Watchdog::Scope watched(watchdog_, settings_.open_limit);
    found = token_->look_again(pin_, record_);
  }
  const std::lock_guard lock(mutex_);
  if (found && *found) {
    ++generation_;
    for (const ConfiguredKey& key : token_->keys()) {
      if (key.found && known_.insert(to_vector(key.found->public_key.blob())).second) log::info("key {}: found", escaped(key.uri.text));
    }
  }
  gate_open_ = true;  // an error here is left to the next request, which climbs the ladder
  due_ = Clock::now() + missing_key_interval;
  changed_.notify_all();
}

void TokenService::run() {
  start_up();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const bool down = rung_ == Rung::away || rung_ == Rung::pin_rejected;
    const bool look = rung_ == Rung::serving && gate_open_ && keys_missing();
    if (!down && !look) {
      changed_.wait(lock);
      continue;
    }
    if (Clock::now() < due_) {
      changed_.wait_until(lock, due_);
      continue;
    }
    lock.unlock();
    if (down) {
      retry(Clock::now());
    } else {
      look_for_missing_keys();
    }
    lock.lock();
  }
}

}  // namespace gatehouse::pkcs11
