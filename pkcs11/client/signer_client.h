/// The client of a running gatehouse-signer.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/frame_socket.h"
#include "pkcs11/client/messages.h"

namespace gatehouse::pkcs11 {

/// One connection, blocking, not for two threads at once. Make it after a fork, never before. Connects when it is first asked something.
///
/// When the signer is not reached or goes away during a request (it crashed or is being restarted), the client connects again and asks
/// again, for `patience` at most and `max_attempts` times: all requests but generate and destroy may be asked twice without harm. While
/// the signer says that the token is away, a request fails at once.
class SignerClient {
 public:
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds patience{2000};
  static constexpr int max_attempts = 4;

  /// @param socket_path  where SignerProcess listens
  /// @param deadline     for one request, patience included
  explicit SignerClient(std::string socket_path, Milliseconds deadline = Milliseconds{15000});
  /// Over a connected socket (a socket pair): does not connect again.
  explicit SignerClient(FrameSocket connected, Milliseconds deadline = Milliseconds{15000});

  /// The keys found on the token now, in the order of the configuration.
  SignerResult<std::vector<RemoteKey>> list_keys();
  SignerResult<Health> health();

  /// @name Purpose host
  /// @param key_blob  the plain public key's blob (not a host certificate)
  /// @return the signature blob, verified
  /// @{
  /// @param hash  the exchange hash H: 32, 48 or 64 octets
  SignerResult<ByteVector> sign_exchange_hash(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes hash);
  /// The proof for one key of a hostkeys-prove-00@openssh.com request; the signer builds the signed octets from session id and key.
  SignerResult<ByteVector> sign_hostkeys_proof(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes session_id);
  /// @}

  /// @name Purpose ca
  /// @{
  /// @param to_be_signed  keys::certificate_to_be_signed(); judged by the signer's limits file
  SignerResult<ByteVector> sign_certificate(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes to_be_signed);
  /// @}

  /// Purpose host: namespace gatehouse-host. Purpose ca: gatehouse-krl, -trust, -checkpoint.
  /// @return the signature blob; keys::sshsig_blob() makes an SSHSIG of it
  SignerResult<ByteVector> sign_sshsig(Bytes key_blob, keys::SignatureAlgorithm algorithm, std::string_view name_space, Bytes message);

  /// @name Purpose manage
  /// @{
  SignerResult<TokenObject> generate(const GenerateKey& request);
  SignerResult<std::vector<TokenObject>> list_objects(std::string_view uri);
  /// @return how many objects went (private and public)
  SignerResult<std::uint32_t> destroy(std::string_view uri);
  /// @}

  /// Any request that may be asked twice.
  SignerResult<Answer> ask(const Request& request);

 private:
  using Clock = std::chrono::steady_clock;
  SignerResult<void> connect(Clock::time_point until);
  SignerResult<Answer> exchange(const Request& request, Clock::time_point until);
  SignerResult<ByteVector> ask_for_signature(const Request& request);

  std::string path_;
  FrameSocket socket_;
  Milliseconds deadline_;
  bool greeted_ = false;
};

}  // namespace gatehouse::pkcs11
