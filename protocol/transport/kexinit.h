/// SSH_MSG_KEXINIT: parse, write, negotiate (RFC 4253 section 7.1).
#pragma once

#include <array>

#include "protocol/core/error.h"
#include "protocol/transport/algorithms.h"
#include "protocol/transport/name_list.h"

namespace gatehouse::transport {

using Cookie = std::array<std::uint8_t, 16>;

struct KexInit {
  Cookie cookie{};
  NameList kex;
  NameList host_keys;
  NameList ciphers_client_to_server;
  NameList ciphers_server_to_client;
  NameList macs_client_to_server;
  NameList macs_server_to_client;
  NameList compressions_client_to_server;
  NameList compressions_server_to_client;
  NameList languages_client_to_server;
  NameList languages_server_to_client;
  bool first_kex_packet_follows = false;
  std::uint32_t reserved = 0;  ///< for extensions; any value parses

  bool operator==(const KexInit&) const = default;
  /// Whether `name` is in the list of kex methods.
  bool lists_kex(std::string_view name) const;
};

/// @param payload  from the message number on
/// @error bad_encoding: short, left-over octets, an empty name, a name too long or not printable US-ASCII, too many names
ProtocolResult<KexInit> parse_kexinit(Bytes payload);
ByteVector write_kexinit(const KexInit& kexinit);

/// What the client lists first and the server has, for each list; markers are never chosen.
/// @error no_common_kex, no_common_host_key, no_common_cipher, no_common_mac, no_common_compression. Also when what is common to both is
/// a name that we do not support.
ProtocolResult<Negotiated> negotiate(const KexInit& client, const KexInit& server);

/// Whether the packet that follows a KEXINIT with first_kex_packet_follows was a right guess: the first kex method and the first host key
/// algorithm of both lists agree.
bool guessed_right(const KexInit& client, const KexInit& server);

}  // namespace gatehouse::transport
