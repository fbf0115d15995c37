#include "ca/parent/accounts.h"

#include <unistd.h>

namespace gatehouse::ca {
namespace {

Result<Account> service_account(const std::string& name, const std::string& key, const std::string& file) {
  auto account = find_account(name);
  if (!account) return problem("[ca] " + key + ": " + account.error().what, file, account.error().mend);
  if (account->uid == 0) return problem("[ca] " + key + " must not be root", file, "give it an account of its own");
  return account;
}

}  // namespace

Result<Accounts> find_accounts(const CaConfig& config) {
  if (::geteuid() != 0) return Accounts{{}, {}, {}, ::geteuid(), ::geteuid(), ::geteuid()};
  auto issuer = service_account(config.issuer_user, "issuer_user", config.file);
  if (!issuer) return tl::unexpected(issuer.error());
  auto front = service_account(config.front_user, "front_user", config.file);
  if (!front) return tl::unexpected(front.error());
  auto signer = service_account(config.signer_user, "signer_user", config.file);
  if (!signer) return tl::unexpected(signer.error());
  if (issuer->uid == front->uid || issuer->uid == signer->uid || front->uid == signer->uid) {
    return problem("[ca] issuer_user, front_user and signer_user must be three accounts", config.file,
                   "what guards one from the other is the account");
  }
  Accounts accounts{*issuer, *front, *signer, issuer->uid, front->uid, signer->uid};
  return accounts;
}

}  // namespace gatehouse::ca
