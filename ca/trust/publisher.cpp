#include "ca/trust/publisher.h"

#include "ca/api/trust_bundle.h"
#include "ca/authn/authenticator.h"
#include "daemon/log.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::ca {
namespace {

std::uint64_t unix_seconds(std::chrono::sys_seconds time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

std::vector<keys::PublicKey> plain(const std::vector<CaKey>& keys) {
  std::vector<keys::PublicKey> out;
  for (const CaKey& key : keys) out.push_back(key.key);
  return out;
}

std::string etag_of(std::uint64_t version, std::uint64_t date) { return std::to_string(version) + "-" + std::to_string(date); }

}  // namespace

Publisher::Publisher(Settings settings, Ledger& ledger, Token& token)
    : settings_(std::move(settings)), ledger_(ledger), token_(token), trust_version_(settings_.trust_version_file) {}

Judged<std::shared_ptr<const keys::Krl>> Publisher::current_list(std::chrono::sys_seconds now) {
  const auto version = ledger_.krl_version();
  if (!version) return tl::unexpected(refusal_of(version.error()));
  const auto date = resign_time(now);
  {
    const std::lock_guard lock(mutex_);
    if (list_ && list_->version == *version && list_->date == unix_seconds(date)) return list_;
  }
  const auto rows = ledger_.revocations(*version);
  if (!rows) return tl::unexpected(refusal_of(rows.error()));
  auto list = std::make_shared<const keys::Krl>(make_krl(*rows, *version, date));
  const std::lock_guard lock(mutex_);
  if (!list_ || list_->version <= list->version) list_ = list;
  return list;
}

Judged<bool> Publisher::is_revoked(const keys::Certificate& certificate, std::chrono::sys_seconds now) {
  const auto list = current_list(now);
  if (!list) return tl::unexpected(list.error());
  return (*list)->check(certificate) != keys::Revocation::none;
}

Judged<bool> Publisher::is_revoked(const keys::PublicKey& key, std::chrono::sys_seconds now) {
  const auto list = current_list(now);
  if (!list) return tl::unexpected(list.error());
  return (*list)->check(key) != keys::Revocation::none;
}

Judged<std::shared_ptr<const SignedDocument>> Publisher::krl(std::chrono::sys_seconds now) {
  auto fresh = make_krl_document(now);
  if (fresh) return fresh;
  const std::lock_guard lock(mutex_);
  if (!krl_) return fresh;
  log::warning("the last KRL stays in use: {}", fresh.error().detail);
  return krl_;
}

Judged<std::shared_ptr<const SignedDocument>> Publisher::make_krl_document(std::chrono::sys_seconds now) {
  const auto list = current_list(now);
  if (!list) return tl::unexpected(list.error());
  const std::string etag = etag_of((*list)->version, (*list)->date);
  {
    const std::lock_guard lock(mutex_);
    if (krl_ && krl_->etag == etag) return krl_;
  }
  const auto all = token_.keys();
  if (!all) return tl::unexpected(all.error());
  SignedDocument document;
  document.content = (*list)->write();
  auto signature = token_.sign_document((*all)->krl.key, keys::sshsig_namespace::krl, document.content);
  if (!signature) return tl::unexpected(signature.error());
  document.signature = std::move(*signature);
  document.etag = etag;
  auto made = std::make_shared<const SignedDocument>(std::move(document));
  const std::lock_guard lock(mutex_);
  krl_ = made;
  return made;
}

Judged<std::shared_ptr<const SignedDocument>> Publisher::trust(std::chrono::sys_seconds now) {
  auto fresh = make_trust(resign_time(now));
  if (fresh) return fresh;
  const std::lock_guard lock(trust_mutex_);
  if (!trust_ || now >= trust_issued_ + settings_.bundle_life) return fresh;
  log::warning("the last trust bundle stays in use: {}", fresh.error().detail);
  return trust_;
}

Judged<std::shared_ptr<const SignedDocument>> Publisher::make_trust(std::chrono::sys_seconds issued) {
  const auto all = token_.keys();
  if (!all) return tl::unexpected(all.error());
  TrustBundle bundle;
  bundle.ca_id = settings_.ca_id;
  bundle.user_ca = plain((*all)->user_ca);
  bundle.host_ca = plain((*all)->host_ca);
  bundle.trust_keys = {(*all)->trust.key};
  if (!((*all)->krl.key == (*all)->trust.key)) bundle.trust_keys.push_back((*all)->krl.key);
  const std::string content = write_trust_bundle(bundle);  // without version and times, which are still 0

  const std::lock_guard lock(trust_mutex_);
  if (trust_ && trust_content_ == content && trust_issued_ == issued) return trust_;
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto version = trust_version_.of(content, static_cast<std::uint64_t>(now_ms));
  if (!version) return refuse(ProblemType::ca_unavailable, "trust_version", version.error().line());
  bundle.version = *version;
  bundle.issued = unix_seconds(issued);
  bundle.expires = unix_seconds(issued + settings_.bundle_life);
  SignedDocument document;
  document.content = to_vector(as_bytes(write_trust_bundle(bundle)));
  auto signature = token_.sign_document((*all)->trust.key, keys::sshsig_namespace::trust, document.content);
  if (!signature) return tl::unexpected(signature.error());
  document.signature = std::move(*signature);
  document.etag = etag_of(bundle.version, bundle.issued);
  trust_ = std::make_shared<const SignedDocument>(std::move(document));
  trust_content_ = content;
  trust_issued_ = issued;
  return trust_;
}

}  // namespace gatehouse::ca
