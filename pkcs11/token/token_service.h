/// Signs with the keys of one token for many threads, and brings the token back when it is lost.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "pkcs11/token/module.h"
#include "pkcs11/token/open_token.h"
#include "pkcs11/token/watchdog.h"

namespace gatehouse::pkcs11 {

struct TokenServiceSettings {
  std::vector<Uri> keys;                             ///< at least one
  std::size_t sessions = 8;                          ///< beside the one that holds the login
  std::chrono::milliseconds sign_limit{10000};       ///< a signature that takes longer ends the process
  std::chrono::milliseconds open_limit{60000};       ///< as above for each attempt to open the token
  std::chrono::milliseconds patience{2000};          ///< how long a request waits for a token that is being opened
  std::chrono::milliseconds longest_back_off{5000};  ///< between attempts while the token is away
};

/// The ladder of recovery: the request that fails climbs it, all others wait or fail as the rung says.
///   1  again in a new session
///   2  close all sessions, log in, find the keys (Rung::reopening)
///   3  C_Finalize, C_Initialize, and as 2 (Rung::initialising): the only thing that brings some modules back
///   4  the token is away: a thread tries 3 with growing pauses; requests fail at once (Rung::away)
/// Nobody is inside the module on rungs 2 and 3. A PIN that was refused ends the climb (Rung::pin_rejected) until there is another one.
class TokenService {
 public:
  using Clock = std::chrono::steady_clock;

  /// Opens the token in a thread of its own; requests wait for it.
  TokenService(Module module, TokenServiceSettings settings, PinSource& pin, Watchdog& watchdog, SigningRecord record);
  /// No request may be under way.
  ~TokenService();
  TokenService(const TokenService&) = delete;
  TokenService& operator=(const TokenService&) = delete;

  /// @param until  when the requester no longer waits
  /// @return the signature blob, verified and recorded
  SignerResult<ByteVector> sign(Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data, const SigningNote& note,
                                Clock::time_point until);
  /// The keys that are there. @error as sign
  SignerResult<std::vector<RemoteKey>> list_keys(Clock::time_point until);
  /// Without the requests refused, which are counted elsewhere.
  Health health() const;

 private:
  struct Pass;

  SignerResult<Pass> enter(Clock::time_point until);
  void leave();
  SignerResult<void> check_request(const Pass& pass, Bytes key_blob, keys::SignatureAlgorithm algorithm) const;
  TokenResult<ByteVector> try_sign(Pass& pass, Bytes key_blob, keys::SignatureAlgorithm algorithm, Bytes data, Clock::time_point until);
  SignerResult<ByteVector> release(ByteVector signature, const SigningNote& note, const keys::PublicKey& key,
                                   keys::SignatureAlgorithm algorithm, Bytes data);
  SignerResult<void> recover(std::uint64_t generation, bool from_the_module);
  SignerFault fault_of_rung(Rung rung) const;

  void run();
  void start_up();
  void retry(Clock::time_point now);
  void look_for_missing_keys();
  bool keys_missing() const;
  TokenResult<void> reopen();
  TokenResult<void> initialise();
  void shut_gate();
  void settle(const TokenResult<void>& outcome, bool climbed);
  void set_rung(Rung rung, std::string detail);

  Module module_;
  const TokenServiceSettings settings_;
  PinSource& pin_;
  Watchdog& watchdog_;
  const SigningRecord record_;

  std::mutex ladder_;  ///< who opens, reopens or initialises; taken before mutex_, never after

  mutable std::mutex mutex_;  ///< all below
  std::condition_variable changed_;
  Rung rung_ = Rung::starting;
  std::string detail_;
  std::uint64_t since_;
  bool gate_open_ = false;
  unsigned inside_ = 0;
  std::uint64_t generation_ = 0;
  std::unique_ptr<OpenToken> token_;  ///< changed only with the gate shut and nobody inside
  std::set<ByteVector> known_;        ///< blobs of keys that were there once
  std::uint64_t signatures_ = 0;
  std::uint64_t recoveries_ = 0;
  std::chrono::milliseconds back_off_{0};
  Clock::time_point due_{};
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::pkcs11
