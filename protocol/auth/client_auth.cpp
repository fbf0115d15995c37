#include "protocol/auth/client_auth.h"

#include <algorithm>

#include "protocol/transport/name_list.h"

namespace gatehouse::auth {

namespace {

using EventResult = ProtocolResult<std::optional<ClientAuthEvent>>;

}  // namespace

ClientAuth::ClientAuth(transport::Transport& transport, std::string user, std::vector<ClientIdentity> identities)
    : transport_(transport), user_(std::move(user)), identities_(std::move(identities)) {
  transport_.send(write_service_request(userauth_service));
}

EventResult ClientAuth::receive(const transport::PayloadReceived& message) {
  auto event = receive_checked(message);
  if (!event) transport_.fail(event.error());
  return event;
}

EventResult ClientAuth::receive_checked(const transport::PayloadReceived& message) {
  if (state_ == State::succeeded || state_ == State::failed) return violation(Violation::unexpected_message, "after authentication");
  switch (message.message) {
    case Message::service_accept: {
      const auto service = parse_service_accept(message.payload);
      if (!service) return tl::unexpected(service.error());
      if (state_ != State::awaiting_service || *service != userauth_service) break;
      return offer_next();
    }
    case Message::userauth_banner: {
      auto text = parse_userauth_banner(message.payload);
      if (!text) return tl::unexpected(std::move(text.error()));
      return BannerReceived{std::move(*text)};
    }
    case Message::userauth_failure: {
      if (state_ == State::awaiting_service) break;
      auto failure = parse_userauth_failure(message.payload);
      if (!failure) return tl::unexpected(std::move(failure.error()));
      can_continue_ = std::move(failure->can_continue);
      ++next_;
      return offer_next();
    }
    case Message::userauth_pk_ok: {
      if (state_ != State::awaiting_query) break;
      const auto answer = parse_public_key_ok(message.payload);
      if (!answer) return tl::unexpected(answer.error());
      const PublicKeyMethod asked = method_for(identities_[next_]);
      if (answer->algorithm != asked.algorithm || answer->key_blob != asked.key_blob) break;
      return send_signed();
    }
    case Message::userauth_success:
      // Only a signed request can have been granted; success at any other point would be a server that lets everybody in as anybody.
      if (state_ != State::awaiting_answer || message.payload.size() != 1) break;
      state_ = State::succeeded;
      transport_.authentication_succeeded();
      return Authenticated{};
    default:
      break;
  }
  return violation(Violation::unexpected_message, "during authentication");
}

EventResult ClientAuth::offer_next() {
  if (next_ == identities_.size()) {
    state_ = State::failed;
    return AuthenticationFailed{std::move(can_continue_)};
  }
  if (!identities_[next_].query_first) return send_signed();
  transport_.send(write_userauth_request({user_, std::string(connection_service), method_for(identities_[next_])}));
  state_ = State::awaiting_query;
  return std::nullopt;
}

keys::SignatureAlgorithm ClientAuth::algorithm_for(const ClientIdentity& identity) const {
  const keys::KeyType type = identity.signer->public_key().type();
  const auto& accepted = transport_.peer_extensions().server_sig_algs;
  if (accepted) {
    if (const auto names = transport::parse_name_list(*accepted)) {
      for (const keys::SignatureAlgorithm algorithm : keys::signatures_of(type)) {
        if (std::find(names->begin(), names->end(), keys::signature_name(algorithm)) != names->end()) return algorithm;
      }
    }
  }
  return keys::preferred_signature(type);
}

PublicKeyMethod ClientAuth::method_for(const ClientIdentity& identity) const {
  const bool certificate = !identity.certificate_blob.empty();
  PublicKeyMethod method;
  method.algorithm = keys::public_key_algorithm_name({algorithm_for(identity), certificate});
  method.key_blob = certificate ? identity.certificate_blob : to_vector(identity.signer->public_key().blob());
  if (transport_.peer_extensions().publickey_hostbound) method.server_host_key = to_vector(transport_.initial_host_key());
  return method;
}

EventResult ClientAuth::send_signed() {
  const ClientIdentity& identity = identities_[next_];
  PublicKeyMethod method = method_for(identity);
  const ByteVector data = userauth_signed_data(transport_.session_id(), user_, connection_service, method);
  auto signature = identity.signer->sign(algorithm_for(identity), data);
  if (!signature) return violation(Violation::crypto_failed, signature.error().line());
  method.signature = std::move(*signature);
  transport_.send(write_userauth_request({user_, std::string(connection_service), std::move(method)}));
  state_ = State::awaiting_answer;
  return std::nullopt;
}

}  // namespace gatehouse::auth
