/// Starts the authorizer and keeps it running.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/unique_fd.h"
#include "protocol/core/result.h"
#include "sshd/authorizer/client.h"

namespace gatehouse::sshd {

struct AuthorizerSettings {
  std::string program;                 ///< what ps shows; executed is the image that runs now
  std::string socket_path;             ///< in a folder that only root, or our own account, can enter
  std::optional<std::string> account;  ///< what it becomes; nothing: it stays what we are
  std::vector<std::string> log_options;
};

/// The listener's side: the listening socket lives as long as this, so that monitors wait in its queue while the process is started anew.
class AuthorizerProcess {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// @param configuration  Configuration::serialize()
  static Result<AuthorizerProcess> start(AuthorizerSettings settings, ByteVector configuration, authorizer::Setup setup);

  /// What the listener carries over its own exec; the descriptors must stay open across it.
  struct Carried {
    pid_t pid = -1;
    int listener = -1;
    int control = -1;  ///< -1 while it waits to be started again
  };
  Carried carry() const { return {pid_, listener_.fd(), control_ ? control_->fd() : -1}; }
  /// Takes up supervision after the exec.
  static AuthorizerProcess adopt(AuthorizerSettings settings, ByteVector configuration, authorizer::Setup setup, Carried carried);

  /// New configuration or host keys, now and after each restart.
  void change(ByteVector configuration, authorizer::Setup setup);
  /// What the listener reaped. @return whether it was ours; it is started again when tick() is called in time
  bool exited(pid_t pid, int status);
  /// Starts it again when that is due. @return after how long to call again at the latest
  Milliseconds tick();
  pid_t pid() const { return pid_; }
  /// Ends it now, for who has no clients left.
  void stop();

 private:
  explicit AuthorizerProcess(AuthorizerSettings settings) : settings_(std::move(settings)) {}
  Result<void> spawn();
  [[noreturn]] void execute(int control) const;
  Result<void> set_up();

  AuthorizerSettings settings_;
  ByteVector configuration_;
  authorizer::Setup setup_;
  UniqueFd listener_;
  std::optional<AuthorizerControl> control_;
  pid_t pid_ = -1;
  std::chrono::steady_clock::time_point started_{};
  std::chrono::steady_clock::time_point restart_at_{};
  Milliseconds back_off_{0};
};

}  // namespace gatehouse::sshd
