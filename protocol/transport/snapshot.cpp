/// The hand-over: a live connection as octets, and back (docs/architecture.md, the hand-over).
///
/// Wire types of RFC 4251 between a magic with a version and a SHA-256 of all before it. Only our own processes read it, through a pipe;
/// the digest finds what was cut or changed, it does not authenticate.
#include <algorithm>

#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"
#include "protocol/keys/algorithm.h"
#include "protocol/keys/secret_writer.h"
#include "protocol/transport/transport_content.h"

namespace gatehouse::transport {

namespace {

constexpr std::string_view magic = "gatehouse transport snapshot";
constexpr std::uint32_t version = 1;
constexpr std::size_t digest_size = 32;
constexpr std::size_t max_host_key = 64 * 1024;

tl::unexpected<ProtocolError> bad(std::string detail) { return violation(Violation::bad_snapshot, "snapshot: " + std::move(detail)); }

/// keys::SecretWriter with what else the format needs.
class Writer {
 public:
  Writer& boolean(bool value) {
    out_.byte(value ? 1 : 0);
    return *this;
  }
  Writer& uint32(std::uint32_t value) {
    out_.uint32(value);
    return *this;
  }
  Writer& uint64(std::uint64_t value) { return uint32(static_cast<std::uint32_t>(value >> 32)).uint32(static_cast<std::uint32_t>(value)); }
  Writer& string(Bytes value) {
    out_.string(value);
    return *this;
  }
  Writer& string(std::string_view value) { return string(as_bytes(value)); }
  SecretBytes finish() {
    out_.raw(crypto::hash(crypto::Digest::sha256, out_.view()));
    return out_.take();
  }

