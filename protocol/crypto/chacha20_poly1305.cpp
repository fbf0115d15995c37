#include "protocol/crypto/chacha20_poly1305.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::crypto {

namespace {

constexpr std::size_t length_size = 4;
constexpr std::size_t block_size = 64;
constexpr std::size_t poly1305_key_size = 32;

/// OpenSSL's 16 octet IV: the block counter (little endian), then the nonce, which is the sequence number as uint64.
std::array<std::uint8_t, 16> iv_of(std::uint32_t sequence_number) {
  std::array<std::uint8_t, 16> iv{};
  for (std::size_t i = 0; i < 4; ++i) iv[12 + i] = static_cast<std::uint8_t>(sequence_number >> (24 - 8 * i));
  return iv;
}

void crypt(EVP_CIPHER_CTX* context, const std::uint8_t* in, std::uint8_t* out, std::size_t size) {
  int written = 0;
  must(EVP_CipherUpdate(context, out, &written, in, static_cast<int>(size)));
}

EvpCipherCtx keyed(const std::uint8_t* key) {
  static EVP_CIPHER* const chacha20 = EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
  EvpCipherCtx context(EVP_CIPHER_CTX_new());
  must(context && chacha20 != nullptr ? 1 : 0);
  const std::array<std::uint8_t, 16> iv = iv_of(0);
  must(EVP_CipherInit_ex2(context.get(), chacha20, key, iv.data(), 1, nullptr));  // a stream cipher: both directions are the same
  return context;
}

EvpMacCtx new_poly1305() {
  static EVP_MAC* const poly1305 = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
  EvpMacCtx context(poly1305 == nullptr ? nullptr : EVP_MAC_CTX_new(poly1305));
  must(context ? 1 : 0);
  return context;
}

}  // namespace

ChaCha20Poly1305::ChaCha20Poly1305(SecretBytes key)
    : key_(std::move(key)),
      length_(keyed(key_.reveal().subspan(key_size / 2).data())),
      payload_(keyed(key_.reveal().data())),
      poly1305_(new_poly1305()) {}

void ChaCha20Poly1305::length_field(std::uint32_t sequence_number, const std::uint8_t* in, std::uint8_t* out) {
  const std::array<std::uint8_t, 16> iv = iv_of(sequence_number);
  must(EVP_CipherInit_ex2(length_.get(), nullptr, nullptr, iv.data(), -1, nullptr));
  crypt(length_.get(), in, out, length_size);
}

void ChaCha20Poly1305::begin(std::uint32_t sequence_number) {
  const std::array<std::uint8_t, 16> iv = iv_of(sequence_number);
  must(EVP_CipherInit_ex2(payload_.get(), nullptr, nullptr, iv.data(), -1, nullptr));
  // Block 0 whole: its first half keys Poly1305, and the keystream then stands where the payload's begins.
  std::array<std::uint8_t, block_size> first_block{};
  crypt(payload_.get(), first_block.data(), first_block.data(), first_block.size());
  must(EVP_MAC_init(poly1305_.get(), first_block.data(), poly1305_key_size, nullptr));
  OPENSSL_cleanse(first_block.data(), first_block.size());
}

void ChaCha20Poly1305::tag(Bytes sealed, std::uint8_t* out) {
  std::size_t size = 0;
  must(EVP_MAC_update(poly1305_.get(), sealed.data(), sealed.size()));
  must(EVP_MAC_final(poly1305_.get(), out, &size, tag_size));
}

const ChaCha20Poly1305::Asked& ChaCha20Poly1305::ask(std::uint32_t sequence_number, Bytes prefix) {
  if (!asked_ || asked_->sequence_number != sequence_number || !equal(asked_->sealed, prefix.first(length_size))) {
    asked_ = Asked{sequence_number, {prefix[0], prefix[1], prefix[2], prefix[3]}, {}};
    length_field(sequence_number, asked_->sealed.data(), asked_->clear.data());
  }
  return *asked_;
}

std::uint32_t ChaCha20Poly1305::packet_length(std::uint32_t sequence_number, Bytes prefix) {
  const std::array<std::uint8_t, length_size>& clear = ask(sequence_number, prefix).clear;
  return std::uint32_t{clear[0]} << 24 | std::uint32_t{clear[1]} << 16 | std::uint32_t{clear[2]} << 8 | clear[3];
}

bool ChaCha20Poly1305::open(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  const std::span<std::uint8_t> sealed = packet.first(packet.size() - tag_size);
  std::array<std::uint8_t, tag_size> expected{};
  begin(sequence_number);
  tag(sealed, expected.data());
  if (!equal_in_constant_time(expected, packet.last(tag_size))) return false;
  const std::array<std::uint8_t, length_size>& clear = ask(sequence_number, sealed).clear;
  std::copy(clear.begin(), clear.end(), sealed.begin());
  crypt(payload_.get(), sealed.data() + length_size, sealed.data() + length_size, sealed.size() - length_size);
  return true;
}

void ChaCha20Poly1305::seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  const std::span<std::uint8_t> clear = packet.first(packet.size() - tag_size);
  begin(sequence_number);
  length_field(sequence_number, clear.data(), clear.data());
  crypt(payload_.get(), clear.data() + length_size, clear.data() + length_size, clear.size() - length_size);
  tag(clear, packet.last(tag_size).data());
}

}  // namespace gatehouse::crypto
