#include "ca/issuer/issuer_service.h"

#include <exception>

#include "daemon/log.h"

namespace gatehouse::ca {
namespace {

constexpr std::chrono::seconds health_lives{1};

UnixTime unix_now() { return std::chrono::time_point_cast<Seconds>(std::chrono::system_clock::now()); }

LedgerTime ledger_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

std::string_view event_name(Action action, bool granted) {
  switch (action) {
    case Action::user_certificate:
    case Action::host_certificate:
      return granted ? "certificate_issued" : "certificate_refused";
    case Action::revoke:
      return granted ? "revocation" : "revocation_refused";
  }
  return "request";
}

/// How long is missing to the next whole step.
std::chrono::milliseconds hold_until_step(std::chrono::steady_clock::time_point begun) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  const auto over = elapsed % IssuerService::refusal_step;
  return IssuerService::refusal_step - over;
}

void tell_person(AuditLine& line, const Identified& who) {
  line.text("user", who.person.name).text("dn", who.person.dn).text("proof", proof_name(who.proof));
}

}  // namespace

Refusal refusal_of(const PolicyRefusal& refusal) {
  ProblemType type = ProblemType::not_authorized;
  if (refusal.fault == PolicyFault::key_type) type = ProblemType::unsupported_key;
  if (refusal.fault == PolicyFault::session_ended) type = ProblemType::session_ended;
  return {{type, refusal.text, {}, {}}, std::string(fault_name(refusal.fault)), refusal.text, false};
}

Result<std::unique_ptr<IssuerService>> IssuerService::open(const CaConfig& config, AuditLog audit) {
  auto directory = Directory::open(config.directory);
  if (!directory) return tl::unexpected(directory.error());
  auto ledger = Ledger::open(config.ledger);
  if (!ledger) return tl::unexpected(ledger.error());
  auto policy = PolicyFile::open(config.policy);
  if (!policy) return tl::unexpected(policy.error());
  auto key = load_or_make_nonce_key(config.data_dir + "/nonce.key");
  if (!key) return tl::unexpected(key.error());
  Parts parts{std::move(*directory), std::move(*ledger), std::move(*policy), NonceMint(std::move(*key), config.id), std::move(audit)};
  return std::unique_ptr<IssuerService>(new IssuerService(config, std::move(parts)));
}

IssuerService::IssuerService(const CaConfig& config, Parts parts)
    : id_(config.id),
      parts_(std::move(parts)),
      token_(config.signer_socket(), config.keys),
      publisher_({config.id, config.data_dir + "/trust.version"}, *parts_.ledger, token_),
      issuance_(*parts_.ledger, token_),
      authenticator_({parts_.directory.get(), parts_.ledger.get(),
                      [this]() -> Judged<std::vector<keys::PublicKey>> {
                        const auto all = token_.keys();
                        if (!all) return tl::unexpected(all.error());
                        std::vector<keys::PublicKey> keys;
                        for (const CaKey& key : (*all)->user_ca) keys.push_back(key.key);
                        return keys;
                      },
                      [this](const keys::Certificate& certificate) { return publisher_.is_revoked(certificate, unix_now()); }},
                     config.renew_after_end) {}

Answer IssuerService::answer(const Question& question) try {
  Answer answer;
  if (std::holds_alternative<AskNonce>(question.ask)) {
    answer.content = NonceAnswer{parts_.nonces.mint(unix_now()), static_cast<std::uint64_t>(NonceMint::life.count()), id_};
  } else if (const auto* ask = std::get_if<AskSigned>(&question.ask)) {
    answer = signed_request(*ask, question.password);
  } else if (std::holds_alternative<AskTrust>(question.ask)) {
    answer.content = document(publisher_.trust(unix_now()), {});
  } else if (const auto* krl = std::get_if<AskKrl>(&question.ask)) {
    answer.content = document(publisher_.krl(unix_now()), krl->known_etag);
  } else {
    answer.content = health();
  }
  return answer;
} catch (const std::exception& mistake) {
  log::error("a question ended in an exception: {}", mistake.what());
  return {ProblemDocument{ProblemType::internal, "the CA made a mistake; its log says more", {}, {}}, {}};
}

