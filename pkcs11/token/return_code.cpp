#include "pkcs11/token/return_code.h"

#include <fmt/format.h>

#include <array>

namespace gatehouse::pkcs11 {

namespace {

struct Row {
  CK_RV code;
  std::string_view name;
  Remedy remedy;
};

#define GATEHOUSE_ROW(code, remedy) \
  Row { code, #code, Remedy::remedy }
// PKCS#11 2.40 section 5.1, with what tokens were seen to mean by each. GENERAL_ERROR and FUNCTION_FAILED are how SoftHSM, tpm2-pkcs11
// and others report that their back end is gone.
constexpr std::array rows{
    GATEHOUSE_ROW(CKR_OK, none),
    GATEHOUSE_ROW(CKR_USER_ALREADY_LOGGED_IN, none),
    // A stale handle or session.
    GATEHOUSE_ROW(CKR_OBJECT_HANDLE_INVALID, new_session),
    GATEHOUSE_ROW(CKR_KEY_HANDLE_INVALID, new_session),
    GATEHOUSE_ROW(CKR_SESSION_HANDLE_INVALID, new_session),
    GATEHOUSE_ROW(CKR_SESSION_CLOSED, new_session),
    GATEHOUSE_ROW(CKR_USER_NOT_LOGGED_IN, new_session),
    GATEHOUSE_ROW(CKR_OPERATION_ACTIVE, new_session),
    GATEHOUSE_ROW(CKR_OPERATION_NOT_INITIALIZED, new_session),
    // The token or the module.
    GATEHOUSE_ROW(CKR_DEVICE_ERROR, initialise),
    GATEHOUSE_ROW(CKR_DEVICE_REMOVED, initialise),
    GATEHOUSE_ROW(CKR_TOKEN_NOT_PRESENT, initialise),
    GATEHOUSE_ROW(CKR_TOKEN_NOT_RECOGNIZED, initialise),
    GATEHOUSE_ROW(CKR_SLOT_ID_INVALID, initialise),
    GATEHOUSE_ROW(CKR_GENERAL_ERROR, initialise),
    GATEHOUSE_ROW(CKR_FUNCTION_FAILED, initialise),
    GATEHOUSE_ROW(CKR_FUNCTION_CANCELED, initialise),
    GATEHOUSE_ROW(CKR_CRYPTOKI_NOT_INITIALIZED, initialise),
    GATEHOUSE_ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, initialise),
    GATEHOUSE_ROW(CKR_CANT_LOCK, permanent),
    GATEHOUSE_ROW(CKR_NEED_TO_CREATE_THREADS, permanent),
    // SoftHSM 2.6 says this of a token whose file another process is just writing.
    GATEHOUSE_ROW(CKR_USER_PIN_NOT_INITIALIZED, initialise),
    // Short of something.
    GATEHOUSE_ROW(CKR_SESSION_COUNT, wait),
    GATEHOUSE_ROW(CKR_HOST_MEMORY, wait),
    GATEHOUSE_ROW(CKR_DEVICE_MEMORY, wait),
    // The PIN.
    GATEHOUSE_ROW(CKR_PIN_INCORRECT, change_pin),
    GATEHOUSE_ROW(CKR_PIN_INVALID, change_pin),
    GATEHOUSE_ROW(CKR_PIN_LEN_RANGE, change_pin),
    GATEHOUSE_ROW(CKR_PIN_EXPIRED, change_pin),
    GATEHOUSE_ROW(CKR_PIN_LOCKED, change_pin),
    // Ours or the key's.
    GATEHOUSE_ROW(CKR_ARGUMENTS_BAD, permanent),
    GATEHOUSE_ROW(CKR_USER_TYPE_INVALID, permanent),
    GATEHOUSE_ROW(CKR_USER_TOO_MANY_TYPES, permanent),
    GATEHOUSE_ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, permanent),
    GATEHOUSE_ROW(CKR_MECHANISM_INVALID, permanent),
    GATEHOUSE_ROW(CKR_MECHANISM_PARAM_INVALID, permanent),
    GATEHOUSE_ROW(CKR_KEY_TYPE_INCONSISTENT, permanent),
    GATEHOUSE_ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, permanent),
    GATEHOUSE_ROW(CKR_KEY_SIZE_RANGE, permanent),
    GATEHOUSE_ROW(CKR_DATA_INVALID, permanent),
    GATEHOUSE_ROW(CKR_DATA_LEN_RANGE, permanent),
    GATEHOUSE_ROW(CKR_TEMPLATE_INCOMPLETE, permanent),
    GATEHOUSE_ROW(CKR_TEMPLATE_INCONSISTENT, permanent),
    GATEHOUSE_ROW(CKR_ATTRIBUTE_READ_ONLY, permanent),
    GATEHOUSE_ROW(CKR_ATTRIBUTE_SENSITIVE, permanent),
    GATEHOUSE_ROW(CKR_ATTRIBUTE_TYPE_INVALID, permanent),
    GATEHOUSE_ROW(CKR_ATTRIBUTE_VALUE_INVALID, permanent),
    GATEHOUSE_ROW(CKR_FUNCTION_NOT_SUPPORTED, permanent),
    GATEHOUSE_ROW(CKR_FUNCTION_REJECTED, permanent),
    GATEHOUSE_ROW(CKR_BUFFER_TOO_SMALL, permanent),
    GATEHOUSE_ROW(CKR_DOMAIN_PARAMS_INVALID, permanent),
    GATEHOUSE_ROW(CKR_CURVE_NOT_SUPPORTED, permanent),
    GATEHOUSE_ROW(CKR_SESSION_READ_ONLY, permanent),
    GATEHOUSE_ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, permanent),
    GATEHOUSE_ROW(CKR_TOKEN_WRITE_PROTECTED, permanent),
    Row{0x1BUL, "CKR_ACTION_PROHIBITED", Remedy::permanent},
};
#undef GATEHOUSE_ROW

const Row* row_of(CK_RV code) {
  for (const Row& row : rows) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

}  // namespace

Remedy remedy(CK_RV code) {
  if (const Row* row = row_of(code)) return row->remedy;
  return code >= CKR_VENDOR_DEFINED ? Remedy::initialise : Remedy::permanent;
}

std::string code_name(CK_RV code) {
  if (const Row* row = row_of(code)) return std::string(row->name);
  if (code >= CKR_VENDOR_DEFINED) return fmt::format("CKR_VENDOR_DEFINED+{:#x}", code - CKR_VENDOR_DEFINED);
  return fmt::format("CK_RV {:#x}", code);
}

tl::unexpected<TokenError> call_failed(std::string_view call, CK_RV code) {
  return token_error(remedy(code), fmt::format("{}: {}", call, code_name(code)));
}

}  // namespace gatehouse::pkcs11
