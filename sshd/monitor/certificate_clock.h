/// When a session must end by the wall clock, whatever is done to that clock meanwhile.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "sshd/authorizer/grant.h"
#include "sshd/config/settings.h"

namespace gatehouse::sshd {

/// Unix seconds at which the session ends by itself; nothing: it does not.
/// @param login  Unix seconds of the login
std::optional<std::uint64_t> end_of_session(const Settings& settings, const Grant& grant, std::uint64_t login);

/// A timer on the real-time clock that is set again when the clock is stepped. Poll fd() for reading, then ask what is due.
class CertificateClock {
 public:
  /// How long before the end the user is told.
  static constexpr std::uint64_t warning_seconds = 60;
  enum class Due : std::uint8_t { nothing, warning, end };

  /// @param end  Unix seconds; nothing: never due
  static Result<CertificateClock> start(std::optional<std::uint64_t> end);
  int fd() const { return timer_.fd(); }
  /// After fd() was readable, or at any other time. The warning comes once; not at all for a session that began later than it.
  Due due();
  std::optional<std::uint64_t> end() const { return end_; }

 private:
  Result<void> arm();
  UniqueFd timer_;
  std::optional<std::uint64_t> end_;
  bool warned_ = false;
};

}  // namespace gatehouse::sshd
