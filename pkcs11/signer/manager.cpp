#include "pkcs11/signer/manager.h"

#include <thread>

#include "pkcs11/token/key_management.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr std::chrono::milliseconds idle_limit{600000};
constexpr std::chrono::milliseconds send_limit{10000};
// An RSA key may take minutes on a slow token.
constexpr std::chrono::milliseconds work_limit{600000};
// A signer may be logging in to the same token just now: see token_service.cpp.
constexpr int open_attempts = 10;

struct LoggedIn {
  TokenInfo token;
  Session session;
};

TokenResult<LoggedIn> log_in(Module& module, const Uri& uri, PinSource& pin) {
  if (auto begun = module.initialise(); !begun) return tl::unexpected(begun.error());
  auto token = find_token(module.functions(), uri);
  if (!token) return tl::unexpected(token.error());
  auto session = Session::open(module.functions(), token->slot);
  if (!session) return tl::unexpected(session.error());
  if (auto done = pin.log_in(*session, *token); !done) return tl::unexpected(done.error());
  return LoggedIn{*std::move(token), *std::move(session)};
}

FaultKind kind_of(Remedy remedy) {
  switch (remedy) {
    case Remedy::change_pin:
      return FaultKind::pin_rejected;
    case Remedy::initialise:
      return FaultKind::token_away;
    case Remedy::wait:
      return FaultKind::busy;
    case Remedy::none:
    case Remedy::new_session:
    case Remedy::permanent:
      return FaultKind::failed;
  }
  std::abort();
}

SignerFault fault_of(const TokenError& error) { return {kind_of(error.remedy), error.text}; }

class Manager {
 public:
  Manager(Module& module, const Uri& token, PinSource& pin) : module_(module), token_(token), pin_(pin) {}

  Answer answer(const Request& request) {
    if (std::holds_alternative<Hello>(request)) {
      if (std::get<Hello>(request).version != signer_protocol_version) return SignerFault{FaultKind::bad_request, "another version"};
      return Welcome{signer_protocol_version, Purpose::manage};
    }
    const bool ours = std::holds_alternative<GenerateKey>(request) || std::holds_alternative<ListObjects>(request) ||
                      std::holds_alternative<DestroyKey>(request);
    if (!ours) return SignerFault{FaultKind::refused, "a signer of purpose manage makes, lists and destroys keys, and signs nothing"};
    if (auto opened = open(); !opened) return fault_of(opened.error());
    if (const auto* wanted = std::get_if<GenerateKey>(&request)) {
      auto made = generate_key(open_->session, open_->token, *wanted, pin_);
      if (!made) return fault_of(made.error());
      return ObjectList{{*std::move(made)}};
    }
    if (const auto* list = std::get_if<ListObjects>(&request)) {
      const auto uri = in_this_token(list->uri, UriNames::token);
      if (!uri) return SignerFault{FaultKind::bad_request, uri.error().line()};
      auto rows = list_keys(open_->session, open_->token, *uri);
      if (!rows) return fault_of(rows.error());
      return ObjectList{*std::move(rows)};
    }
    const auto uri = in_this_token(std::get<DestroyKey>(request).uri, UriNames::key);
    if (!uri) return SignerFault{FaultKind::bad_request, uri.error().line()};
    auto gone = destroy_key(open_->session, open_->token, *uri);
    if (!gone) return fault_of(gone.error());
    return Destroyed{*gone};
  }

 private:
  TokenResult<void> open() {
    if (open_) return {};
    TokenResult<LoggedIn> logged_in = token_error(Remedy::initialise, {});
    for (int attempt = 0; attempt < open_attempts && !logged_in; ++attempt) {
      if (attempt > 0) {
        if (logged_in.error().remedy != Remedy::initialise) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + crypto::random_uint64() % 60));
        module_.finalise();
      }
      logged_in = log_in(module_, token_, pin_);
    }
    if (!logged_in) return tl::unexpected(logged_in.error());
    open_.emplace(*std::move(logged_in));
    return {};
  }

  Result<Uri> in_this_token(const std::string& text, UriNames names) const {
    auto uri = Uri::parse(text, names);
    if (!uri) return uri;
    const auto token = find_token(module_.functions(), *uri);
    if (!token) return problem(token.error().text);
    if (token->slot != open_->token.slot) return problem("names another token than '" + escaped(token_.text) + "'", escaped(text));
    return uri;
  }

  Module& module_;
  const Uri& token_;
  PinSource& pin_;
  std::optional<LoggedIn> open_;
};

}  // namespace

void manage_keys(FrameSocket client, Module& module, const Uri& token, PinSource& pin, Watchdog& watchdog) {
  {
    Manager manager(module, token, pin);
    while (true) {
      const auto frame = client.receive(idle_limit);
      if (!frame) break;
      const auto request = parse_request(frame->payload);
      const Watchdog::Scope watched(watchdog, work_limit);
      const Answer answer = request ? manager.answer(*request) : SignerFault{FaultKind::bad_request, request.error().what};
      if (!client.send(write_answer(answer), send_limit)) break;
    }
  }
  module.finalise();
}

}  // namespace gatehouse::pkcs11
