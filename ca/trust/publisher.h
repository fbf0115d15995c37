/// What the CA publishes to everybody: trust bundle and KRL, each with a detached signature; and the question whether something is revoked.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ca/api/answer.h"
#include "ca/issue/token.h"
#include "ca/ledger/ledger.h"
#include "ca/trust/revocation_list.h"
#include "ca/trust/trust_version.h"

namespace gatehouse::ca {

/// For any number of threads.
class Publisher {
 public:
  struct Settings {
    std::string ca_id;
    std::string trust_version_file;
    std::chrono::seconds bundle_life{7 * 24 * 3600};
  };
  Publisher(Settings settings, Ledger& ledger, Token& token);

  /// The newest. While the token is away, the last one that was signed, until its `expires`.
  Judged<std::shared_ptr<const SignedDocument>> trust(std::chrono::sys_seconds now);
  /// The newest. While the token or the ledger is away, the last one that was signed: its date tells how old it is.
  Judged<std::shared_ptr<const SignedDocument>> krl(std::chrono::sys_seconds now);

  /// Asks the ledger: never an older answer than its newest revocation. @error ledger_unavailable
  Judged<bool> is_revoked(const keys::Certificate& certificate, std::chrono::sys_seconds now);
  Judged<bool> is_revoked(const keys::PublicKey& key, std::chrono::sys_seconds now);

 private:
  /// The list at the ledger's newest version; read again only when the version or the date has changed.
  Judged<std::shared_ptr<const keys::Krl>> current_list(std::chrono::sys_seconds now);
  Judged<std::shared_ptr<const SignedDocument>> make_trust(std::chrono::sys_seconds issued);
  Judged<std::shared_ptr<const SignedDocument>> make_krl_document(std::chrono::sys_seconds now);

  Settings settings_;
  Ledger& ledger_;
  Token& token_;
  TrustVersion trust_version_;

  std::mutex mutex_;  ///< list_ and krl_
  std::shared_ptr<const keys::Krl> list_;
  std::shared_ptr<const SignedDocument> krl_;
  std::mutex trust_mutex_;  ///< the rest; held while the bundle is signed, so that versions are given out one after the other
  std::shared_ptr<const SignedDocument> trust_;
  std::string trust_content_;
  std::chrono::sys_seconds trust_issued_{};
};

}  // namespace gatehouse::ca
