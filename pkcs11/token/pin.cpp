#include "pkcs11/token/pin.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "daemon/pin_source.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

PinSource::PinSource(UniqueFd pin, UniqueFd memory) : pin_(std::move(pin)), memory_file_(std::move(memory)) {
  const auto size = static_cast<ssize_t>(sizeof memory_);
  if (memory_file_ && ::pread(memory_file_.fd(), &memory_, sizeof memory_, 0) == size) {
    any_refused_ = true;
  } else {
    crypto::random_fill(memory_.salt);
  }
}

PinSource::Digest PinSource::digest_of(Bytes pin) const {
  const ByteVector hashed = crypto::hmac(crypto::Digest::sha256, SecretBytes::copy_of(memory_.salt), pin);
  Digest digest{};
  std::copy(hashed.begin(), hashed.end(), digest.begin());
  return digest;
}

bool PinSource::was_refused(Bytes pin) const { return any_refused_ && equal_in_constant_time(digest_of(pin), memory_.refused); }

void PinSource::remember_refused(Bytes pin) {
  memory_.refused = digest_of(pin);
  any_refused_ = true;
  if (memory_file_) {
    [[maybe_unused]] const ssize_t written = ::pwrite(memory_file_.fd(), &memory_, sizeof memory_, 0);
  }
}

bool PinSource::has_another_pin() {
  const std::lock_guard lock(mutex_);
  if (!pin_) return false;
  const auto pin = read_pin(pin_.fd());
  return pin && !was_refused(pin->reveal());
}

TokenResult<void> PinSource::use(const std::function<CK_RV(Bytes pin)>& call) {
  const std::lock_guard lock(mutex_);
  if (!pin_) return token_error(Remedy::change_pin, "the token wants a PIN and there is no PIN source");
  const auto pin = read_pin(pin_.fd());
  if (!pin) return token_error(Remedy::change_pin, pin.error().line());
  ::mlock(pin->reveal().data(), pin->size());  // where the limit allows it
  if (was_refused(pin->reveal())) {
    return token_error(Remedy::change_pin, "the token refused this PIN before; it is not tried again until the PIN source holds another");
  }
  const CK_RV code = call(pin->reveal());
  ::munlock(pin->reveal().data(), pin->size());
  if (remedy(code) == Remedy::none) return {};
  if (remedy(code) == Remedy::change_pin) remember_refused(pin->reveal());
  return call_failed("C_Login", code);
}

TokenResult<void> PinSource::log_in(const Session& session, const TokenInfo& token) {
  if ((token.flags & CKF_LOGIN_REQUIRED) == 0) return {};
  const CK_FUNCTION_LIST& functions = session.functions();
  CK_SESSION_INFO state{};
  if (functions.C_GetSessionInfo(session.handle(), &state) == CKR_OK &&
      (state.state == CKS_RO_USER_FUNCTIONS || state.state == CKS_RW_USER_FUNCTIONS)) {
    return {};
  }
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) return token_error(Remedy::change_pin, "the token says that its PIN is locked");
  if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return token_error(Remedy::change_pin, "the token says that one more wrong PIN locks it; log in by hand once");
  }
  if ((token.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0)
    return token_error(Remedy::change_pin, "the token says that its PIN must be changed");
  if ((token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) {
    const CK_RV code = functions.C_Login(session.handle(), CKU_USER, nullptr, 0);
    if (remedy(code) != Remedy::none) return call_failed("C_Login", code);
    return {};
  }
  return use([&functions, &session](Bytes pin) {
    return functions.C_Login(session.handle(), CKU_USER, const_cast<std::uint8_t*>(pin.data()), pin.size());
  });
}

TokenResult<void> PinSource::authenticate_operation(const Session& session) {
  return use([&session](Bytes pin) {
    return session.functions().C_Login(session.handle(), CKU_CONTEXT_SPECIFIC, const_cast<std::uint8_t*>(pin.data()), pin.size());
  });
}

}  // namespace gatehouse::pkcs11
