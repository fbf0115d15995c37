#include "protocol/crypto/aes_gcm.h"

#include <algorithm>
#include <cstdlib>

namespace gatehouse::crypto {

namespace {

constexpr std::size_t length_size = 4;

}  // namespace

AesGcm::AesGcm(bool sealing, SecretBytes key, Bytes iv) : key_(std::move(key)), iv_{}, context_(EVP_CIPHER_CTX_new()) {
  static EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  const EVP_CIPHER* const cipher = key_.size() == 16 ? aes128 : aes256;
  if (!context_ || cipher == nullptr || iv.size() != iv_.size()) std::abort();
  std::copy(iv.begin(), iv.end(), iv_.begin());
  must(EVP_CipherInit_ex2(context_.get(), cipher, key_.reveal().data(), iv_.data(), sealing ? 1 : 0, nullptr));
}

void AesGcm::begin(Bytes length_field) {
  int written = 0;
  must(EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, iv_.data(), -1, nullptr));
  must(EVP_CipherUpdate(context_.get(), nullptr, &written, length_field.data(), static_cast<int>(length_field.size())));
}

void AesGcm::next_invocation() {
  // RFC 5647 section 7.1: the invocation counter is incremented after each invocation; a rekey comes long before it wraps.
  for (std::size_t i = iv_.size(); i > 4 && ++iv_[i - 1] == 0; --i) {
  }
}

bool AesGcm::open(std::span<std::uint8_t> packet) {
  const DiscardErrors discard;  // of a wrong tag
  const std::span<std::uint8_t> tag = packet.last(tag_size);
  const std::span<std::uint8_t> body = packet.subspan(length_size, packet.size() - length_size - tag_size);
  int written = 0;
  begin(packet.first(length_size));
  must(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()));
  must(EVP_CipherUpdate(context_.get(), body.data(), &written, body.data(), static_cast<int>(body.size())));
  std::array<std::uint8_t, 16> none{};
  const bool right = EVP_CipherFinal_ex(context_.get(), none.data(), &written) == 1;
  next_invocation();
  return right;
}

void AesGcm::seal(std::span<std::uint8_t> packet) {
  const std::span<std::uint8_t> tag = packet.last(tag_size);
  const std::span<std::uint8_t> body = packet.subspan(length_size, packet.size() - length_size - tag_size);
  int written = 0;
  begin(packet.first(length_size));
  must(EVP_CipherUpdate(context_.get(), body.data(), &written, body.data(), static_cast<int>(body.size())));
  std::array<std::uint8_t, 16> none{};
  must(EVP_CipherFinal_ex(context_.get(), none.data(), &written));
  must(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()));
  next_invocation();
}

}  // namespace gatehouse::crypto
