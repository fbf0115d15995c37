/// Answers the front's questions: authenticate, ask directory and policy, issue, record, publish. The order is the one of
/// docs/architecture.md: directory, policy, intent durable, signature, verified, issued durable, answer.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ca/api/message_socket.h"
#include "ca/authn/authenticator.h"
#include "ca/issue/issuance.h"
#include "ca/issuer/config.h"
#include "ca/policy/policy_file.h"
#include "ca/trust/publisher.h"
#include "daemon/audit.h"

namespace gatehouse::ca {

/// For any number of threads; a question blocks its own thread.
class IssuerService {
 public:
  /// Directory, ledger and token may be away. @error the policy, the nonce key, or settings that cannot be right
  static Result<std::unique_ptr<IssuerService>> open(const CaConfig& config, AuditLog audit);

  /// Wrong credentials of all kinds are answered after a whole number of these since the question came.
  static constexpr std::chrono::milliseconds refusal_step{750};
  Answer answer(const Question& question);

 private:
  struct Parts {
    std::unique_ptr<Directory> directory;
    std::unique_ptr<Ledger> ledger;
    std::unique_ptr<PolicyFile> policy;
    NonceMint nonces;
    AuditLog audit;
  };
  IssuerService(const CaConfig& config, Parts parts);

  Answer signed_request(const AskSigned& ask, const std::optional<Password>& password);
  Judged<CertificateAnswer> certify(const AskSigned& ask, const std::optional<Password>& password, const std::string& request_id,
                                    AuditLine& line);
  Judged<RevocationAnswer> revoke(const AskSigned& ask, const std::optional<Password>& password, const std::string& request_id,
                                  AuditLine& line);
  Judged<IssueDecision> decide(const Policy& policy, const SignedRequest& request, const Identified& who, UnixTime now) const;
  AnswerContent document(Judged<std::shared_ptr<const SignedDocument>> published, const std::string& known_etag) const;
  HealthAnswer health();
  HealthAnswer probe_parts();
  void write(const AuditLine& line);

  std::string id_;
  Parts parts_;
  Token token_;
  Publisher publisher_;
  Issuance issuance_;
  Authenticator authenticator_;

  std::mutex health_mutex_;  ///< held while the parts are asked: one asker at a time
  HealthAnswer health_;
  std::chrono::steady_clock::time_point health_at_{};
  std::atomic<bool> health_doubted_{false};  ///< a question has met a part that is down since
};

/// What asker and log read of a policy that said no.
Refusal refusal_of(const PolicyRefusal& refusal);

}  // namespace gatehouse::ca
