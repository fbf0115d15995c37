#include "agent-bridge/identities/identity_store.h"

#include <algorithm>

namespace gatehouse::agent {

namespace {

bool ended(const HeldIdentity& identity, Now now) {
  if (identity.ends_at && now.since_boot >= *identity.ends_at) return true;
  return identity.certificate && now.unix_seconds >= identity.certificate->fields().valid_before;
}

bool usable(const HeldIdentity& identity, Now now) {
  return !ended(identity, now) && (!identity.certificate || now.unix_seconds >= identity.certificate->fields().valid_after);
}

int rank(const HeldIdentity& identity) { return identity.from_ca ? 0 : identity.certificate ? 1 : 2; }

}  // namespace

bool IdentityStore::add(HeldIdentity identity) {
  remove(identity.blob());
  if (identities_.size() >= max_identities) return false;
  identities_.push_back(std::move(identity));
  return true;
}

bool IdentityStore::replace(Bytes old_blob, HeldIdentity renewed) {
  for (HeldIdentity& held : identities_) {
    if (equal(held.blob(), old_blob)) held.listed = false;
  }
  return add(std::move(renewed));
}

bool IdentityStore::remove(Bytes blob) {
  return std::erase_if(identities_, [&](const HeldIdentity& held) { return equal(held.blob(), blob); }) > 0;
}

void IdentityStore::remove_log_in(const keys::PublicKey& key) {
  std::erase_if(identities_, [&](const HeldIdentity& held) { return held.from_ca && held.key->public_key() == key; });
}

std::vector<Identity> IdentityStore::list(Now now) const {
  std::vector<const HeldIdentity*> shown;
  for (const HeldIdentity& held : identities_) {
    if (held.listed && usable(held, now)) shown.push_back(&held);
  }
  std::stable_sort(shown.begin(), shown.end(), [](const auto* a, const auto* b) { return rank(*a) < rank(*b); });
  std::vector<Identity> identities;
  for (const HeldIdentity* held : shown) identities.push_back({to_vector(held->blob()), held->comment});
  return identities;
}

const HeldIdentity* IdentityStore::find(Bytes blob, Now now) const {
  const auto found = std::find_if(identities_.begin(), identities_.end(),
                                  [&](const HeldIdentity& held) { return equal(held.blob(), blob) && usable(held, now); });
  return found == identities_.end() ? nullptr : &*found;
}

void IdentityStore::drop_ended(Now now) {
  std::erase_if(identities_, [&](const HeldIdentity& held) { return ended(held, now); });
}

}  // namespace gatehouse::agent
