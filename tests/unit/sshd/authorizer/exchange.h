/// A key exchange as a preauth process would hand it over, and its hash worked out by hand.
#pragma once

#include <string>

#include "certificates.h"
#include "protocol/crypto/digest.h"
#include "sshd/authorizer/messages.h"

namespace gatehouse::sshd::test {

inline ByteVector cookie(std::uint8_t which) { return ByteVector(authorizer::cookie_size, which); }

inline ByteVector kexinit(Bytes with_cookie) {
  WireWriter out;
  out.byte(20).raw(with_cookie).raw(ByteVector(4 * 10 + 1 + 4, 0));
  return out.take();
}

/// Made anew for each call, as K cannot be copied.
inline authorizer::ExchangeHash exchange(const ByteVector& our_cookie, const ByteVector& k_s,
                                         const std::string& method = "curve25519-sha256") {
  authorizer::ExchangeHash out;
  out.method = method;
  out.client_version = "SSH-2.0-OpenSSH_9.2p1";
  out.server_version = "SSH-2.0-Gatehouse";
  out.client_kexinit = kexinit(ByteVector(16, 0xcc));
  out.server_kexinit = kexinit(our_cookie);
  out.host_key = k_s;
  out.client_public = ByteVector(32, 0x0c);
  out.server_public = ByteVector(32, 0x05);
  out.shared_secret = SecretBytes::copy_of(WireWriter().mpint(ByteVector(32, 0x91)).view());
  return out;
}

/// RFC 5656 section 4 and RFC 8731 section 3: V_C, V_S, I_C, I_S, K_S, Q_C, Q_S as strings, K as mpint; SHA-256.
inline ByteVector hash_of(const authorizer::ExchangeHash& of) {
  WireWriter out;
  out.string(of.client_version).string(of.server_version).string(of.client_kexinit).string(of.server_kexinit).string(of.host_key);
  out.string(of.client_public).string(of.server_public).raw(of.shared_secret.reveal());
  return crypto::hash(crypto::Digest::sha256, out.view());
}

/// A signed request of alice over the session id that the authorizer computed.
inline authorizer::Authenticate authentication(const ByteVector& id, const ByteVector& blob, keys::PrivateKey& key = person(),
                                               const std::string& user = "alice") {
  authorizer::Authenticate out;
  out.user = user;
  out.account_exists = true;
  out.service = "ssh-connection";
  out.algorithm = "ssh-ed25519-cert-v01@openssh.com";
  out.public_key = blob;
  WireWriter data;
  data.string(id).byte(50).string(user).string("ssh-connection").string("publickey").boolean(true).string(out.algorithm).string(blob);
  auto signature = key.sign(keys::SignatureAlgorithm::ed25519, data.view());
  if (!signature) ADD_FAILURE() << signature.error().line();
  out.signature = *signature;
  return out;
}

}  // namespace gatehouse::sshd::test
