/// A PKCS#11 module in this process. Only a signer process ever has one.
#pragma once

#include <string>

#include "pkcs11/token/return_code.h"

namespace gatehouse::pkcs11 {

/// One module, loaded for the life of the process: modules leave threads and exit handlers behind, so it is never unloaded.
class Module {
 public:
  /// dlopen of one absolute path, RTLD_NOW and RTLD_LOCAL. @error Problem with the path and what the loader says
  static Result<Module> load(const std::string& path);

  Module(Module&&) noexcept = default;
  Module& operator=(Module&&) noexcept = default;

  /// C_Initialize with CKF_OS_LOCKING_OK. Nobody else may be inside the module.
  TokenResult<void> initialise();
  /// C_Finalize. Nobody may be inside the module: beside a running call it crashes.
  void finalise();

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  const std::string& path() const { return path_; }

 private:
  Module(std::string path, const CK_FUNCTION_LIST* functions) : path_(std::move(path)), functions_(functions) {}
  std::string path_;
  const CK_FUNCTION_LIST* functions_;
  bool initialised_ = false;
};

}  // namespace gatehouse::pkcs11
