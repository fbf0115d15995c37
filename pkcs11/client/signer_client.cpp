#include "pkcs11/client/signer_client.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "protocol/crypto/digest.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr SignerClient::Milliseconds pause_between_attempts{20};

bool may_be_asked_twice(const Request& request) {
  return !std::holds_alternative<GenerateKey>(request) && !std::holds_alternative<DestroyKey>(request);
}

tl::unexpected<SignerFault> unexpected_answer() { return fault(FaultKind::failed, "the signer gave an answer of another kind"); }

}  // namespace

SignerClient::SignerClient(std::string socket_path, Milliseconds deadline) : path_(std::move(socket_path)), deadline_(deadline) {}

SignerClient::SignerClient(FrameSocket connected, Milliseconds deadline) : socket_(std::move(connected)), deadline_(deadline) {}

SignerResult<void> SignerClient::connect(Clock::time_point until) {
  const auto left = [until] { return std::max(std::chrono::ceil<Milliseconds>(until - Clock::now()), Milliseconds{0}); };
  if (!socket_.open()) {
    if (path_.empty()) return fault(FaultKind::unreachable, "the connection to the signer is closed");
    auto connected = FrameSocket::connect(path_, left());
    if (!connected) return fault(FaultKind::unreachable, connected.error().line());
    socket_ = std::move(*connected);
    greeted_ = false;
  }
  if (greeted_) return {};
  const auto lost = [this](const Problem& why) {
    socket_.close();
    return fault(FaultKind::unreachable, why.what);
  };
  if (auto sent = socket_.send(write_request(Hello{}), left()); !sent) return lost(sent.error());
  auto frame = socket_.receive(left());
  if (!frame) return lost(frame.error());
  auto answer = parse_answer(frame->payload);
  if (!answer) return lost(answer.error());
  if (const auto* refusal = std::get_if<SignerFault>(&*answer)) {
    socket_.close();
    return tl::unexpected(*refusal);
  }
  const auto* welcome = std::get_if<Welcome>(&*answer);
  if (welcome == nullptr || welcome->version != signer_protocol_version) {
    socket_.close();
    return fault(FaultKind::failed, "the signer speaks another version of the protocol");
  }
  greeted_ = true;
  return {};
}

SignerResult<Answer> SignerClient::exchange(const Request& request, Clock::time_point until) {
  const auto left = [until] { return std::max(std::chrono::ceil<Milliseconds>(until - Clock::now()), Milliseconds{0}); };
  // Whatever goes wrong, the connection ends: a late answer must not be taken for the answer to the next request.
  const auto lost = [this](const Problem& why) {
    socket_.close();
    return fault(FaultKind::unreachable, why.what);
  };
  if (auto sent = socket_.send(write_request(request), left()); !sent) return lost(sent.error());
  auto frame = socket_.receive(left());
  if (!frame) return lost(frame.error());
  auto answer = parse_answer(frame->payload);
  if (!answer) {
    socket_.close();
    return fault(FaultKind::failed, answer.error().line());
  }
  if (const auto* refusal = std::get_if<SignerFault>(&*answer)) return tl::unexpected(*refusal);
  return std::move(*answer);
}

SignerResult<Answer> SignerClient::ask(const Request& request) {
  const auto until = Clock::now() + deadline_;
  std::optional<Clock::time_point> lost_at;
  int attempts = 0;
  while (true) {
    auto connected = connect(lost_at ? std::min(until, *lost_at + patience) : until);
    SignerResult<Answer> answer = tl::unexpected(SignerFault{});
    if (connected) {
      ++attempts;
      answer = exchange(request, until);
    } else {
      answer = tl::unexpected(connected.error());
    }
    if (answer || answer.error().kind != FaultKind::unreachable) return answer;
    const auto now = Clock::now();
    if (!lost_at) lost_at = now;
    const bool again = !path_.empty() && attempts < max_attempts && now < *lost_at + patience && now < until &&
                       (attempts == 0 || may_be_asked_twice(request));
    if (!again) return answer;
    std::this_thread::sleep_for(pause_between_attempts);
  }
}

SignerResult<ByteVector> SignerClient::ask_for_signature(const Request& request) {
  auto answer = ask(request);
  if (!answer) return tl::unexpected(answer.error());
  auto* made = std::get_if<Signed>(&*answer);
  if (made == nullptr) return unexpected_answer();
  return std::move(made->signature);
}

SignerResult<std::vector<RemoteKey>> SignerClient::list_keys() {
  auto answer = ask(ListKeys{});
  if (!answer) return tl::unexpected(answer.error());
  auto* list = std::get_if<KeyList>(&*answer);
  if (list == nullptr) return unexpected_answer();
  return std::move(list->keys);
}

SignerResult<Health> SignerClient::health() {
  auto answer = ask(AskHealth{});
  if (!answer) return tl::unexpected(answer.error());
  auto* health = std::get_if<Health>(&*answer);
  if (health == nullptr) return unexpected_answer();
  return std::move(*health);
}

SignerResult<ByteVector> SignerClient::sign_exchange_hash(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes hash) {
  return ask_for_signature(SignExchangeHash{to_vector(key_blob), algorithm, to_vector(hash)});
}

SignerResult<ByteVector> SignerClient::sign_hostkeys_proof(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes session_id) {
  return ask_for_signature(SignHostKeysProof{to_vector(key_blob), algorithm, to_vector(session_id)});
}

SignerResult<ByteVector> SignerClient::sign_certificate(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes to_be_signed) {
  return ask_for_signature(SignCertificate{to_vector(key_blob), algorithm, to_vector(to_be_signed)});
}

SignerResult<ByteVector> SignerClient::sign_sshsig(Bytes key_blob, keys::SignatureAlgorithm algorithm, std::string_view name_space,
                                                   Bytes message) {
  return ask_for_signature(
      SignSshsig{to_vector(key_blob), algorithm, std::string(name_space), crypto::hash(crypto::Digest::sha512, message)});
}

SignerResult<TokenObject> SignerClient::generate(const GenerateKey& request) {
  auto answer = ask(request);
  if (!answer) return tl::unexpected(answer.error());
  auto* list = std::get_if<ObjectList>(&*answer);
  if (list == nullptr || list->objects.size() != 1) return unexpected_answer();
  return std::move(list->objects.front());
}

SignerResult<std::vector<TokenObject>> SignerClient::list_objects(std::string_view uri) {
  auto answer = ask(ListObjects{std::string(uri)});
  if (!answer) return tl::unexpected(answer.error());
  auto* list = std::get_if<ObjectList>(&*answer);
  if (list == nullptr) return unexpected_answer();
  return std::move(list->objects);
}

SignerResult<std::uint32_t> SignerClient::destroy(std::string_view uri) {
  auto answer = ask(DestroyKey{std::string(uri)});
  if (!answer) return tl::unexpected(answer.error());
  const auto* gone = std::get_if<Destroyed>(&*answer);
  if (gone == nullptr) return unexpected_answer();
  return gone->objects;
}

}  // namespace gatehouse::pkcs11
