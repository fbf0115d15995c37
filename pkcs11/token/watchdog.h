/// A call into a module can hang for ever and cannot be cancelled: whoever started this process starts it again.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace gatehouse::pkcs11 {

/// Ends the process (exit status 70) when a watched piece of work takes longer than it may. One per process.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int exit_status = 70;  ///< EX_SOFTWARE of sysexits.h

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Watched for as long as it lives.
  class Scope {
   public:
    Scope(Watchdog& watchdog, std::chrono::milliseconds limit);
    ~Scope() { entry_.store(0); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::atomic<std::int64_t>& entry_;
  };

 private:
  std::atomic<std::int64_t>& claim(std::int64_t due);
  void watch();

  /// When each piece of work is due, in nanoseconds of the steady clock; 0: free.
  std::array<std::atomic<std::int64_t>, 128> due_{};
  std::mutex mutex_;  ///< stop_
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::pkcs11
