#include "pkcs11/token/watchdog.h"

#include <unistd.h>

#include "daemon/log.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr std::chrono::milliseconds interval{50};
constexpr unsigned seconds_to_say_so = 2;

std::int64_t now_ns() { return std::chrono::duration_cast<std::chrono::nanoseconds>(Watchdog::Clock::now().time_since_epoch()).count(); }

}  // namespace

Watchdog::Watchdog() : thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

Watchdog::Scope::Scope(Watchdog& watchdog, std::chrono::milliseconds limit)
    : entry_(watchdog.claim(now_ns() + std::chrono::nanoseconds(limit).count())) {}

std::atomic<std::int64_t>& Watchdog::claim(std::int64_t due) {
  while (true) {  // more entries than threads: one is free
    for (auto& entry : due_) {
      std::int64_t free = 0;
      if (entry.compare_exchange_strong(free, due)) return entry;
    }
    std::this_thread::yield();
  }
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, interval, [this] { return stop_; })) {
    const std::int64_t now = now_ns();
    for (const auto& entry : due_) {
      const std::int64_t due = entry.load();
      if (due == 0 || now < due) continue;
      ::alarm(seconds_to_say_so);  // should the log hang as well
      log::error("the PKCS#11 module did not return in time; this process ends, to be started again");
      ::_exit(exit_status);
    }
  }
}

}  // namespace gatehouse::pkcs11
