#include "agent-bridge/identities/keeper.h"

#include <algorithm>

#include "protocol/core/wire.h"

namespace gatehouse::agent {

namespace {

constexpr std::string_view own_namespaces = "gatehouse-";

/// The signature that the flags ask for; nothing for SHA-1.
std::optional<keys::SignatureAlgorithm> algorithm_for(const keys::PublicKey& key, std::uint32_t flags) {
  if (key.type() != keys::KeyType::rsa) return keys::preferred_signature(key.type());
  if ((flags & flag_rsa_sha2_512) != 0) return keys::SignatureAlgorithm::rsa_sha2_512;
  if ((flags & flag_rsa_sha2_256) != 0) return keys::SignatureAlgorithm::rsa_sha2_256;
  return std::nullopt;
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

bool ClientBindings::bind(const SessionBind& bind) {
  for (const SessionBind& known : bindings_) {
    if (!known.forwarding) return false;
    if (equal(known.session_id, bind.session_id)) return equal(known.host_key_blob, bind.host_key_blob);
  }
  if (bindings_.size() >= max_bindings || !verify_session_bind(bind)) return false;
  bindings_.push_back(bind);
  return true;
}

bool ClientBindings::forwarded() const {
  return std::any_of(bindings_.begin(), bindings_.end(), [](const SessionBind& bind) { return bind.forwarding; });
}

Outcome Keeper::answer(Request request, ClientBindings& bindings, Now now) {
  store_.drop_ended(now);
  // What changes the agent is for those on this machine (CVE-2026-73281: a forwarded agent must not take keys from the far side).
  const auto local_only = [&](auto act) -> Outcome {
    if (bindings.forwarded() || locked()) return Reply{write_failure()};
    return act();
  };
  return std::visit(
      Overloaded{
          [&](RequestIdentities&) -> Outcome { return Reply{write_identities(locked() ? std::vector<Identity>{} : store_.list(now))}; },
          [&](SignRequest& sign_request) -> Outcome { return Reply{sign(sign_request, bindings, now)}; },
          [&](AddIdentity& add_request) -> Outcome { return local_only([&] { return Reply{add(std::move(add_request), now)}; }); },
          [&](RemoveIdentity& remove) -> Outcome {
            return local_only([&] { return Reply{store_.remove(remove.key_blob) ? write_success() : write_failure()}; });
          },
          [&](RemoveAllIdentities&) -> Outcome {
            return local_only([&] {
              store_.remove_all();
              return Reply{write_success()};
            });
          },
          [&](Lock& lock_request) -> Outcome { return local_only([&] { return lock(std::move(lock_request)); }); },
          [&](Unlock& unlock_request) -> Outcome { return bindings.forwarded() ? Reply{write_failure()} : unlock(unlock_request); },
          [&](Extension& extension_request) -> Outcome { return extension(extension_request, bindings); },
          [&](Unsupported&) -> Outcome { return Reply{write_failure()}; },
      },
      request);
}

ByteVector Keeper::sign(const SignRequest& request, const ClientBindings& bindings, Now now) {
  if (locked()) return write_failure();
  // Proofs of possession and identity towards the CA are made by the agent for itself only; and no SSHSIG at all for the far side of a
  // forwarded connection, where it could sign whatever the other host likes.
  if (const auto name_space = sshsig_namespace_of(request.data)) {
    if (bindings.forwarded() || name_space->empty() || name_space->starts_with(own_namespaces)) return write_failure();
  }
  const HeldIdentity* held = store_.find(request.key_blob, now);
  if (held == nullptr) return write_failure();
  const auto algorithm = algorithm_for(held->key->public_key(), request.flags);
  if (!algorithm) return write_failure();
  const auto signature = held->key->sign(*algorithm, request.data);
  return signature ? write_signature(*signature) : write_failure();
}

ByteVector Keeper::add(AddIdentity request, Now now) {
  if (request.constraints.confirm) return write_failure();  // there is nobody here to ask; a constraint is kept or the key refused
  HeldIdentity identity;
  identity.key = std::make_shared<keys::PrivateKey>(std::move(request.key));
  identity.certificate = std::move(request.certificate);
  identity.comment = std::move(request.comment);
  if (request.constraints.lifetime) identity.ends_at = now.since_boot + *request.constraints.lifetime;
  return store_.add(std::move(identity)) ? write_success() : write_failure();
}

Reply Keeper::lock(Lock request) {
  lock_passphrase_.emplace(std::move(request.passphrase));
  return {write_success()};
}

Reply Keeper::unlock(const Unlock& request) {
  if (!locked()) return {write_failure()};
  if (!equal_in_constant_time(lock_passphrase_->reveal(), request.passphrase.reveal())) {
    failed_unlocks_ = std::min(failed_unlocks_ + 1, 100);
    return {write_failure(), std::chrono::milliseconds(100 * failed_unlocks_)};
  }
  failed_unlocks_ = 0;
  lock_passphrase_.reset();
  return {write_success()};
}

Outcome Keeper::extension(const Extension& request, ClientBindings& bindings) {
  if (request.name == query_name) {
    WireWriter names;
    for (const std::string_view name : {session_bind_name, login_name, status_name, logout_name}) names.string(name);
    return Reply{write_extension_response(query_name, names.view())};
  }
  if (request.name == session_bind_name) {  // also while locked: it only narrows what the connection may do
    const auto bind = parse_session_bind(request.body.reveal());
    return Reply{bind && bindings.bind(*bind) ? write_success() : write_extension_failure()};
  }
  const bool ours = request.name == login_name || request.name == status_name || request.name == logout_name;
  if (!ours) return Reply{write_failure()};
  if (bindings.forwarded() || locked()) return Reply{write_extension_failure()};
  if (request.name == status_name) return WantsStatus{};
  if (request.name == logout_name) {
    auto url = parse_logout_request(request.body.reveal());
    if (!url) return Reply{write_extension_failure()};
    return WantsLogout{std::move(*url)};
  }
  auto login = parse_login_request(request.body.reveal());
  if (!login) return Reply{write_extension_failure()};
  return WantsLogin{std::move(*login)};
}

}  // namespace gatehouse::agent
