/// One SSH connection below authentication: identification, key exchange, packets, rekey, extensions (RFC 4253, RFC 4344, RFC 8308,
/// strict key exchange of OpenSSH PROTOCOL section 1.10). No socket, no clock: octets go in, events and octets come out.
///
/// The loop of whoever owns the socket:
///
///     read into input_space(), input_received(n)   while wants_input()
///     while (auto event = next(); event && *event) …   until next() has nothing more to say
///     write output() in one call, output_sent(n)
///
/// A violation, ours or the peer's, puts a DISCONNECT into output() where the protocol allows one, and closes; the owner writes what is
/// left of output() and closes the socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/core/error.h"
#include "protocol/core/numbers.h"
#include "protocol/core/secret.h"
#include "protocol/transport/algorithms.h"
#include "protocol/transport/exchange_hash.h"
#include "protocol/transport/ext_info.h"
#include "protocol/transport/identification.h"
#include "protocol/transport/kexinit.h"

namespace gatehouse::transport {

/// A host key of a server: what goes over the wire as K_S when `algorithm` is agreed on. An RSA key is in the list twice.
struct HostKey {
  std::string algorithm;  ///< "ssh-ed25519", "rsa-sha2-512-cert-v01@openssh.com", …
  ByteVector blob;        ///< key blob or certificate blob
};

/// After how much under one set of keys, in one direction, the transport asks for new ones by itself.
struct RekeyLimits {
  std::uint64_t bytes = 0;  ///< 0: by the cipher, 64 GiB for blocks of 16 octets (RFC 4344 section 3.2), 1 GiB else
  std::uint64_t packets = std::uint64_t{1} << 31;
};

struct Settings {
  Role role = Role::server;
  std::string identification = our_identification();
  /// The line was sent by another process (the listener): it only counts for the exchange hash.
  bool identification_sent = false;
  AlgorithmLists algorithms = AlgorithmLists::defaults();
  std::vector<HostKey> host_keys;              ///< server: in order of preference
  std::optional<std::string> server_sig_algs;  ///< server: value of that extension, comma separated; none: not sent
  RekeyLimits rekey;
};

// ---- events -----------------------------------------------------------------------------------------------------------------------

/// The peer's identification line is known: peer_identification().
struct PeerIdentified {};

/// Server: a key exchange begins (the first one, or a rekey that either side asked for) and its KEXINIT wants a cookie: provide_cookie().
/// Does not come when a cookie was provided before.
struct CookieNeeded {};

/// Server: compute H = exchange_hash(method, inputs), have H signed by the host key with the signature algorithm behind
/// host_key_algorithm, and call provide_exchange_hash_and_signature(). Input is not looked at before that.
struct ExchangeHashNeeded {
  crypto::KexMethod method;
  std::string host_key_algorithm;
  ExchangeHashInputs inputs;
};

/// Client: the server proved to own this key; accept_host_key() or reject_host_key(). Input is not looked at before that. Does not come
/// when a rekey shows the very blob that was accepted before.
struct HostKeyOffered {
  std::string algorithm;
  ByteVector blob;  ///< key blob or certificate blob; of a certificate only the subject key was used, nothing else was checked
};

/// New keys protect both directions. `first` once per connection: session_id() and negotiated() are known.
struct KeysInstalled {
  bool first;
};

/// A message for the layers above: 5, 6 and 50 to 79 before authentication_succeeded(), 80 to 127 after it. (After it a server drops
/// authentication requests, RFC 4252 section 5.3.) The view is good until the next call of next(), input_space() or feed().
struct PayloadReceived {
  Message message;                ///< may be a number without an enumerator
  Bytes payload;                  ///< from the message number on
  std::uint32_t sequence_number;  ///< for reply_unimplemented()
};

/// The peer said goodbye; the transport is closed, without an error of ours.
struct PeerDisconnected {
  std::uint32_t reason;  ///< RFC 4253 section 11.1, or any number
  std::string text;      ///< escaped, at most 256 octets of the peer's
};

using Event =
    std::variant<PayloadReceived, PeerIdentified, CookieNeeded, ExchangeHashNeeded, HostKeyOffered, KeysInstalled, PeerDisconnected>;

// ---- the transport ----------------------------------------------------------------------------------------------------------------

class Transport {
 public:
  /// The identification string is in output() at once (unless it was sent); our KEXINIT follows it as soon as there is a cookie.
  explicit Transport(Settings settings);
  /// Goes on where snapshot() stopped. The settings are ours again: host keys and limits may have changed since; the role may not.
  /// @error bad_snapshot: cut, changed at any octet, another version, not consistent
  static ProtocolResult<Transport> restore(Settings settings, Bytes snapshot);
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;
  ~Transport();

  // -- input

  /// Whether to read from the socket: false once closed, while an answer is owed (ExchangeHashNeeded, HostKeyOffered, CookieNeeded), and
  /// while a peer that does not read has too much of our output waiting.
  bool wants_input() const;
  /// Room for the next read, at least 64 KiB. Then input_received() with what came.
  std::span<std::uint8_t> input_space();
  void input_received(std::size_t octets);
  /// Both at once, by copying; for tests and small inputs.
  void feed(Bytes octets);