AnswerContent IssuerService::document(Judged<std::shared_ptr<const SignedDocument>> published, const std::string& known_etag) const {
  if (!published) {
    log::warning("cannot publish: {}", published.error().detail);
    return published.error().document;
  }
  if ((*published)->etag == known_etag) return NotModified{};
  return **published;
}

Answer IssuerService::signed_request(const AskSigned& ask, const std::optional<Password>& password) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string request_id = random_request_id();
  AuditLine granted(event_name(ask.action, true));
  granted.text("request", request_id).text("address", ask.caller.address);

  Answer answer;
  std::optional<Refusal> refusal;
  if (ask.action == Action::revoke) {
    if (auto done = revoke(ask, password, request_id, granted)) {
      answer.content = std::move(*done);
    } else {
      refusal = done.error();
    }
  } else if (auto done = certify(ask, password, request_id, granted)) {
    answer.content = std::move(*done);
  } else {
    refusal = done.error();
  }
  if (!refusal) {
    write(granted);
    return answer;
  }
  AuditLine line(event_name(ask.action, false));
  line.text("request", request_id)
      .text("address", ask.caller.address)
      .text("action", action_name(ask.action))
      .text("reason", refusal->reason)
      .text("problem", problem_word(refusal->document.type))
      .text("detail", refusal->detail);
  if (password) line.text("claimed_user", password->user);
  write(line);
  log::info("request {} from {} refused: {}: {}", request_id, escaped(ask.caller.address), refusal->reason, refusal->detail);
  if (problem_status(refusal->document.type) == 503) health_doubted_ = true;
  if (refusal->same_time) answer.hold = hold_until_step(begun);
  refusal->document.request_id = request_id;
  answer.content = std::move(refusal->document);
  return answer;
}

Judged<IssueDecision> IssuerService::decide(const Policy& policy, const SignedRequest& request, const Identified& who, UnixTime now) const {
  const keys::KeyType type = request.public_key->type();
  if (request.action == Action::host_certificate) {
    const HostRequest host{request.role.value_or(""), request.principals, request.lifetime, type, who.proof};
    auto decision = policy.decide(who.person, host, now);
    if (!decision) return tl::unexpected(refusal_of(decision.error()));
    return std::move(*decision);
  }
  const UserRequest user{
      request.role.value_or(""), request.principals, request.lifetime, request.reason.value_or(""), type, who.proof, who.session};
  auto decision = policy.decide(who.person, user, now);
  if (!decision) return tl::unexpected(refusal_of(decision.error()));
  return std::move(*decision);
}

Judged<CertificateAnswer> IssuerService::certify(const AskSigned& ask, const std::optional<Password>& password,
                                                 const std::string& request_id, AuditLine& line) {
  const UnixTime now = unix_now();
  const auto verified = verify_request(ask, id_, parts_.nonces, now);
  if (!verified) return tl::unexpected(verified.error());
  const SignedRequest& request = verified->request;
  const auto policy = parts_.policy->current();
  const auto who = authenticator_.identify(*verified, password, policy->attributes_wanted(), now);
  if (!who) return tl::unexpected(who.error());
  tell_person(line, *who);
  auto decision = decide(*policy, request, *who, now);
  if (!decision) {
    Refusal refusal = decision.error();
    refusal.detail = who->person.dn + ": " + refusal.detail;
    return tl::unexpected(std::move(refusal));
  }
  const auto revoked = publisher_.is_revoked(*request.public_key, now);
  if (!revoked) return tl::unexpected(revoked.error());
  if (*revoked) return refuse(ProblemType::not_authorized, "revoked_key", "the key to certify is revoked: make a new one");

  const Order order{request_id,           *request.public_key,
                    std::move(*decision), who->person,
                    who->proof,           who->session ? who->session->id : std::string(),
                    request.nonce,        request.reason.value_or(""),
                    ask.caller.address};
  auto issued = issuance_.issue(order, now);
  if (!issued) return issued;
  line.serial("serial", issued->serial)
      .text("key_id", issued->key_id)
      .text("type", order.decision.fields.type == keys::CertificateType::host ? "host" : "user")
      .text("role", issued->role)
      .texts("principals", issued->principals)
      .text("fingerprint", order.subject.fingerprint())
      .text("session", order.session_id.empty() ? request_id : order.session_id)
      .number("valid_after", static_cast<std::int64_t>(issued->valid_after))
      .number("valid_before", static_cast<std::int64_t>(issued->valid_before))
      .text("reason", order.reason);
  return issued;
}

