/// A PKCS#11 module for tests: passes all calls to the module named by $SHIM_MODULE, notes each in $SHIM_LOG, and does what a line of
/// $SHIM_CONTROL says for a number of calls:
///
///     C_Sign 0x32 1        answer this CK_RV, once
///     C_Sign hang 1        never return
///     C_Sign crash 1       end the process by SIGSEGV
///     C_Sign sleep:200 3   wait 200 ms first, three times
///     C_Sign corrupt 1     pass on, then flip a bit of the signature
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

namespace {

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST shim;

std::string read_all(int fd) {
  std::string text;
  char part[4096];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t count; (count = ::read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(count));
  return text;
}

void note(const char* function) {
  const char* path = std::getenv("SHIM_LOG");
  if (path == nullptr) return;
  const int fd = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string line = std::string(function) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(fd, line.data(), line.size());
  ::close(fd);
}

/// What the control file says for this call; empty: nothing. The line's count goes down by one.
std::string order_for(const char* function) {
  note(function);
  const char* path = std::getenv("SHIM_CONTROL");
  if (path == nullptr) return {};
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return {};
  ::flock(fd, LOCK_EX);
  std::istringstream lines(read_all(fd));
  std::string left, order, name, what;
  long count = 0;
  while (lines >> name >> what >> count) {
    if (order.empty() && name == function && count > 0) {
      order = what;
      --count;
    }
    left += name + " " + what + " " + std::to_string(count) + "\n";
  }
  if (!order.empty() && (::ftruncate(fd, 0) != 0 || ::pwrite(fd, left.data(), left.size(), 0) < 0)) std::abort();
  ::close(fd);
  return order;
}

/// @return the code to answer instead of passing the call on, or CKR_OK to pass it on
CK_RV obey(const std::string& order) {
  if (order == "crash") std::raise(SIGSEGV);
  while (order == "hang") ::pause();
  if (order.starts_with("sleep:")) ::usleep(static_cast<useconds_t>(std::atol(order.c_str() + 6)) * 1000);
  return order.starts_with("0x") ? std::strtoul(order.c_str(), nullptr, 16) : CKR_OK;
}

#define BEFORE(function)                          \
  const std::string order = order_for(#function); \
  if (const CK_RV code = obey(order); code != CKR_OK) return code

CK_RV initialize(void* arguments) {
  BEFORE(C_Initialize);
  return real->C_Initialize(arguments);
}
CK_RV finalize(void* reserved) {
  BEFORE(C_Finalize);
  return real->C_Finalize(reserved);
}
CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID* list, CK_ULONG* count) {
  BEFORE(C_GetSlotList);
  return real->C_GetSlotList(present, list, count);
}
CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  BEFORE(C_GetTokenInfo);
  const CK_RV code = real->C_GetTokenInfo(slot, info);
  if (order == "final-try") info->flags |= CKF_USER_PIN_FINAL_TRY;
  return code;
}
CK_RV mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  BEFORE(C_GetMechanismInfo);
  return real->C_GetMechanismInfo(slot, type, info);
}
CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
  BEFORE(C_OpenSession);
  return real->C_OpenSession(slot, flags, application, notify, session);
}
CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
  BEFORE(C_Login);
  return real->C_Login(session, user, pin, size);
}
CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most, CK_ULONG* count) {
  BEFORE(C_FindObjects);
  return real->C_FindObjects(session, objects, most, count);
}
CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  BEFORE(C_SignInit);
  return real->C_SignInit(session, mechanism, key);
}
CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* signature, CK_ULONG* length) {
  BEFORE(C_Sign);
  const CK_RV code = real->C_Sign(session, data, size, signature, length);
  if (code == CKR_OK && order == "corrupt") signature[*length / 2] ^= 1;
  return code;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == nullptr) {
    const char* path = std::getenv("SHIM_MODULE");
    void* library = ::dlopen(path != nullptr ? path : "/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return CKR_GENERAL_ERROR;
    const auto entry = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (entry == nullptr || entry(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    shim = *real;
    shim.C_Initialize = initialize;
    shim.C_Finalize = finalize;
    shim.C_GetSlotList = slot_list;
    shim.C_GetTokenInfo = token_info;
    shim.C_GetMechanismInfo = mechanism_info;
    shim.C_OpenSession = open_session;
    shim.C_Login = login;
    shim.C_FindObjects = find_objects;
    shim.C_SignInit = sign_init;
    shim.C_Sign = sign;
  }
  *list = &shim;
  return CKR_OK;
}
