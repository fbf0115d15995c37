#include "protocol/transport/kexinit.h"

#include <algorithm>

#include "protocol/core/numbers.h"
#include "protocol/core/wire.h"
#include "protocol/keys/algorithm.h"

namespace gatehouse::transport {

namespace {

constexpr std::string_view no_compression = "none";

/// The ten name-lists in the order of RFC 4253 section 7.1.
template <class KexInitType, class Function>
void each_list(KexInitType& kexinit, Function function) {
  function(kexinit.kex);
  function(kexinit.host_keys);
  function(kexinit.ciphers_client_to_server);
  function(kexinit.ciphers_server_to_client);
  function(kexinit.macs_client_to_server);
  function(kexinit.macs_server_to_client);
  function(kexinit.compressions_client_to_server);
  function(kexinit.compressions_server_to_client);
  function(kexinit.languages_client_to_server);
  function(kexinit.languages_server_to_client);
}

bool lists(const NameList& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

bool is_marker(std::string_view name) {
  return name == marker::ext_info_client || name == marker::ext_info_server || name == marker::strict_kex_client ||
         name == marker::strict_kex_server;
}

/// "The first algorithm on the client's list that is also on the server's list."
std::optional<std::string_view> first_common(const NameList& client, const NameList& server) {
  for (const std::string& name : client) {
    if (!is_marker(name) && lists(server, name)) return name;
  }
  return std::nullopt;
}

std::string both_lists(const NameList& client, const NameList& server) {
  return "client: " + escaped(join_names(client), 1024) + "; server: " + escaped(join_names(server), 1024);
}

struct Protection {
  crypto::Cipher cipher;
  crypto::Mac mac;
};

ProtocolResult<Protection> choose_protection(const NameList& client_ciphers, const NameList& server_ciphers, const NameList& client_macs,
                                             const NameList& server_macs) {
  const auto cipher_name = first_common(client_ciphers, server_ciphers);
  const auto cipher = cipher_name ? crypto::cipher_by_name(*cipher_name) : std::nullopt;
  if (!cipher) return violation(Violation::no_common_cipher, both_lists(client_ciphers, server_ciphers));
  if (crypto::authenticates(*cipher)) return Protection{*cipher, crypto::Mac::none};
  const auto mac_name = first_common(client_macs, server_macs);
  const auto mac = mac_name ? crypto::mac_by_name(*mac_name) : std::nullopt;
  if (!mac) return violation(Violation::no_common_mac, both_lists(client_macs, server_macs));
  return Protection{*cipher, *mac};
}

}  // namespace

bool KexInit::lists_kex(std::string_view name) const { return lists(kex, name); }

ProtocolResult<KexInit> parse_kexinit(Bytes payload) {
  WireReader reader(payload);
  if (reader.byte() != static_cast<std::uint8_t>(Message::kexinit)) return violation(Violation::bad_encoding, "not a KEXINIT");
  KexInit kexinit;
  const Bytes cookie = reader.raw(kexinit.cookie.size());
  std::copy(cookie.begin(), cookie.end(), kexinit.cookie.begin());
  std::optional<ProtocolError> bad;
  each_list(kexinit, [&](NameList& names) {
    auto parsed = parse_name_list(reader.text());
    if (parsed) {
      names = std::move(*parsed);
    } else if (!bad) {
      bad = std::move(parsed.error());
    }
  });
  kexinit.first_kex_packet_follows = reader.boolean();
  kexinit.reserved = reader.uint32();
  if (!reader.finish()) return violation(Violation::bad_encoding, "KEXINIT");
  if (bad) return tl::unexpected(std::move(*bad));
  return kexinit;
}

ByteVector write_kexinit(const KexInit& kexinit) {
  WireWriter writer;
  writer.byte(static_cast<std::uint8_t>(Message::kexinit)).raw(kexinit.cookie);
  each_list(kexinit, [&](const NameList& names) { writer.string(join_names(names)); });
  return writer.boolean(kexinit.first_kex_packet_follows).uint32(kexinit.reserved).take();
}

ProtocolResult<Negotiated> negotiate(const KexInit& client, const KexInit& server) {
  Negotiated chosen;
  const auto kex_name = first_common(client.kex, server.kex);
  const auto kex = kex_name ? crypto::kex_method_by_name(*kex_name) : std::nullopt;
  if (!kex) return violation(Violation::no_common_kex, both_lists(client.kex, server.kex));
  chosen.kex = *kex;

  const auto host_key = first_common(client.host_keys, server.host_keys);
  if (!host_key || !keys::public_key_algorithm_by_name(*host_key)) {
    return violation(Violation::no_common_host_key, both_lists(client.host_keys, server.host_keys));
  }
  chosen.host_key_algorithm = *host_key;

  const auto to_server = choose_protection(client.ciphers_client_to_server, server.ciphers_client_to_server, client.macs_client_to_server,
                                           server.macs_client_to_server);
  if (!to_server) return tl::unexpected(to_server.error());
  const auto to_client = choose_protection(client.ciphers_server_to_client, server.ciphers_server_to_client, client.macs_server_to_client,
                                           server.macs_server_to_client);
  if (!to_client) return tl::unexpected(to_client.error());
  chosen.cipher_client_to_server = to_server->cipher;
  chosen.mac_client_to_server = to_server->mac;
  chosen.cipher_server_to_client = to_client->cipher;
  chosen.mac_server_to_client = to_client->mac;

  if (first_common(client.compressions_client_to_server, server.compressions_client_to_server) != no_compression) {
    return violation(Violation::no_common_compression,
                     both_lists(client.compressions_client_to_server, server.compressions_client_to_server));
  }
  if (first_common(client.compressions_server_to_client, server.compressions_server_to_client) != no_compression) {
    return violation(Violation::no_common_compression,
                     both_lists(client.compressions_server_to_client, server.compressions_server_to_client));
  }
  return chosen;
}

bool guessed_right(const KexInit& client, const KexInit& server) {
  const auto same_first = [](const NameList& a, const NameList& b) { return !a.empty() && !b.empty() && a.front() == b.front(); };
  return same_first(client.kex, server.kex) && same_first(client.host_keys, server.host_keys);
}

}  // namespace gatehouse::transport
