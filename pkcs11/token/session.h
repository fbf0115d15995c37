/// Sessions: one open session, and a pool of them on one slot.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "pkcs11/token/return_code.h"

namespace gatehouse::pkcs11 {

/// One open session; its Module outlives it.
class Session {
 public:
  /// Read-write (some tokens have no other), or read-only when the token is write-protected.
  static TokenResult<Session> open(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot);

  Session(Session&& other) noexcept : functions_(other.functions_), handle_(std::exchange(other.handle_, CK_INVALID_HANDLE)) {}
  Session& operator=(Session&& other) noexcept {
    std::swap(functions_, other.functions_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Session() {
    if (handle_ != CK_INVALID_HANDLE) functions_->C_CloseSession(handle_);
  }

  CK_SESSION_HANDLE handle() const { return handle_; }
  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  /// The session is gone with its module: do not close it.
  void forget() { handle_ = CK_INVALID_HANDLE; }

 private:
  Session(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE handle) : functions_(&functions), handle_(handle) {}
  const CK_FUNCTION_LIST* functions_;
  CK_SESSION_HANDLE handle_;
};

/// Sessions lent to threads, opened when one is missing, at most `most`. The session that did the login stays open for as long as the pool
/// (closing the last session of a process logs it out).
class SessionPool {
 public:
  using Clock = std::chrono::steady_clock;

  SessionPool(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, Session login_session, std::size_t most);

  /// A free session, a new one, or one that comes back before `until`. When the token has no more sessions to give, the pool shrinks.
  TokenResult<Session> take(Clock::time_point until);
  void give_back(Session session);
  /// A session that failed: closed, not used again.
  void discard(Session session);

  Session& login_session() { return login_session_; }
  /// After C_Finalize: no session is closed. All of them must have been given back.
  void forget_all();

 private:
  const CK_FUNCTION_LIST& functions_;
  CK_SLOT_ID slot_;
  Session login_session_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<Session> idle_;
  std::size_t open_ = 0;  ///< lent and idle
  std::size_t most_;
};

}  // namespace gatehouse::pkcs11