Judged<RevocationAnswer> IssuerService::revoke(const AskSigned& ask, const std::optional<Password>& password, const std::string& request_id,
                                               AuditLine& line) {
  const UnixTime now = unix_now();
  const auto verified = verify_request(ask, id_, parts_.nonces, now);
  if (!verified) return tl::unexpected(verified.error());
  const SignedRequest& request = verified->request;
  const auto policy = parts_.policy->current();
  const auto who = authenticator_.identify(*verified, password, {}, now);
  if (!who) return tl::unexpected(who.error());
  tell_person(line, *who);
  if (!policy->is_admin(who->person)) {
    return refuse(ProblemType::not_authorized, "no_admin", who->person.name + " is in none of the groups that may revoke");
  }
  RevocationRow row;
  row.reason = request.reason.value_or("");
  row.who = who->person.name;
  row.nonce = request.nonce;
  row.time = ledger_now();
  RevocationAnswer answer{request_id, 0};
  const auto record = [&]() -> Judged<void> {
    const auto version = parts_.ledger->record(row);
    if (!version) return tl::unexpected(refusal_of(version.error()));
    answer.krl_version = *version;
    row.nonce.clear();  // the first row has used it
    return {};
  };
  std::vector<std::string> serials;
  for (const std::uint64_t serial : request.serials) {
    const auto known = parts_.ledger->find_serial(serial);
    if (!known) return tl::unexpected(refusal_of(known.error()));
    row.kind = RevocationKind::serial;
    row.serial = serial;
    row.ca_key = *known ? (*known)->intent.ca_key : ByteVector();
    row.until.reset();
    // An ended certificate can be renewed until its session ends, so the list has it for as long.
    if (*known) {
      const std::chrono::sys_seconds ends{Seconds((*known)->intent.fields.valid_before)};
      row.until = std::max(ends, (*known)->intent.session_end);
    }
    if (auto done = record(); !done) return tl::unexpected(done.error());
    serials.push_back(std::to_string(serial));
  }
  row.ca_key.clear();
  row.until.reset();
  for (const std::string& key_id : request.key_ids) {
    row.kind = RevocationKind::key_id;
    row.key_id = key_id;
    if (auto done = record(); !done) return tl::unexpected(done.error());
  }
  row.key_id.clear();
  std::vector<std::string> fingerprints;
  for (const keys::PublicKey& key : request.keys) {
    row.kind = RevocationKind::key;
    row.key = to_vector(key.blob());
    if (auto done = record(); !done) return tl::unexpected(done.error());
    fingerprints.push_back(key.fingerprint());
  }
  line.texts("serials", serials)
      .texts("key_ids", request.key_ids)
      .texts("fingerprints", fingerprints)
      .serial("krl_version", answer.krl_version)
      .text("reason", row.reason);
  return answer;
}

void IssuerService::write(const AuditLine& line) {
  // The ledger is what an issue waits for; this file tells the same to people and is no condition.
  if (auto written = parts_.audit.write(line); !written) log::error("cannot write the audit log: {}", written.error().line());
}

HealthAnswer IssuerService::health() {
  const std::lock_guard lock(health_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (health_doubted_.exchange(false) || health_.parts.empty() || now - health_at_ >= health_lives) {
    health_ = probe_parts();
    health_at_ = std::chrono::steady_clock::now();
  }
  return health_;
}

HealthAnswer IssuerService::probe_parts() {
  HealthAnswer answer;
  const DirectoryHealth directory = parts_.directory->probe();
  answer.parts.push_back(
      {"directory", directory.answers, directory.answers ? directory.server + " answers" : directory.server + ": " + directory.text});
  const LedgerHealth ledger = parts_.ledger->health();
  answer.parts.push_back({"ledger", ledger.writable, ledger.writable ? "writable" : ledger.text});
  const Token::Health token = token_.health();
  answer.parts.push_back({"token", token.up, token.words});
  const auto alarm = parts_.policy->alarm();
  answer.parts.push_back({"policy", true, alarm ? "the file is wrong, the last good one stays in force: " + alarm->line() : "in force"});
  return answer;
}

}  // namespace gatehouse::ca
