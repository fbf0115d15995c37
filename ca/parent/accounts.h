/// The accounts of the CA's processes.
#pragma once

#include <optional>

#include "ca/issuer/config.h"
#include "daemon/account.h"

namespace gatehouse::ca {

/// Of another user than root all processes have that user's account: nothing to become.
struct Accounts {
  std::optional<Account> issuer;
  std::optional<Account> front;
  std::optional<Account> signer;
  uid_t issuer_uid = 0;
  uid_t front_uid = 0;
  uid_t signer_uid = 0;
};
/// @error Problem: an account that does not exist, is root, or is used twice
Result<Accounts> find_accounts(const CaConfig& config);

}  // namespace gatehouse::ca
