#include "sshd/monitor/preauth_service.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "daemon/log.h"
#include "protocol/auth/userauth.h"
#include "protocol/crypto/digest.h"
#include "sshd/monitor/principals_file.h"

namespace gatehouse::sshd {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds frame_time{5000};             // between the first and the last octet of one frame
constexpr milliseconds principals_file_time{10000};  // a home on a network that hangs must not hold the monitor for ever
constexpr std::size_t max_banner = 64 * 1024;

/// What is refused, and what is said of a user before anything is proved, is answered at fixed times after the question, 5 ms, 10 ms,
/// 20 ms, …, so that how long a look-up took cannot be read from outside. Who gets in does not wait.
class EvenTime {
 public:
  void wait() const {
    milliseconds slot{5};
    const auto passed = Clock::now() - begin_;
    while (slot < passed && slot < milliseconds{5000}) slot *= 2;
    std::this_thread::sleep_until(begin_ + slot);
  }

 private:
  Clock::time_point begin_ = Clock::now();
};

std::string banner_of(const Settings& settings) {
  if (settings.banner.empty()) return {};
  auto text = read_config_file(settings.banner, max_banner);
  if (text) return std::move(*text);
  log::warning("Banner: {}", text.error().line());
  return {};
}

/// Whether the socket is readable before the deadline.
bool wait_for(int fd, std::optional<Clock::time_point> deadline) {
  while (true) {
    int timeout = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<milliseconds>(*deadline - Clock::now()).count();
      if (left <= 0) return false;
      timeout = static_cast<int>(std::min<std::int64_t>(left, 1 << 30));
    }
    pollfd entry{fd, POLLIN, 0};
    const int ready = poll(&entry, 1, timeout);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

PreauthService::PreauthService(const ServerImage& server, ConnectionFacts facts, ConnectionAudit& audit, KeyExchangeService& keys,
                               FrameSocket preauth)
    : server_(server),
      facts_(std::move(facts)),
      audit_(audit),
      keys_(keys),
      preauth_(std::move(preauth)),
      table_(preauth_rules()),
      settings_(server.configuration.settings_for(facts_)) {}

PreauthService::End PreauthService::run(std::optional<Time> deadline) {
  deadline_ = deadline;
  while (true) {
    if (!wait_for(preauth_.fd(), deadline)) return End::grace_exceeded;
    auto frame = preauth_.receive(frame_time);
    if (!frame) break;
    auto request = message::parse_preauth_request(frame->payload);
    Result<void> served;
    if (!request) {
      served = problem(request.error().detail);
    } else if (auto admitted = table_.admit(*message::kind_of(frame->payload), login_.has_value()); !admitted) {
      served = std::move(admitted);
    } else {
      served = std::visit([this](auto& asked) { return on(asked); }, *request);
    }
    if (!served) {
      log::error("{}: preauth: {}", audit_.connection_id(), served.error().line());
      return refused_by_configuration_ ? End::refused_by_configuration : End::violation;
    }
  }
  if (!login_) report_empty_attempt();
  return End::preauth_gone;
}

Result<void> PreauthService::reply(Bytes frame) { return preauth_.send(frame, frame_time); }

Result<void> PreauthService::on(const message::NextCookie&) {
  auto cookie = keys_.next_cookie();
  if (!cookie) return tl::unexpected(std::move(cookie.error()));
  return reply(message::write(*cookie));
}

Result<void> PreauthService::on(message::SignExchange& request) {
  auto answer = keys_.sign(std::move(request));
  if (answer) return reply(message::write(*answer));
  log::error("{}: no host key signature: {}", audit_.connection_id(), answer.error().line());
  return reply(message::write(message::Denied{}));
}

Result<void> PreauthService::on(const message::Note& note) {
  log::debug("{}: preauth: {}", audit_.connection_id(), escaped(note.text, message::Note::max_text));
  return {};
}

Result<void> PreauthService::on(const message::SelectUser& request) {
  const EvenTime even;
  selected_ = request.user;
  if (auth::valid_user_name(request.user)) user_ = find_user(request.user);
  audit_.set_user(request.user, user_.has_value());
  facts_.user = request.user;
  facts_.invalid_user = !user_;
  if (user_) facts_.groups = user_->group_names;
  settings_ = server_.configuration.settings_for(facts_);
  if (settings_.refuse_connection) {
    refused_by_configuration_ = true;
    audit_.refusal("refuse_connection", "RefuseConnection", {});
    return problem("RefuseConnection");
  }
  even.wait();
  return reply(message::write(message::UserSettings{settings_.pubkey_accepted_algorithms, settings_.max_auth_tries, banner_of(settings_)}));
}

void PreauthService::complete(authorizer::Authenticate& request) const {
  request.account_exists = user_.has_value();
  if (user_) request.groups = user_->group_names;
  if (settings_.authorized_principals_file.empty()) return;
  // For a user that does not exist the same work is done, as somebody who has no such file.
  const Account& reader = user_ ? user_->account : server_.preauth ? *server_.preauth : *own_account();
  const Time latest = std::min(Clock::now() + principals_file_time, deadline_.value_or(Time::max()));
  request.principals_file =
      read_principals_file(expand_principals_path(settings_.authorized_principals_file, reader), reader, settings_.strict_modes, latest);
}

Result<void> PreauthService::on(message::Authenticate& request) {
  const EvenTime even;
  if (!selected_ || request.request.user != *selected_) return problem("a key for another user than the first request named");
  if (!key_exchange_finished()) return problem("a key before the first key exchange");
  if (tries_used_up()) return problem("a key after MaxAuthTries");
  attempted_ = true;
  complete(request.request);
  const auto verdict = keys_.authorizer().authenticate(request.request);
  if (!verdict) log::error("{}: {}", audit_.connection_id(), verdict.error().line());
  const message::Answer answer = verdict ? judge(request.request, *verdict) : refuse("authorizer_unavailable", verdict.error().what, {});
  if (answer.word != message::Answer::Word::acceptable && answer.word != message::Answer::Word::granted) even.wait();
  return reply(message::write(answer));
}

message::Answer PreauthService::judge(const authorizer::Authenticate& request, const Verdict& verdict) {
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    return refuse(reason_word(refusal->reason), refusal->detail, refusal->certificate);
  }
  if (const auto* grant = std::get_if<Grant>(&verdict)) return judge_grant(request, *grant);
  const CertificateFacts& certificate = std::get<Acceptable>(verdict).certificate;
  if (request.signature) return refuse("grant_mismatch", "the authorizer takes a signed request for a query", certificate);
  Grant possible;
  possible.force_command = "";  // whether one is forced shows with the grant
  if (const auto refused = refused_account(possible)) return refuse(refused->reason, refused->detail, certificate);
  return {message::Answer::Word::acceptable};
}

message::Answer PreauthService::judge_grant(const authorizer::Authenticate& request, const Grant& grant) {
  // To the peer it is a failure like any other, and he may try another key.
  const auto withhold = [&](std::string_view reason, std::string_view detail) {
    keys_.authorizer().decline();
    return refuse(reason, detail, grant.certificate);
  };
  if (!request.signature || grant.user != request.user ||
      grant.certificate_sha256 != crypto::hash(crypto::Digest::sha256, request.public_key)) {
    return withhold("grant_mismatch", "the authorizer granted something else than was asked for");
  }
  if (const auto refused = refused_account(grant)) return withhold(refused->reason, refused->detail);
  if (auto recorded = audit_.login(grant, user_->account); !recorded && settings_.audit_failure == AuditFailure::refuse) {
    return withhold("audit_unavailable", recorded.error().line());
  }
  login_ = Login{grant, *user_, settings_};
  return {message::Answer::Word::granted};
}

std::optional<AccountRefusal> PreauthService::refused_account(const Grant& grant) const {
  if (!user_) return AccountRefusal{"invalid_user", "granted, and there is no such account"};
  if (!server_.privileged && user_->account.uid != geteuid()) {
    return AccountRefusal{"not_privileged", "the server does not run as root and serves its own account only"};
  }
  return refused_by_account(*user_, settings_, grant, facts_.address);
}

message::Answer PreauthService::refuse(std::string_view reason, std::string_view detail, const CertificateFacts& certificate) {
  ++failures_;
  audit_.refusal(reason, detail, certificate);
  return {message::Answer::Word::refused};
}

/// The preauth process ends by itself at the last one; one that goes on is not ours any more.
bool PreauthService::tries_used_up() const { return failures_ >= settings_.max_auth_tries; }

Result<void> PreauthService::on(const message::AttemptFailed& fact) {
  if (fact.reason == "none_method") return {};  // how a client asks what there is; every login begins so
  if (tries_used_up()) return problem("a failure after MaxAuthTries");
  attempted_ = true;
  ++failures_;
  audit_.refusal(fact.reason, fact.detail, {});
  return {};
}

Result<void> PreauthService::on(const message::PeerFacts& facts) {
  const std::string agreed = facts.key_exchange_finished
                                 ? fmt::format("{} {}{}{}", facts.kex, facts.cipher, facts.mac.empty() ? "" : " ", facts.mac)
                                 : std::string("no key exchange");
  if (facts.ended.empty()) {
    log::debug("{}: {} ({})", audit_.connection_id(), facts.identification, agreed);
  } else {
    log::info("Connection from {} port {} ended before login: {} ({}; {})", facts_.address, facts_.port, facts.ended, facts.identification,
              agreed);
  }
  return {};
}

/// A client that found out that only certificates are taken, and has none.
void PreauthService::report_empty_attempt() {
  if (selected_ && !attempted_) audit_.refusal("no_certificate", "the client offered no key at all", {});
}

}  // namespace gatehouse::sshd
