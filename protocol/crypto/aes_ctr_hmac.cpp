#include "protocol/crypto/aes_ctr_hmac.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::crypto {

namespace {

constexpr std::size_t length_size = 4;
constexpr std::size_t max_tag_size = 64;

const EVP_CIPHER* cipher_for(std::size_t key_size) {
  static EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  static EVP_CIPHER* const aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-CTR", nullptr);
  static EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  return key_size == 16 ? aes128 : key_size == 24 ? aes192 : aes256;
}

EvpMacCtx keyed_hmac(Digest digest, const SecretBytes& key) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EvpMacCtx context(hmac == nullptr ? nullptr : EVP_MAC_CTX_new(hmac));
  must(context ? 1 : 0);
  std::array<char, 16> name{};
  const std::string_view digest_name(EVP_MD_get0_name(openssl_digest(digest)));
  std::copy(digest_name.begin(), digest_name.end(), name.begin());
  const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_utf8_string("digest", name.data(), 0), OSSL_PARAM_construct_end()};
  must(EVP_MAC_init(context.get(), key.reveal().data(), key.size(), params.data()));
  return context;
}

}  // namespace

AesCtrHmac::AesCtrHmac(SecretBytes key, Bytes counter, Digest digest, SecretBytes mac_key, bool encrypt_then_mac)
    : key_(std::move(key)),
      mac_key_(std::move(mac_key)),
      cipher_(EVP_CIPHER_CTX_new()),
      mac_(keyed_hmac(digest, mac_key_)),
      tag_size_(digest_size(digest)),
      encrypt_then_mac_(encrypt_then_mac) {
  const EVP_CIPHER* const cipher = cipher_for(key_.size());
  if (!cipher_ || cipher == nullptr || counter.size() != counter_.size()) std::abort();
  std::copy(counter.begin(), counter.end(), counter_.begin());
  must(EVP_CipherInit_ex2(cipher_.get(), cipher, key_.reveal().data(), counter_.data(), 1, nullptr));  // both directions are the same
}

void AesCtrHmac::crypt(std::span<std::uint8_t> blocks) {
  int written = 0;
  must(EVP_CipherUpdate(cipher_.get(), blocks.data(), &written, blocks.data(), static_cast<int>(blocks.size())));
}

void AesCtrHmac::advance(std::size_t octets) {
  // OpenSSL counts by itself from packet to packet; this is the copy that a hand-over needs.
  std::uint64_t carry = octets / block_size;
  for (std::size_t i = counter_.size(); i > 0 && carry != 0; --i) {
    carry += counter_[i - 1];
    counter_[i - 1] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

void AesCtrHmac::compute_mac(std::uint32_t sequence_number, Bytes data, std::uint8_t* out) {
  const std::array<std::uint8_t, 4> sequence{static_cast<std::uint8_t>(sequence_number >> 24),
                                             static_cast<std::uint8_t>(sequence_number >> 16),
                                             static_cast<std::uint8_t>(sequence_number >> 8), static_cast<std::uint8_t>(sequence_number)};
  std::size_t size = 0;
  must(EVP_MAC_init(mac_.get(), nullptr, 0, nullptr));  // starts anew with the same key
  must(EVP_MAC_update(mac_.get(), sequence.data(), sequence.size()));
  must(EVP_MAC_update(mac_.get(), data.data(), data.size()));
  must(EVP_MAC_final(mac_.get(), out, &size, tag_size_));
}

std::uint32_t AesCtrHmac::packet_length(Bytes prefix) {
  std::array<std::uint8_t, block_size> block{};
  if (encrypt_then_mac_) {
    std::copy_n(prefix.begin(), length_size, block.begin());
  } else {
    if (!first_block_) {
      first_block_.emplace();
      std::copy_n(prefix.begin(), block_size, first_block_->begin());
      crypt(*first_block_);
    }
    block = *first_block_;
  }
  return std::uint32_t{block[0]} << 24 | std::uint32_t{block[1]} << 16 | std::uint32_t{block[2]} << 8 | block[3];
}

bool AesCtrHmac::open(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  const std::span<std::uint8_t> body = packet.first(packet.size() - tag_size_);
  const Bytes received = packet.last(tag_size_);
  std::array<std::uint8_t, max_tag_size> expected{};
  const Bytes computed = Bytes(expected).first(tag_size_);
  if (encrypt_then_mac_) {
    compute_mac(sequence_number, body, expected.data());
    if (!equal_in_constant_time(computed, received)) return false;
    crypt(body.subspan(length_size));
    advance(body.size() - length_size);
    return true;
  }
  packet_length(body);
  std::copy(first_block_->begin(), first_block_->end(), body.begin());
  first_block_.reset();
  crypt(body.subspan(block_size));
  advance(body.size());
  compute_mac(sequence_number, body, expected.data());
  return equal_in_constant_time(computed, received);
}

void AesCtrHmac::seal(std::uint32_t sequence_number, std::span<std::uint8_t> packet) {
  const std::span<std::uint8_t> body = packet.first(packet.size() - tag_size_);
  std::uint8_t* const tag = packet.last(tag_size_).data();
  if (encrypt_then_mac_) {
    crypt(body.subspan(length_size));
    advance(body.size() - length_size);
    compute_mac(sequence_number, body, tag);
  } else {
    compute_mac(sequence_number, body, tag);
    crypt(body);
    advance(body.size());
  }
}

}  // namespace gatehouse::crypto