 private:
  keys::SecretWriter out_;
};

void write_direction(Writer& writer, const crypto::PacketCipher& cipher, std::uint32_t sequence_number, const KeyUse& use) {
  const crypto::PacketKeys keys = cipher.copy_keys();
  writer.string(crypto::cipher_name(keys.cipher))
      .string(keys.mac == crypto::Mac::none ? std::string_view{} : crypto::mac_name(keys.mac))
      .string(keys.key.reveal())
      .string(keys.iv.reveal())
      .string(keys.mac_key.reveal())
      .uint32(sequence_number)
      .uint64(use.packets)
      .uint64(use.bytes);
}

struct DirectionState {
  crypto::PacketCipher cipher;
  std::uint32_t sequence_number;
  KeyUse use;
};

ProtocolResult<DirectionState> read_direction(WireReader& reader, crypto::Operation operation) {
  const auto cipher = crypto::cipher_by_name(reader.text());
  const std::string_view mac_text = reader.text();
  const auto mac = mac_text.empty() ? std::optional(crypto::Mac::none) : crypto::mac_by_name(mac_text);
  const Bytes key = reader.string();
  const Bytes iv = reader.string();
  const Bytes mac_key = reader.string();
  const std::uint32_t sequence_number = reader.uint32();
  const std::uint64_t packets = reader.uint64();
  const std::uint64_t bytes = reader.uint64();
  if (reader.failed() || !cipher || !mac) return bad("algorithms of a direction");
  crypto::PacketKeys keys{*cipher, *mac, SecretBytes::copy_of(key), SecretBytes::copy_of(iv), SecretBytes::copy_of(mac_key)};
  auto made = crypto::PacketCipher::make(operation, std::move(keys));
  if (!made) return bad("keys of a direction");
  return DirectionState{std::move(*made), sequence_number, {packets, bytes}};
}

void write_negotiated(Writer& writer, const Negotiated& negotiated) {
  writer.string(crypto::kex_method_name(negotiated.kex)).string(negotiated.host_key_algorithm);
}

void write_extensions(Writer& writer, const ExtInfo& extensions) {
  writer.boolean(extensions.server_sig_algs.has_value())
      .string(extensions.server_sig_algs.value_or(std::string()))
      .boolean(extensions.publickey_hostbound)
      .boolean(extensions.ping)
      .boolean(extensions.ext_info_in_auth);
}

ExtInfo read_extensions(WireReader& reader) {
  ExtInfo extensions;
  const bool has_algorithms = reader.boolean();
  const std::string_view algorithms = reader.text();
  if (has_algorithms) extensions.server_sig_algs = std::string(algorithms);
  extensions.publickey_hostbound = reader.boolean();
  extensions.ping = reader.boolean();
  extensions.ext_info_in_auth = reader.boolean();
  return extensions;
}

bool valid_line(std::string_view line) {
  return line.size() > 4 && line.size() <= max_identification && line.substr(0, 4) == "SSH-" &&
         std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

bool Transport::can_snapshot() const {
  const Content& c = *content_;
  return !c.closed && c.keyed && c.peer_keyed && !c.kex.peer_in_exchange() && !c.kex.we_in_exchange() && c.ready.empty() && !c.error &&
         c.filling == Content::Filling::nothing;
}

ProtocolResult<SecretBytes> Transport::snapshot() {
  Content& c = *content_;
  if (!can_snapshot()) return bad("not at a point where one can be taken");
  c.reader.release(c.input);
  Writer writer;
  writer.string(magic).uint32(version).boolean(c.settings.role == Role::server);
  writer.string(c.our_line).string(c.peer_line).string(c.session_id).string(c.host_key).string(c.initial_host_key);
  write_negotiated(writer, c.negotiated);
  writer.boolean(c.strict).boolean(c.authenticated).boolean(c.ext_info_may_come).uint32(c.idle_messages).uint32(c.rekeys_before_auth);
  write_extensions(writer, c.peer_extensions);
  write_direction(writer, c.reader.cipher(), c.reader.sequence_number(), c.reader.use());
  write_direction(writer, c.writer.cipher(), c.writer.sequence_number(), c.writer.use());
  writer.string(Bytes(c.input.view())).string(Bytes(c.output.view()));
  SecretBytes octets = writer.finish();
  if (octets.size() > max_snapshot) return bad("too much waiting output");
  c.close();
  return octets;
}

ProtocolResult<Transport> Transport::restore(Settings settings, Bytes snapshot) {
  if (snapshot.size() < digest_size || snapshot.size() > max_snapshot) return bad("size");
  const Bytes body = snapshot.first(snapshot.size() - digest_size);
  if (!equal(crypto::hash(crypto::Digest::sha256, body), snapshot.last(digest_size))) return bad("cut or changed");

  WireReader reader(body);
  if (reader.text() != magic || reader.uint32() != version) return bad("another version");
  const bool server = reader.boolean();
  if (server != (settings.role == Role::server)) return bad("another role");
  auto content = std::make_unique<Content>(std::move(settings));
  Content& c = *content;
  c.our_line = reader.text();
  c.peer_line = reader.text();
  c.session_id = to_vector(reader.string());
  c.host_key = to_vector(reader.string());
  c.initial_host_key = to_vector(reader.string());
  const auto kex = crypto::kex_method_by_name(reader.text());
  c.negotiated.host_key_algorithm = reader.text();
  c.strict = reader.boolean();
  c.authenticated = reader.boolean();
  c.ext_info_may_come = reader.boolean();
  c.idle_messages = reader.uint32();
  c.rekeys_before_auth = reader.uint32();
  c.peer_extensions = read_extensions(reader);
  auto inbound = read_direction(reader, crypto::Operation::open);
  if (!inbound) return tl::unexpected(std::move(inbound.error()));
  auto outbound = read_direction(reader, crypto::Operation::seal);
  if (!outbound) return tl::unexpected(std::move(outbound.error()));
  const Bytes input = reader.string();
  const Bytes output = reader.string();
  if (!reader.finish()) return bad("fields");

  if (!valid_line(c.our_line) || !valid_line(c.peer_line)) return bad("identification");
  if (!kex || !keys::public_key_algorithm_by_name(c.negotiated.host_key_algorithm)) return bad("algorithms");
  if (c.session_id.size() != 32 && c.session_id.size() != 48 && c.session_id.size() != 64) return bad("session id");
  if (c.host_key.empty() || c.host_key.size() > max_host_key || c.initial_host_key.empty() || c.initial_host_key.size() > max_host_key) {
    return bad("host key");
  }
  c.negotiated.kex = *kex;
  const crypto::PacketCipher& to_server = server ? inbound->cipher : outbound->cipher;
  const crypto::PacketCipher& to_client = server ? outbound->cipher : inbound->cipher;
  c.negotiated.cipher_client_to_server = to_server.cipher();
  c.negotiated.mac_client_to_server = to_server.mac();
  c.negotiated.cipher_server_to_client = to_client.cipher();
  c.negotiated.mac_server_to_client = to_client.mac();
  c.reader.resume(std::move(inbound->cipher), inbound->sequence_number, inbound->use);
  c.writer.resume(std::move(outbound->cipher), outbound->sequence_number, outbound->use);
  c.input.append(input);
  c.output.append(output);
  c.identified = c.keyed = c.peer_keyed = true;
  return Transport(std::move(content));
}

}  // namespace gatehouse::transport
