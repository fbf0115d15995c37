#include "protocol/auth/server_auth.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::auth {

namespace {

using EventResult = ProtocolResult<std::optional<ServerAuthEvent>>;

}  // namespace

std::string_view reason_word(AttemptFailed::Reason reason) {
  using enum AttemptFailed::Reason;
  switch (reason) {
    case none_method:
      return "none_method";
    case unknown_method:
      return "unknown_method";
    case unsupported_algorithm:
      return "unsupported_algorithm";
    case bad_user_name:
      return "bad_user_name";
    case bad_service:
      return "bad_service";
    case wrong_host_key:
      return "wrong_host_key";
  }
  std::abort();
}

ServerAuth::ServerAuth(transport::Transport& transport, ServerAuthSettings settings)
    : transport_(transport), settings_(std::move(settings)) {}

EventResult ServerAuth::receive(const transport::PayloadReceived& message) {
  auto event = receive_checked(message);
  if (!event) transport_.fail(event.error());
  return event;
}

EventResult ServerAuth::receive_checked(const transport::PayloadReceived& message) {
  if (pending()) return violation(Violation::unexpected_message, "a message while an answer is owed");
  switch (message.message) {
    case Message::service_request:
      return service_requested(message.payload);
    case Message::userauth_request:
      return requested(message.payload);
    default:
      // What only a server sends (SUCCESS, FAILURE, BANNER, PK_OK, SERVICE_ACCEPT) from a client would change what is known
      // (CVE-2018-10933).
      if (static_cast<std::uint8_t>(message.message) < 60 || message.message == Message::userauth_pk_ok) {
        return violation(Violation::unexpected_message, "a server's message from a client");
      }
      if (requests_ == 0) return violation(Violation::unexpected_message, "a method's message before the method");
      transport_.reply_unimplemented(message.sequence_number);  // a method's own messages, of methods that we do not have
      if (++requests_ > settings_.max_requests) return violation(Violation::too_many_auth_tries, "too many requests");
      return std::nullopt;
  }
}

EventResult ServerAuth::service_requested(Bytes payload) {
  const auto service = parse_service_request(payload);
  if (!service) return tl::unexpected(service.error());
  if (service_accepted_) return violation(Violation::unexpected_message, "SERVICE_REQUEST twice");
  if (*service != userauth_service) return violation(Violation::service_unavailable, escaped(*service, 64));
  service_accepted_ = true;
  transport_.send(write_service_accept(*service));
  return std::nullopt;
}

EventResult ServerAuth::requested(Bytes payload) {
  if (!service_accepted_) return violation(Violation::unexpected_message, "USERAUTH_REQUEST before the service was asked for");
  auto request = parse_userauth_request(payload);
  if (!request) return tl::unexpected(std::move(request.error()));
  // RFC 4252 section 5: "The 'user name' and 'service name' are repeated in every new authentication attempt, and MAY change"; what has
  // been decided for one user must not serve another, so a change ends the connection.
  if (requests_ > 0 && (request->user != user_ || request->service != service_)) return violation(Violation::bad_user_name);
  if (++requests_ > settings_.max_requests) return violation(Violation::too_many_auth_tries, "too many requests");
  if (requests_ == 1) {
    user_ = request->user;
    service_ = request->service;
    if (!settings_.banner.empty()) transport_.send(write_userauth_banner(settings_.banner));
  }

  using enum AttemptFailed::Reason;
  if (std::holds_alternative<NoneMethod>(request->method)) return fail_attempt(none_method, {});
  if (const auto* unknown = std::get_if<UnknownMethod>(&request->method)) return fail_attempt(unknown_method, unknown->name);
  auto key = std::get<PublicKeyMethod>(std::move(request->method));
  return public_key(std::move(*request), std::move(key));
}

EventResult ServerAuth::public_key(UserauthRequest request, PublicKeyMethod key) {
  using enum AttemptFailed::Reason;
  // Before anyone parses the key blob: the name must be one that is accepted.
  const auto& accepted = settings_.accepted_algorithms;
  const auto algorithm = keys::public_key_algorithm_by_name(key.algorithm);
  if (!algorithm || std::find(accepted.begin(), accepted.end(), key.algorithm) == accepted.end()) {
    return fail_attempt(unsupported_algorithm, key.algorithm);
  }
  if (!valid_user_name(request.user)) return fail_attempt(bad_user_name, {});
  if (request.service != connection_service) return fail_attempt(bad_service, request.service);
  if (key.server_host_key && !equal(*key.server_host_key, transport_.initial_host_key())) return fail_attempt(wrong_host_key, {});

  asked_ = Asked{key};
  if (key.signature) return PublicKeySigned{std::move(request.user), std::move(request.service), std::move(key), *algorithm};
  return PublicKeyQueried{std::move(request.user), std::move(key), *algorithm};
}

EventResult ServerAuth::fail_attempt(AttemptFailed::Reason reason, std::string_view detail) {
  // "none" as the very first request is how a client asks for the methods; it is no guess.
  const bool counts = reason != AttemptFailed::Reason::none_method || requests_ > 1;
  const auto sent = send_failure(counts);
  // The last one is told like the others, so that no refused attempt is missing from the audit lines.
  if (!sent) transport_.fail(sent.error());
  return AttemptFailed{reason, escaped(user_), escaped(detail, max_method_name), !sent};
}

ProtocolResult<void> ServerAuth::send_failure(bool counts) {
  if (counts && ++failures_ >= settings_.max_tries) return violation(Violation::too_many_auth_tries);
  transport_.send(write_userauth_failure({{std::string(method_publickey)}, false}));
  return {};
}

void ServerAuth::accept_query() {
  if (!asked_ || asked_->key.signature) std::abort();
  transport_.send(write_public_key_ok(asked_->key.algorithm, asked_->key.key_blob));
  asked_.reset();
}

ProtocolResult<void> ServerAuth::reject() {
  asked_.reset();
  auto sent = send_failure(true);
  if (!sent) transport_.fail(sent.error());
  return sent;
}

void ServerAuth::succeed() {
  if (!asked_ || !asked_->key.signature) std::abort();
  asked_.reset();
  succeeded_ = true;
  transport_.send(write_userauth_success());
  transport_.authentication_succeeded();
}

}  // namespace gatehouse::auth
