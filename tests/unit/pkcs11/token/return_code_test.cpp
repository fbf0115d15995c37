#include "pkcs11/token/return_code.h"

#include <gtest/gtest.h>

namespace gatehouse::pkcs11 {
namespace {

TEST(Remedy, TellsStaleHandlesFromALostToken) {
  for (const CK_RV code : {CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,
                           CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_ACTIVE}) {
    EXPECT_EQ(remedy(code), Remedy::new_session) << code_name(code);
  }
  for (const CK_RV code : {CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_SLOT_ID_INVALID,
                           CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_CRYPTOKI_NOT_INITIALIZED}) {
    EXPECT_EQ(remedy(code), Remedy::initialise) << code_name(code);
  }
}

TEST(Remedy, NeverRepeatsAPin) {
  for (const CK_RV code : {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_EXPIRED, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID}) {
    EXPECT_EQ(remedy(code), Remedy::change_pin) << code_name(code);
  }
}

TEST(Remedy, TakesVendorCodesForALostToken) {
  EXPECT_EQ(remedy(CKR_VENDOR_DEFINED + 42), Remedy::initialise);
  EXPECT_EQ(code_name(CKR_VENDOR_DEFINED + 42), "CKR_VENDOR_DEFINED+0x2a");
}

TEST(Remedy, TakesUnknownCodesForPermanent) {
  EXPECT_EQ(remedy(0x7777), Remedy::permanent);
  EXPECT_EQ(code_name(0x7777), "CK_RV 0x7777");
}

TEST(Remedy, LetsAnExistingLoginPass) { EXPECT_EQ(remedy(CKR_USER_ALREADY_LOGGED_IN), Remedy::none); }

}  // namespace
}  // namespace gatehouse::pkcs11
