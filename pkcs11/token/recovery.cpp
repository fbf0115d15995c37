/// The ladder of recovery, and the thread that waits for better times.
#include <algorithm>

#include "daemon/log.h"
#include "pkcs11/token/token_service.h"
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

/// Between half of it and all of it, so that two signers do not stay in step.
Milliseconds with_jitter(Milliseconds pause) {
  const auto half = std::max<std::int64_t>(pause.count() / 2, 1);
  return Milliseconds(half + static_cast<std::int64_t>(crypto::random_uint64() % static_cast<std::uint64_t>(half)));
}

std::uint64_t unix_now() { return static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())); }

}  // namespace

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
