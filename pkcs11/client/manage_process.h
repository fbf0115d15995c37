/// A gatehouse-signer of purpose manage, for as long as a command needs it: the command itself loads no module and sees no PIN.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "pkcs11/client/signer_client.h"

namespace gatehouse::pkcs11 {

struct ManageSettings {
  std::string program;     ///< empty: gatehouse-signer beside the running executable
  std::string module;      ///< absolute path
  std::string token;       ///< RFC 7512 URI that names the token
  std::string pin_source;  ///< as open_pin_source() takes it
};

class ManageProcess {
 public:
  /// @error module, PIN source (owner, mode), socket pair, fork
  static Result<ManageProcess> start(const ManageSettings& settings);

  ManageProcess(ManageProcess&& other) noexcept;
  ManageProcess& operator=(ManageProcess&&) = delete;
  /// Closes the connection and waits for the process, which then ends.
  ~ManageProcess();

  SignerClient& client() { return *client_; }

 private:
  ManageProcess(std::unique_ptr<SignerClient> client, pid_t pid) : client_(std::move(client)), pid_(pid) {}
  std::unique_ptr<SignerClient> client_;
  pid_t pid_;
};

}  // namespace gatehouse::pkcs11
