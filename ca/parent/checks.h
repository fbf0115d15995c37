/// What can be known to be wrong before anything starts.
#pragma once

#include "ca/issuer/config.h"
#include "ca/parent/accounts.h"
#include "pkcs11/client/signer_process.h"

namespace gatehouse::ca {

pkcs11::SignerSettings signer_settings(const CaConfig& config, const Accounts& accounts);

/// Accounts, policy, TLS files, signer, directory password. @error one line with file, line and mend
Result<void> check_surroundings(const CaConfig& config);

}  // namespace gatehouse::ca
