/// Everything the listener has besides its sockets: accounts, folders, the audit log, signer and authorizer, host keys.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/unique_fd.h"
#include "pkcs11/client/signer_process.h"
#include "sshd/config/configuration.h"
#include "sshd/listener/authorizer_process.h"
#include "sshd/listener/carried_state.h"
#include "sshd/listener/host_keys.h"
#include "sshd/monitor/server_image.h"

namespace gatehouse::sshd {

/// How the processes that we start log.
struct LogTarget {
  std::optional<std::string> file;
  bool to_stderr = false;
  unsigned debug = 0;
};

class Server {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// What can be checked before anything is started: accounts, the token's settings, files. For -t, and the first step of start().
  static Result<void> check(const Configuration& configuration);

  /// Makes the folders, opens the audit log, starts signer and authorizer. That the token is away is no error: the host keys are asked for
  /// again until they are there.
  /// @param folder  RuntimeDirectory, or one of its own for -i
  static Result<Server> start(Configuration configuration, const LogTarget& log, const std::string& folder);

  /// After the listener's own exec: goes on with the signer and the authorizer that run. What does not work is said in the log and tried
  /// again: the server stays up.
  static Result<Server> resume(CarriedState& state, const LogTarget& log, const std::string& folder);
  /// For the listener's own exec: everything of the server's, its descriptors included.
  void carry(CarriedState& state) const;

  /// For one connection beside a running server: uses that one's signer and authorizer. tick() and reload() are not for it.
  static Result<Server> join(Configuration configuration, const std::string& folder);

  ServerImage& image() { return image_; }
  const Settings& settings() const { return image_.configuration.global(); }
  bool has_host_keys() const { return !image_.host_keys.empty(); }

  /// Takes a new configuration, whole or not at all: what can fail is done first, beside what runs. A signer that finds fewer of its keys
  /// than the one it would replace is a failure, too. @error and all of the old one stays
  Result<void> reload(Configuration configuration);
  /// Supervision, host keys and certificates. @return after how long to call again at the latest
  Milliseconds tick();
  /// A child that was reaped. @return whether it was one of the two
  bool exited(pid_t pid, int status);
  /// The listener goes; both go when the last connection has gone.
  void release();
  /// Ends both.
  void stop();

 private:
  Server(Configuration configuration, LogTarget log, std::string folder);
  Result<void> make_folders();
  /// What may change with a reload, except for the two processes.
  struct Surroundings {
    std::optional<Account> preauth;
    AuditLog audit;
    std::string identification;
  };
  Result<Surroundings> look_up(const Settings& settings) const;
  void take_over(Surroundings surroundings);
  struct NewSigner {
    pkcs11::SignerProcess process;
    std::vector<ServerHostKey> keys;  ///< none: it has not found them all
  };
  Result<NewSigner> start_signer_beside(const Settings& settings) const;
  Result<void> compile_sandbox();
  pkcs11::SignerSettings signer_settings() const;
  AuthorizerSettings authorizer_settings() const;
  Result<void> start_signer();
  void ask_for_host_keys();
  void say_host_keys() const;
  void host_keys_changed();

  ServerImage image_;
  LogTarget log_;
  std::string folder_;
  UniqueFd lock_;
  std::optional<pkcs11::SignerProcess> signer_;
  std::optional<AuthorizerProcess> authorizer_;
  HostCertificates certificates_;
  std::chrono::steady_clock::time_point ask_again_{};
  std::string last_key_trouble_;
};

}  // namespace gatehouse::sshd
