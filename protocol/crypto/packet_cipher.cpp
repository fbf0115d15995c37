#include "protocol/crypto/packet_cipher.h"

#include <array>
#include <cstdlib>
#include <variant>

#include "protocol/crypto/aes_ctr_hmac.h"
#include "protocol/crypto/aes_gcm.h"
#include "protocol/crypto/chacha20_poly1305.h"

namespace gatehouse::crypto {

namespace {

struct CipherRow {
  Cipher cipher;
  std::string_view name;
  std::size_t key_size, iv_size, block_size;
  bool authenticates;
};
// In order of preference. chacha20-poly1305 first, as OpenSSH's client has it, whose order decides.
constexpr std::array<CipherRow, 7> cipher_rows{{
    {Cipher::chacha20_poly1305, "chacha20-poly1305@openssh.com", ChaCha20Poly1305::key_size, 0, 8, true},
    {Cipher::aes128_gcm, "aes128-gcm@openssh.com", 16, AesGcm::iv_size, 16, true},
    {Cipher::aes256_gcm, "aes256-gcm@openssh.com", 32, AesGcm::iv_size, 16, true},
    {Cipher::aes128_ctr, "aes128-ctr", 16, 16, AesCtrHmac::block_size, false},
    {Cipher::aes192_ctr, "aes192-ctr", 24, 16, AesCtrHmac::block_size, false},
    {Cipher::aes256_ctr, "aes256-ctr", 32, 16, AesCtrHmac::block_size, false},
    {Cipher::none, "", 0, 0, 8, false},
}};

struct MacRow {
  Mac mac;
  std::string_view name;
  Digest digest;
  bool encrypt_then_mac;
};
constexpr std::array<MacRow, 4> mac_rows{{
    {Mac::hmac_sha2_256_etm, "hmac-sha2-256-etm@openssh.com", Digest::sha256, true},
    {Mac::hmac_sha2_512_etm, "hmac-sha2-512-etm@openssh.com", Digest::sha512, true},
    {Mac::hmac_sha2_256, "hmac-sha2-256", Digest::sha256, false},
    {Mac::hmac_sha2_512, "hmac-sha2-512", Digest::sha512, false},
}};

const CipherRow& row(Cipher cipher) {
  for (const CipherRow& candidate : cipher_rows) {
    if (candidate.cipher == cipher) return candidate;
  }
  std::abort();
}

const MacRow* row(Mac mac) {
  for (const MacRow& candidate : mac_rows) {
    if (candidate.mac == mac) return &candidate;
  }
  return nullptr;
}

constexpr std::size_t length_size = 4;

std::uint32_t clear_length(Bytes prefix) {
  return std::uint32_t{prefix[0]} << 24 | std::uint32_t{prefix[1]} << 16 | std::uint32_t{prefix[2]} << 8 | prefix[3];
}

}  // namespace

std::string_view cipher_name(Cipher cipher) { return row(cipher).name; }

std::optional<Cipher> cipher_by_name(std::string_view name) {
  for (const CipherRow& candidate : cipher_rows) {
    if (candidate.name == name && candidate.cipher != Cipher::none) return candidate.cipher;
  }
  return std::nullopt;
}

std::string_view mac_name(Mac mac) {
  const MacRow* const found = row(mac);
  return found == nullptr ? std::string_view{} : found->name;
}

std::optional<Mac> mac_by_name(std::string_view name) {
  for (const MacRow& candidate : mac_rows) {
    if (candidate.name == name) return candidate.mac;
  }
  return std::nullopt;
}

std::span<const Cipher> all_ciphers() {
  static constexpr std::array<Cipher, cipher_rows.size() - 1> all = [] {
    std::array<Cipher, cipher_rows.size() - 1> ciphers{};
    for (std::size_t i = 0; i < ciphers.size(); ++i) ciphers[i] = cipher_rows[i].cipher;
    return ciphers;
  }();
  return all;
}

std::span<const Mac> all_macs() {
  static constexpr std::array<Mac, mac_rows.size()> all = [] {
    std::array<Mac, mac_rows.size()> macs{};
    for (std::size_t i = 0; i < macs.size(); ++i) macs[i] = mac_rows[i].mac;
    return macs;
  }();
  return all;
}

bool authenticates(Cipher cipher) { return row(cipher).authenticates; }
std::size_t cipher_key_size(Cipher cipher) { return row(cipher).key_size; }
std::size_t cipher_iv_size(Cipher cipher) { return row(cipher).iv_size; }
std::size_t cipher_block_size(Cipher cipher) { return row(cipher).block_size; }

std::size_t mac_key_size(Mac mac) {
  const MacRow* const found = row(mac);
  return found == nullptr ? 0 : digest_size(found->digest);  // RFC 6668 section 2: as long as the digest
}

namespace {
struct Unprotected {};
using Mode = std::variant<Unprotected, ChaCha20Poly1305, AesGcm, AesCtrHmac>;

Mode make_mode(Operation operation, PacketKeys keys) {
  switch (keys.cipher) {
    case Cipher::none:
      return Unprotected{};
    case Cipher::chacha20_poly1305:
      return ChaCha20Poly1305(std::move(keys.key));
    case Cipher::aes128_gcm:
    case Cipher::aes256_gcm:
      return AesGcm(operation == Operation::seal, std::move(keys.key), keys.iv.reveal());
    case Cipher::aes128_ctr:
    case Cipher::aes192_ctr:
    case Cipher::aes256_ctr: {
      const MacRow& mac = *row(keys.mac);
      return AesCtrHmac(std::move(keys.key), keys.iv.reveal(), mac.digest, std::move(keys.mac_key), mac.encrypt_then_mac);
    }
  }
  std::abort();
}
}  // namespace

struct PacketCipher::Content {
  Cipher cipher = Cipher::none;
  Mac mac = Mac::none;
  std::size_t block_size = row(Cipher::none).block_size;
  std::size_t aligned_from = 0;
  std::size_t tag_size = 0;
  std::size_t prefix_size = length_size;
  Mode mode;
};

PacketCipher::PacketCipher() : content_(std::make_unique<Content>()) {}
PacketCipher::PacketCipher(std::unique_ptr<Content> content) : content_(std::move(content)) {}
PacketCipher::PacketCipher(PacketCipher&&) noexcept = default;
PacketCipher& PacketCipher::operator=(PacketCipher&&) noexcept = default;
PacketCipher::~PacketCipher() = default;

ProtocolResult<PacketCipher> PacketCipher::make(Operation operation, PacketKeys keys) {
  const CipherRow& how = row(keys.cipher);
  const bool needs_mac = !how.authenticates && keys.cipher != Cipher::none;
  if (keys.key.size() != how.key_size || keys.iv.size() != how.iv_size || keys.mac_key.size() != mac_key_size(keys.mac) ||
      needs_mac != (keys.mac != Mac::none)) {
    return violation(Violation::bad_snapshot, "packet keys do not fit their algorithms");
  }
  auto content = std::make_unique<Content>();
  content->cipher = keys.cipher;
  content->mac = keys.mac;
  content->block_size = how.block_size;
  const bool length_apart = how.authenticates || (needs_mac && row(keys.mac)->encrypt_then_mac);
  content->aligned_from = length_apart ? length_size : 0;
  content->prefix_size = needs_mac && !length_apart ? how.block_size : length_size;
  content->tag_size = how.authenticates ? ChaCha20Poly1305::tag_size : mac_key_size(keys.mac);  // HMAC: both are the digest's size
  static_assert(ChaCha20Poly1305::tag_size == AesGcm::tag_size);
  content->mode = make_mode(operation, std::move(keys));
  return PacketCipher(std::move(content));
}

Cipher PacketCipher::cipher() const { return content_->cipher; }
Mac PacketCipher::mac() const { return content_->mac; }
std::size_t PacketCipher::block_size() const { return content_->block_size; }
std::size_t PacketCipher::aligned_from() const { return content_->aligned_from; }
std::size_t PacketCipher::tag_size() const { return content_->tag_size; }
std::size_t PacketCipher::prefix_size() const { return content_->prefix_size; }

std::uint32_t PacketCipher::packet_length(std::uint32_t sequence_number, Bytes prefix) {
  if (prefix.size() < content_->prefix_size) std::abort();
  if (auto* chacha = std::get_if<ChaCha20Poly1305>(&content_->mode)) return chacha->packet_length(sequence_number, prefix);
  if (auto* ctr = std::get_if<AesCtrHmac>(&content_->mode)) return ctr->packet_length(prefix);
  return clear_length(prefix);
}

ProtocolResult<void> PacketCipher::open(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  // The modes below rely on these sizes.
  const std::size_t least = content_->aligned_from + content_->block_size + content_->tag_size;
  if (packet.size() < least || (packet.size() - content_->aligned_from - content_->tag_size) % content_->block_size != 0 ||
      packet.size() != length_size + std::size_t{packet_length(sequence_number, packet)} + content_->tag_size) {
    return violation(Violation::bad_packet_length);
  }
  bool right = true;
  if (auto* chacha = std::get_if<ChaCha20Poly1305>(&content_->mode)) {
    right = chacha->open(sequence_number, packet);
  } else if (auto* gcm = std::get_if<AesGcm>(&content_->mode)) {
    right = gcm->open(packet);
  } else if (auto* ctr = std::get_if<AesCtrHmac>(&content_->mode)) {
    right = ctr->open(sequence_number, packet);
  }
  if (!right) {
    OPENSSL_cleanse(packet.data(), packet.size());  // some modes decrypt before they know
    return violation(Violation::mac_mismatch);
  }
  return {};
}

void PacketCipher::seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  const std::size_t least = content_->aligned_from + content_->block_size + content_->tag_size;
  if (packet.size() < least || (packet.size() - content_->aligned_from - content_->tag_size) % content_->block_size != 0 ||
      packet.size() != length_size + std::size_t{clear_length(packet)} + content_->tag_size) {
    std::abort();  // our own packet
  }
  if (auto* chacha = std::get_if<ChaCha20Poly1305>(&content_->mode)) {
    chacha->seal(sequence_number, packet);
  } else if (auto* gcm = std::get_if<AesGcm>(&content_->mode)) {
    gcm->seal(packet);
  } else if (auto* ctr = std::get_if<AesCtrHmac>(&content_->mode)) {
    ctr->seal(sequence_number, packet);
  }
}

PacketKeys PacketCipher::copy_keys() const {
  PacketKeys keys;
  keys.cipher = content_->cipher;
  keys.mac = content_->mac;
  if (const auto* chacha = std::get_if<ChaCha20Poly1305>(&content_->mode)) {
    keys.key = SecretBytes::copy_of(chacha->key().reveal());
  } else if (const auto* gcm = std::get_if<AesGcm>(&content_->mode)) {
    keys.key = SecretBytes::copy_of(gcm->key().reveal());
    keys.iv = SecretBytes::copy_of(gcm->iv());
  } else if (const auto* ctr = std::get_if<AesCtrHmac>(&content_->mode)) {
    keys.key = SecretBytes::copy_of(ctr->key().reveal());
    keys.iv = SecretBytes::copy_of(ctr->iv());
    keys.mac_key = SecretBytes::copy_of(ctr->mac_key().reveal());
  }
  return keys;
}

}  // namespace gatehouse::crypto
