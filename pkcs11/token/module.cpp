#include "pkcs11/token/module.h"

#include <dlfcn.h>

namespace gatehouse::pkcs11 {

Result<Module> Module::load(const std::string& path) {
  if (!path.starts_with('/')) return problem("the PKCS#11 module is no absolute path", path);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    return problem(std::string("cannot load the PKCS#11 module: ") + (reason == nullptr ? "unknown" : reason), path);
  }
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (list == nullptr) return problem("is no PKCS#11 module: it has no C_GetFunctionList", path);
  CK_FUNCTION_LIST_PTR functions = nullptr;
  const CK_RV code = list(&functions);
  if (code != CKR_OK || functions == nullptr) return problem("C_GetFunctionList: " + code_name(code), path);
  if (functions->version.major != 2 && functions->version.major != 3) {
    return problem("speaks PKCS#11 version " + std::to_string(functions->version.major) + ", not 2 or 3", path);
  }
  return Module(path, functions);
}

TokenResult<void> Module::initialise() {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV code = functions_->C_Initialize(&arguments);
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    // A failed C_Finalize before, or a module that keeps its state: start from nothing.
    functions_->C_Finalize(nullptr);
    return call_failed("C_Initialize", code);
  }
  if (code != CKR_OK) return call_failed("C_Initialize", code);
  initialised_ = true;
  return {};
}

void Module::finalise() {
  if (initialised_) functions_->C_Finalize(nullptr);
  initialised_ = false;
}

}  // namespace gatehouse::pkcs11