  /// The next thing that happened, or nothing until more input or an answer comes, or until output() has been written: while a peer that
  /// does not read has 1 MiB waiting, its messages wait too. So ask again after output_sent().
  /// @error the violation that closed the transport, once; nothing afterwards
  ProtocolResult<std::optional<Event>> next();
  /// After a violation, a DISCONNECT either way: nothing is read or sent any more, but output() may have a rest.
  bool closed() const;

  // -- answers

  /// Server: 16 random octets for the next KEXINIT, drawn for this key exchange; may come before it is asked for. Each is used once.
  /// A client draws its own, unless one is provided.
  void provide_cookie(const Cookie& cookie);
  /// Server, after ExchangeHashNeeded. The owner has verified the signature.
  /// @error crypto_failed (closes) when `hash` is not as long as the method's digest; unexpected_message when none was asked for
  ProtocolResult<void> provide_exchange_hash_and_signature(Bytes hash, Bytes signature_blob);
  /// Client, after HostKeyOffered. @error unexpected_message when none was offered
  ProtocolResult<void> accept_host_key();
  /// Closes with host_key_not_verifiable.
  void reject_host_key();

  // -- output

  /// What is to be written to the socket, all of it in one piece. Good until the next call that is not const.
  Bytes output() const;
  void output_sent(std::size_t octets);
  /// All of output(), taken out; for tests.
  ByteVector take_output();

  /// Sends a message of a higher layer: into output(), or, while a key exchange holds it back, into a bounded queue. More than what
  /// send_room() says is taken too, for replies; past 4 MiB in output(), or 1 MiB held back, it closes with too_much_output. Dropped when
  /// closed.
  void send(Bytes payload);
  /// The same without a copy: fill the span, then say how much of it counts. The span is good until finish_payload().
  std::span<std::uint8_t> start_payload(std::size_t at_most);
  void finish_payload(std::size_t octets);
  /// How many more octets of bulk data should be put in now; 0 while a key exchange holds data back or the peer does not read.
  std::size_t send_room() const;
  /// RFC 4253 section 11.4, for a message that nobody above knew.
  void reply_unimplemented(std::uint32_t sequence_number);
  /// SSH_MSG_IGNORE with `size` octets, SSH_MSG_DEBUG (not displayed), PING. Not while a key exchange is under way.
  void send_ignore(std::size_t size);
  /// @param data  at most 256 octets
  void send_ping(Bytes data);
  /// Server, during authentication: another EXT_INFO, if the client announced ext-info-in-auth@openssh.com. @return whether it did
  bool send_ext_info(const ExtInfo& ext_info);

  /// Starts a key exchange, unless one is under way or the first has not finished.
  void request_rekey();
  /// From now on messages of the connection layer pass, and those of authentication do not. A server calls it after it sent
  /// USERAUTH_SUCCESS, a client when it came.
  void authentication_succeeded();
  /// Sends DISCONNECT and closes. @param text  what the peer may see
  void disconnect(DisconnectReason reason, std::string_view text);
  /// Disconnects by the violation's rule: for the layers above. Does nothing when closed.
  void fail(const ProtocolError& error);

  // -- facts

  Role role() const;
  const std::string& our_identification_line() const;
  /// Without CR LF; printable US-ASCII. Empty before PeerIdentified.
  const std::string& peer_identification() const;
  /// The first H; empty before KeysInstalled.
  Bytes session_id() const;
  /// K_S of the latest key exchange: a server's own, a client's the server's (also of the first one: initial_host_key()).
  Bytes host_key() const;
  /// K_S of the first key exchange, which publickey-hostbound-v00@openssh.com names.
  Bytes initial_host_key() const;
  /// Of the latest finished key exchange.
  const Negotiated& negotiated() const;
  bool strict_kex() const;
  /// A KEXINIT was sent or received and its NEWKEYS are not both through.
  bool key_exchange_under_way() const;
  /// What the peer's EXT_INFO said; all unset without one.
  const ExtInfo& peer_extensions() const;

  // -- hand-over

  static constexpr std::size_t max_snapshot = 4 * 1024 * 1024;
  /// Whether snapshot() can be taken: keys installed, no key exchange under way, no event or answer owed, not closed. A rekey that still
  /// waits for its cookie does not count: the restored transport asks again.
  bool can_snapshot() const;
  /// All that another process needs to go on: keys, sequence numbers, rekey counts, strict flag, names, identification lines, session id,
  /// extensions, unread input, unsent output. Ends in a digest. This transport is closed afterwards, so that no sequence number is used
  /// twice, and its output is not to be sent: it is in the snapshot.
  /// @error bad_snapshot when can_snapshot() is false, or when more than max_snapshot would come out
  ProtocolResult<SecretBytes> snapshot();

 private:
  struct Content;
  explicit Transport(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

}  // namespace gatehouse::transport
