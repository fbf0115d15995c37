/// Starts gatehouse-signer and keeps it running.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/account.h"
#include "daemon/unique_fd.h"
#include "pkcs11/client/messages.h"

namespace gatehouse::pkcs11 {

struct SignerSettings {
  std::string program;  ///< absolute path; empty: gatehouse-signer beside the running executable
  Purpose purpose = Purpose::host;
  std::string module;             ///< absolute path of the PKCS#11 module
  std::string pin_source;         ///< as open_pin_source() takes it; opened by us, read by the signer alone
  std::vector<std::string> keys;  ///< RFC 7512 URIs, all of one token
  std::string socket_path;        ///< in a folder that only the right peers can enter
  mode_t socket_mode = 0600;
  std::optional<uid_t> socket_owner;            ///< chown of the socket file, when we are root
  std::optional<Account> account;               ///< becomes it before exec; nothing: stays as it is
  std::vector<uid_t> peer_uids;                 ///< who may connect besides root; empty: also the signer's own uid
  std::string limits_file;                      ///< purpose ca
  std::string signed_log_file;                  ///< hashes of all that was signed; empty: none
  std::chrono::milliseconds sign_limit{10000};  ///< a signature that takes the module longer costs a restart
};

/// Checks what can be checked without a token: the module is an absolute path to a file, the URIs are well formed and say enough, the PIN
/// source opens with the right owner and mode, a limits file is there for purpose ca. For `-t` and for start-up.
Result<void> check(const SignerSettings& settings);

/// The parent's side: socket, fork, exec, restart with back-off. The parent has one thread. Nothing here blocks but stop(); the owner
/// calls tick() when a child ended (SIGCHLD) and when the time that tick() named has come. The environment is passed on for the module
/// (SOFTHSM2_CONF and its like), without service notification and credentials.
///
/// SIGTERM lets the signer serve those who are connected until the last has gone (it gets one also when its parent dies); SIGINT and SIGHUP
/// end it after the requests in hand. A PIN file that was replaced by another file is noticed, and the signer started anew with it. That a
/// PIN was refused is remembered over restarts, so that it is tried once only.
class SignerProcess {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Makes the listening socket and starts the process. @error as check(); socket; fork
  static Result<SignerProcess> start(SignerSettings settings);

  /// What a parent carries over its own exec; the descriptors must then be kept open across it (clear FD_CLOEXEC).
  struct Carried {
    pid_t pid = -1;
    int listener = -1;
    int memory = -1;
  };
  Carried carry() const { return {pid_, listener_.fd(), memory_.fd()}; }
  /// Takes up supervision after the parent executed itself.
  static Result<SignerProcess> adopt(SignerSettings settings, Carried carried);

  SignerProcess(SignerProcess&&) noexcept = default;
  SignerProcess& operator=(SignerProcess&&) noexcept = default;
  /// Does not stop the process: stop() or release() do.
  ~SignerProcess() = default;

  /// -1 while it waits to be started again.
  pid_t pid() const { return pid_; }
  const std::string& socket_path() const { return settings_.socket_path; }
  /// Waits until the process listens (it does so also when the token is away). @return false when it did not within `timeout`
  bool wait_ready(Milliseconds timeout);
  /// How often it was started again.
  unsigned restarts() const { return restarts_; }

  /// Reaps our process if it ended (never another child), starts it again when that is due, looks at the PIN file.
  /// @return after how long to call it again at the latest
  Milliseconds tick();
  /// For a parent that reaps all children itself: tells of one that ended. @return whether it was ours; tick() then restarts it
  bool exited(pid_t pid, int status);

  /// Renames the socket file over `path`: who connects there from now on reaches this signer, and never nobody. Another signer that
  /// listened there before serves those that it has.
  Result<void> move_socket(const std::string& path);

  /// SIGTERM and no more supervision: the signer goes when its last client has gone. The socket file is removed, if it is still ours.
  void release();
  /// SIGINT, after `grace` SIGKILL, reaped on return. The socket file is removed.
  void stop(Milliseconds grace);

 private:
  using Clock = std::chrono::steady_clock;
  explicit SignerProcess(SignerSettings settings) : settings_(std::move(settings)) {}
  Result<void> spawn();
  void ended(int status);
  void look_at_pin_source();
  void remember_socket();
  void remove_socket();

  SignerSettings settings_;
  UniqueFd listener_;
  dev_t socket_device_ = 0;  ///< of the socket file
  ino_t socket_inode_ = 0;
  UniqueFd memory_;  ///< a memfd in which the signer keeps what must outlive it: the salted hash of a PIN that was refused
  UniqueFd ready_;
  bool ready_seen_ = false;
  pid_t pid_ = -1;
  dev_t pin_device_ = 0;
  ino_t pin_inode_ = 0;
  Clock::time_point pin_looked_at_{};
  Clock::time_point started_{};
  Clock::time_point restart_at_{};
  Milliseconds back_off_{0};
  unsigned restarts_ = 0;
  bool replacing_ = false;
};

}  // namespace gatehouse::pkcs11
