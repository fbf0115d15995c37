#include "pkcs11/signer/judge.h"

#include <fmt/format.h>

#include "protocol/core/wire.h"
#include "protocol/keys/sshsig.h"

namespace gatehouse::pkcs11 {

namespace {

/// The request's name, for refusals.
std::string_view name_of(const Request& request) {
  struct Names {
    std::string_view operator()(const Hello&) const { return "a second greeting"; }
    std::string_view operator()(const ListKeys&) const { return "list of keys"; }
    std::string_view operator()(const AskHealth&) const { return "health"; }
    std::string_view operator()(const SignExchangeHash&) const { return "exchange hash"; }
    std::string_view operator()(const SignHostKeysProof&) const { return "hostkeys-prove"; }
    std::string_view operator()(const SignSshsig&) const { return "SSHSIG"; }
    std::string_view operator()(const SignCertificate&) const { return "certificate"; }
    std::string_view operator()(const GenerateKey&) const { return "generate"; }
    std::string_view operator()(const ListObjects&) const { return "list of objects"; }
    std::string_view operator()(const DestroyKey&) const { return "destroy"; }
  };
  return std::visit(Names{}, request);
}

tl::unexpected<SignerFault> not_for(Purpose purpose, const Request& request) {
  return fault(FaultKind::refused, fmt::format("a signer of purpose {} does not do: {}", purpose_name(purpose), name_of(request)));
}

/// OpenSSH PROTOCOL.sshsig, "Signed Data", of a message whose SHA-512 is given.
ByteVector sshsig_octets(const SignSshsig& request) {
  WireWriter out;
  out.raw(as_bytes("SSHSIG")).string(request.name_space).string("").string("sha512").string(request.message_sha512);
  return out.take();
}

/// OpenSSH PROTOCOL section 2.5.
ByteVector host_keys_proof_octets(const SignHostKeysProof& request) {
  WireWriter out;
  out.string("hostkeys-prove-00@openssh.com").string(request.session_id).string(request.key);
  return out.take();
}

std::optional<Signable> signable_of(std::string_view name_space) {
  if (name_space == keys::sshsig_namespace::krl) return Signable::krl;
  if (name_space == keys::sshsig_namespace::trust) return Signable::trust;
  if (name_space == keys::sshsig_namespace::checkpoint) return Signable::checkpoint;
  return std::nullopt;
}

/// The to-be-signed octets as the certificate they will be part of, with a signature in its place that says nothing.
ProtocolResult<keys::Certificate> parse_unsigned(Bytes to_be_signed, keys::SignatureAlgorithm algorithm) {
  const ByteVector nothing = keys::signature_blob(algorithm, ByteVector(64));
  auto parsed = keys::Certificate::parse(keys::assemble_certificate(to_be_signed, nothing));
  // What ends elsewhere than the caller says is a certificate whose tail poses as its signature.
  if (parsed && !equal(parsed->to_be_signed(), to_be_signed)) return violation(Violation::bad_encoding, "certificate: other length");
  return parsed;
}

}  // namespace

SignerResult<Approved> judge_for_host(const Request& request) {
  if (const auto* hash = std::get_if<SignExchangeHash>(&request)) {
    return Approved{hash->key, hash->algorithm, hash->hash, {"exchange-hash", std::nullopt, {}}};
  }
  if (const auto* proof = std::get_if<SignHostKeysProof>(&request)) {
    return Approved{proof->key, proof->algorithm, host_keys_proof_octets(*proof), {"hostkeys-prove", std::nullopt, {}}};
  }
  if (const auto* sshsig = std::get_if<SignSshsig>(&request)) {
    if (sshsig->name_space != keys::sshsig_namespace::host) {
      return fault(FaultKind::refused,
                   fmt::format("a signer of purpose host does not sign in namespace '{}'", escaped(sshsig->name_space)));
    }
    return Approved{sshsig->key, sshsig->algorithm, sshsig_octets(*sshsig), {sshsig->name_space, std::nullopt, {}}};
  }
  return not_for(Purpose::host, request);
}

Result<std::unique_ptr<CaJudge>> CaJudge::make(const Limits& limits, const std::vector<Uri>& configured) {
  if (auto covered = limits.check_cover(configured); !covered) return tl::unexpected(covered.error());
  std::unique_ptr<CaJudge> judge(new CaJudge);
  for (const Uri& uri : configured) {
    const KeyLimits& found = *limits.find(uri);
    judge->allowed_.emplace(uri.text, Allowance{found, Rate(found.per_minute, found.burst)});
  }
  return judge;
}

bool CaJudge::within_rate(Allowance& allowance) {
  const std::lock_guard lock(mutex_);
  return allowance.rate.take(Rate::Clock::now());
}

SignerResult<Approved> CaJudge::judge_certificate(const SignCertificate& request, const RemoteKey& key, Allowance& allowance,
                                                  std::uint64_t now) {
  const auto certificate = parse_unsigned(request.to_be_signed, request.algorithm);
  if (!certificate) return fault(FaultKind::bad_request, "no certificate: " + certificate.error().detail);
  if (!(certificate->signature_key() == key.key)) {
    return fault(FaultKind::refused, "the certificate names another CA key than the one asked to sign it");
  }
  if (const std::string why = forbidden(allowance.limits, certificate->fields(), now); !why.empty()) {
    return fault(FaultKind::refused, fmt::format("key '{}': {}", escaped(key.label), why));
  }
  if (!within_rate(allowance)) return fault(FaultKind::busy, fmt::format("key '{}': more than its rate", escaped(key.label)));
  const bool user = certificate->fields().type == keys::CertificateType::user;
  return Approved{request.key,
                  request.algorithm,
                  request.to_be_signed,
                  {user ? "user-certificate" : "host-certificate", certificate->fields().serial, certificate->fields().key_id}};
}

SignerResult<Approved> CaJudge::judge_sshsig(const SignSshsig& request, const RemoteKey& key, Allowance& allowance) {
  const auto kind = signable_of(request.name_space);
  if (!kind) {
    return fault(FaultKind::refused, fmt::format("a signer of purpose ca does not sign in namespace '{}'", escaped(request.name_space)));
  }
  if (allowance.limits.signs.count(*kind) == 0) {
    return fault(FaultKind::refused, fmt::format("key '{}' may not sign: {}", escaped(key.label), signable_name(*kind)));
  }
  if (!within_rate(allowance)) return fault(FaultKind::busy, fmt::format("key '{}': more than its rate", escaped(key.label)));
  return Approved{request.key, request.algorithm, sshsig_octets(request), {request.name_space, std::nullopt, {}}};
}

SignerResult<Approved> CaJudge::judge(const Request& request, const std::vector<RemoteKey>& keys, std::uint64_t now) {
  const auto* certificate = std::get_if<SignCertificate>(&request);
  const auto* sshsig = std::get_if<SignSshsig>(&request);
  if (certificate == nullptr && sshsig == nullptr) return not_for(Purpose::ca, request);
  const ByteVector& blob = certificate != nullptr ? certificate->key : sshsig->key;
  for (const RemoteKey& key : keys) {
    const auto allowance = allowed_.find(key.uri);
    if (!equal(key.key.blob(), blob) || allowance == allowed_.end()) continue;
    return certificate != nullptr ? judge_certificate(*certificate, key, allowance->second, now)
                                  : judge_sshsig(*sshsig, key, allowance->second);
  }
  return fault(FaultKind::bad_request, "this signer does not serve the key, or the key is not on the token now");
}

}  // namespace gatehouse::pkcs11
