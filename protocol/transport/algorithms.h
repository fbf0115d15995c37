/// The algorithms of a KEXINIT: which names we have, and what both sides agreed on (RFC 4253 section 7.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/crypto/key_agreement.h"
#include "protocol/crypto/packet_cipher.h"

namespace gatehouse::transport {

enum class Role : std::uint8_t { client, server };
/// Of packets, whoever we are.
enum class Direction : std::uint8_t { client_to_server, server_to_client };

/// What we offer, most wanted first: wire names that we support, without the markers (ext-info-c, kex-strict-s-v00@openssh.com, …), which
/// the transport adds itself. The same ciphers and MACs are offered in both directions; compression is none.
struct AlgorithmLists {
  std::vector<std::string> kex;
  std::vector<std::string> host_keys;  ///< client: accepted names. A server leaves it empty: it offers what its host keys can do
  std::vector<std::string> ciphers;
  std::vector<std::string> macs;

  /// All that we support, in our order of preference.
  static AlgorithmLists defaults();
};

/// What one key exchange agreed on.
struct Negotiated {
  crypto::KexMethod kex = crypto::KexMethod::curve25519_sha256;
  std::string host_key_algorithm;
  crypto::Cipher cipher_client_to_server = crypto::Cipher::none;
  crypto::Cipher cipher_server_to_client = crypto::Cipher::none;
  crypto::Mac mac_client_to_server = crypto::Mac::none;  ///< none with a cipher that authenticates by itself
  crypto::Mac mac_server_to_client = crypto::Mac::none;

  crypto::Cipher cipher(Direction direction) const {
    return direction == Direction::client_to_server ? cipher_client_to_server : cipher_server_to_client;
  }
  crypto::Mac mac(Direction direction) const {
    return direction == Direction::client_to_server ? mac_client_to_server : mac_server_to_client;
  }
  bool operator==(const Negotiated&) const = default;
};

/// Markers in the list of kex methods, each spelled once.
namespace marker {
inline constexpr std::string_view ext_info_client = "ext-info-c";                      // RFC 8308 section 2.1
inline constexpr std::string_view ext_info_server = "ext-info-s";                      // RFC 8308 section 2.1
inline constexpr std::string_view strict_kex_client = "kex-strict-c-v00@openssh.com";  // OpenSSH PROTOCOL section 1.10
inline constexpr std::string_view strict_kex_server = "kex-strict-s-v00@openssh.com";  // OpenSSH PROTOCOL section 1.10
}  // namespace marker

}  // namespace gatehouse::transport
