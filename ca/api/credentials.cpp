#include "ca/api/credentials.h"

#include <openssl/evp.h>

#include <algorithm>

namespace gatehouse::ca {
namespace {

constexpr std::string_view scheme = "Basic ";

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

/// RFC 4648 section 4, strictly, straight into a secret; empty for a mistake. unbase64() would leave the password in freed memory.
SecretBytes decode(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  SecretBytes out(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const int value = sextet(c);
    if (value < 0) return {};
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.fill()[at++] = static_cast<std::uint8_t>(bits >> count);
  }
  const bool trailing_bits = (bits & ((1U << count) - 1)) != 0;
  return trailing_bits ? SecretBytes() : std::move(out);
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

Result<Password> parse_basic_authorization(std::string_view value) {
  constexpr auto where = "Authorization header";
  if (value.size() < scheme.size() || !same_word(value.substr(0, scheme.size()), scheme)) {
    return problem("only the scheme Basic is known", where);
  }
  if (value.size() > scheme.size() + (Password::max_user + 1 + Password::max_size + 2) / 3 * 4) return problem("too long", where);
  const SecretBytes decoded = decode(value.substr(scheme.size()));
  if (decoded.empty()) return problem("not base64", where);
  const std::string_view pair = decoded.reveal_text();
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return problem("no colon between name and password", where);
  const std::string_view user = pair.substr(0, colon);
  const std::string_view secret = pair.substr(colon + 1);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (user.empty() || user.size() > Password::max_user || std::any_of(user.begin(), user.end(), is_control)) {
    return problem("the name is empty, too long or has control characters", where);
  }
  if (secret.empty() || secret.size() > Password::max_size || secret.find('\0') != std::string_view::npos) {
    return problem("the password is empty, too long or has a NUL octet", where);
  }
  return Password{std::string(user), SecretBytes::copy_of(as_bytes(secret))};
}

SecretBytes basic_authorization(std::string_view user, const SecretBytes& password) {
  SecretBytes pair(user.size() + 1 + password.size());
  const auto out = pair.fill();
  std::copy(user.begin(), user.end(), out.begin());
  out[user.size()] = ':';
  const Bytes secret = password.reveal();
  std::copy(secret.begin(), secret.end(), out.begin() + static_cast<std::ptrdiff_t>(user.size() + 1));
  const std::size_t encoded = (pair.size() + 2) / 3 * 4;
  SecretBytes with_nul(scheme.size() + encoded + 1);  // EVP_EncodeBlock ends its text with a NUL octet
  std::copy(scheme.begin(), scheme.end(), with_nul.fill().begin());
  EVP_EncodeBlock(with_nul.fill().data() + scheme.size(), pair.reveal().data(), static_cast<int>(pair.size()));
  return with_nul.first(scheme.size() + encoded);
}

}  // namespace gatehouse::ca
