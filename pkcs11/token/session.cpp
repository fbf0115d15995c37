#include "pkcs11/token/session.h"

namespace gatehouse::pkcs11 {

TokenResult<Session> Session::open(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot) {
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  CK_RV code = functions.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle);
  if (code == CKR_TOKEN_WRITE_PROTECTED) code = functions.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &handle);
  if (code != CKR_OK) return call_failed("C_OpenSession", code);
  return Session(functions, handle);
}

SessionPool::SessionPool(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, Session login_session, std::size_t most)
    : functions_(functions), slot_(slot), login_session_(std::move(login_session)), most_(most) {}

TokenResult<Session> SessionPool::take(Clock::time_point until) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!idle_.empty()) {
      Session session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
    if (open_ < most_) {
      ++open_;
      lock.unlock();
      auto session = Session::open(functions_, slot_);
      if (session) return session;
      lock.lock();
      --open_;
      if (session.error().remedy != Remedy::wait || open_ == 0) return session;
      most_ = open_;  // the token has no more: live with what there is
    }
    if (given_back_.wait_until(lock, until) == std::cv_status::timeout && idle_.empty()) {
      return token_error(Remedy::wait, "no session of the token became free in time");
    }
  }
}

void SessionPool::give_back(Session session) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(session));
  }
  given_back_.notify_one();
}

void SessionPool::discard(Session session) {
  { const Session closed = std::move(session); }
  {
    const std::lock_guard lock(mutex_);
    --open_;
  }
  given_back_.notify_one();
}

void SessionPool::forget_all() {
  const std::lock_guard lock(mutex_);
  for (Session& session : idle_) session.forget();
  idle_.clear();
  login_session_.forget();
  open_ = 0;
}

}  // namespace gatehouse::pkcs11
