/// For the tests of the authorizer: CAs, people, certificates and requests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/core/wire.h"
#include "protocol/keys/private_key.h"
#include "sshd/authorizer/decision.h"
#include "sshd/config/configuration.h"

namespace gatehouse::sshd::test {

inline constexpr std::uint64_t now = 1'700'000'000;

/// Made once: what is tested does not depend on which key it is, and RSA keys take long to make.
inline keys::PrivateKey& key_of(keys::KeyType type, int which = 0, int bits = 3072) {
  static std::map<std::tuple<keys::KeyType, int, int>, keys::PrivateKey> made;
  const auto id = std::tuple(type, which, bits);
  const auto found = made.find(id);
  if (found != made.end()) return found->second;
  return made.emplace(id, keys::PrivateKey::generate(type, bits)).first->second;
}
inline keys::PrivateKey& ca() { return key_of(keys::KeyType::ed25519, 1); }
inline keys::PrivateKey& other_ca() { return key_of(keys::KeyType::ed25519, 2); }
inline keys::PrivateKey& person() { return key_of(keys::KeyType::ed25519, 3); }

/// A certificate for alice that nothing is wrong with.
inline keys::CertificateFields good_fields() {
  keys::CertificateFields fields;
  fields.serial = 0x8000000000000001;  // more than a signed number holds
  fields.key_id = "request-1";
  fields.principals = {"alice", "operators"};
  fields.valid_after = now - 60;
  fields.valid_before = now + 3600;
  for (const std::string_view name :
       {keys::extension::permit_pty, keys::extension::permit_port_forwarding, keys::extension::permit_agent_forwarding,
        keys::extension::permit_x11_forwarding, keys::extension::permit_user_rc}) {
    keys::CertificateOption each;
    each.name = std::string(name);
    fields.extensions.push_back(each);
  }
  return fields;
}

inline keys::CertificateOption valued(std::string_view name, std::string value) {
  keys::CertificateOption out;
  out.name = std::string(name);
  out.value = std::move(value);
  out.has_value = true;
  return out;
}

inline ByteVector signed_by(keys::PrivateKey& authority, Bytes to_be_signed) {
  auto signature = authority.sign(keys::preferred_signature(authority.public_key().type()), to_be_signed);
  if (!signature) ADD_FAILURE() << signature.error().line();
  return keys::assemble_certificate(to_be_signed, *signature);
}

inline ByteVector certificate(const keys::CertificateFields& fields, keys::PrivateKey& authority = ca(),
                              const keys::PrivateKey& subject = person()) {
  const ByteVector nonce(32, 7);
  return signed_by(authority, keys::certificate_to_be_signed(subject.public_key(), fields, nonce, authority.public_key()));
}

inline const ByteVector& session_id() {
  static const ByteVector id(32, 0x5e);
  return id;
}
inline const ByteVector& host_key() {
  static const ByteVector blob = to_vector(key_of(keys::KeyType::ed25519, 4).public_key().blob());
  return blob;
}

/// A request that owns what it shows.
struct OwnedRequest {
  std::string user = "alice";
  bool account_exists = true;
  std::string service = "ssh-connection";
  bool host_bound = false;
  std::string algorithm = "ssh-ed25519-cert-v01@openssh.com";
  ByteVector blob;
  std::optional<ByteVector> signature;
  std::optional<std::string> principals_file;
  std::string address = "192.0.2.7";

  /// RFC 4252 section 7 and OpenSSH PROTOCOL section 3.1, written out here: what the client signs.
  ByteVector signed_data() const {
    WireWriter out;
    out.string(session_id()).byte(50).string(user).string(service);
    out.string(host_bound ? "publickey-hostbound-v00@openssh.com" : "publickey").boolean(true).string(algorithm).string(blob);
    if (host_bound) out.string(host_key());
    return out.take();
  }
  OwnedRequest& sign(keys::PrivateKey& key = person()) {
    const auto known = keys::public_key_algorithm_by_name(algorithm);
    auto made = key.sign(known ? known->signature : keys::preferred_signature(key.public_key().type()), signed_data());
    if (!made) ADD_FAILURE() << made.error().line();
    signature = *made;
    return *this;
  }
  AuthenticationRequest view() const {
    AuthenticationRequest out;
    out.user = user;
    out.account_exists = account_exists;
    out.service = service;
    out.host_bound = host_bound;
    out.algorithm = algorithm;
    out.public_key = blob;
    if (signature) out.signature = Bytes(*signature);
    if (principals_file) out.principals_file = as_bytes(*principals_file);
    out.session_id = session_id();
    out.host_key = host_key();
    out.address = address;
    return out;
  }
};

inline OwnedRequest request_with(ByteVector blob) {
  OwnedRequest out;
  out.blob = std::move(blob);
  return out;
}

inline Trust trust() {
  Trust out;
  out.trusted = {ca().public_key()};
  return out;
}

inline Settings settings(const std::string& text = "") {
  auto configuration = Configuration::parse(text, "test");
  if (!configuration) ADD_FAILURE() << configuration.error()[0].line();
  return configuration->global();
}

/// "granted", "acceptable" or the reason's word.
inline std::string word(const Verdict& verdict) {
  if (std::holds_alternative<Grant>(verdict)) return "granted";
  if (std::holds_alternative<Acceptable>(verdict)) return "acceptable";
  return std::string(reason_word(std::get<Refusal>(verdict).reason));
}
inline std::string detail(const Verdict& verdict) {
  const auto* refusal = std::get_if<Refusal>(&verdict);
  return refusal == nullptr ? "" : refusal->detail;
}

}  // namespace gatehouse::sshd::test
