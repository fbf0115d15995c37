#include "pkcs11/client/remote_signer.h"

#include "protocol/core/wire.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr std::string_view sshsig_magic = "SSHSIG";
constexpr std::string_view prove_name = "hostkeys-prove-00@openssh.com";

bool is_digest_size(std::size_t size) { return size == 32 || size == 48 || size == 64; }

/// OpenSSH PROTOCOL.sshsig, "Signed Data": magic, namespace, reserved, hash algorithm, H(message).
std::optional<SignSshsig> as_sshsig(Bytes data) {
  WireReader in(data);
  if (as_text(in.raw(sshsig_magic.size())) != sshsig_magic) return std::nullopt;
  const std::string_view name_space = in.text();
  const Bytes reserved = in.string();
  const std::string_view hash_algorithm = in.text();
  const Bytes digest = in.string();
  if (!in.finish() || !reserved.empty() || hash_algorithm != "sha512" || digest.size() != 64) return std::nullopt;
  return SignSshsig{{}, {}, std::string(name_space), to_vector(digest)};
}

/// OpenSSH PROTOCOL section 2.5: name, session identifier, host key.
std::optional<SignHostKeysProof> as_proof(Bytes key_blob, Bytes data) {
  WireReader in(data);
  const std::string_view name = in.text();
  const Bytes session_id = in.string();
  const Bytes key = in.string();
  if (!in.finish() || name != prove_name || !equal(key, key_blob) || !is_digest_size(session_id.size())) return std::nullopt;
  return SignHostKeysProof{{}, {}, to_vector(session_id)};
}

bool begins_like_a_certificate(Bytes data) {
  WireReader in(data);
  return keys::key_type_by_certificate_blob_name(in.text()).has_value() && !in.failed();
}

template <class Message>
Request named(Message message, Bytes key_blob, keys::SignatureAlgorithm algorithm) {
  message.key = to_vector(key_blob);
  message.algorithm = algorithm;
  return message;
}

}  // namespace

SignerResult<Request> request_for(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data) {
  // By length first: no other form is as short as a digest.
  if (is_digest_size(data.size())) return Request(SignExchangeHash{to_vector(key_blob), algorithm, to_vector(data)});
  if (auto sshsig = as_sshsig(data)) return named(*std::move(sshsig), key_blob, algorithm);
  if (auto proof = as_proof(key_blob, data)) return named(*std::move(proof), key_blob, algorithm);
  if (begins_like_a_certificate(data)) return Request(SignCertificate{to_vector(key_blob), algorithm, to_vector(data)});
  return fault(FaultKind::bad_request, "the data is no exchange hash, hostkeys-prove, SSHSIG or certificate");
}

SignerResult<ByteVector> RemoteSigner::try_sign(keys::SignatureAlgorithm algorithm, Bytes data) {
  auto request = request_for(key_.blob(), algorithm, data);
  if (!request) return tl::unexpected(request.error());
  auto answer = client_->ask(*request);
  if (!answer) return tl::unexpected(answer.error());
  auto* made = std::get_if<Signed>(&*answer);
  if (made == nullptr) return fault(FaultKind::failed, "the signer gave an answer of another kind");
  return std::move(made->signature);
}

Result<ByteVector> RemoteSigner::sign(keys::SignatureAlgorithm algorithm, Bytes data) {
  auto signature = try_sign(algorithm, data);
  if (!signature) return tl::unexpected(signature.error().problem());
  return std::move(*signature);
}

}  // namespace gatehouse::pkcs11
