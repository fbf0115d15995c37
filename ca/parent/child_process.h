/// A process of our own program under another account, started again when it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"
#include "daemon/unique_fd.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

/// What a start needs: options after the program's name, and the open descriptors that they name ("--listen-fd N").
struct ChildStart {
  std::vector<std::string> options;
  std::vector<UniqueFd> descriptors;
};

/// The parent has one thread. Nothing here blocks but stop().
class ChildProcess {
 public:
  using Milliseconds = std::chrono::milliseconds;
  /// Called for each start. @error Problem: that start fails and is tried again later
  using Prepare = std::function<Result<ChildStart>()>;

  /// @param name  "issuer", "front"  @param account  becomes it before exec; nothing: stays as it is
  ChildProcess(std::string name, std::optional<Account> account, Prepare prepare)
      : name_(std::move(name)), account_(std::move(account)), prepare_(std::move(prepare)) {}

  /// The first start. @error Problem
  Result<void> start();
  pid_t pid() const { return pid_; }
  /// Reaps it if it ended. @return whether there is none now
  bool has_ended();
  /// Reaps it if it ended, starts it again when that is due. @return after how long to call it again at the latest
  Milliseconds tick();
  /// SIGTERM, after `grace` SIGKILL, reaped on return.
  void stop(Milliseconds grace);

 private:
  using Clock = std::chrono::steady_clock;
  Result<void> spawn();

  std::string name_;
  std::optional<Account> account_;
  Prepare prepare_;
  pid_t pid_ = -1;
  Clock::time_point started_{};
  Clock::time_point restart_at_{};
  Milliseconds back_off_{0};
};

}  // namespace gatehouse::ca
