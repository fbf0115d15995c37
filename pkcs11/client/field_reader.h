/// Reading the signer's messages: fields with bounds.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "protocol/core/result.h"
#include "protocol/core/wire.h"
#include "protocol/keys/public_key.h"

namespace gatehouse::pkcs11 {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

inline tl::unexpected<Problem> malformed(const char* what) { return problem(std::string("malformed message: ") + what, "signer protocol"); }

/// Collects the first thing that is wrong, so that a parser reads like a field list.
class FieldReader {
 public:
  explicit FieldReader(Bytes payload) : wire_(payload) {}
  WireReader& wire() { return wire_; }

  ByteVector octets(const char* name, std::size_t least, std::size_t most) {
    const Bytes value = wire_.string();
    if (value.size() < least || value.size() > most) wrong(name);
    return wrong_ == nullptr ? to_vector(value) : ByteVector{};
  }
  std::string text(const char* name, std::size_t least, std::size_t most) {
    const std::string_view value = wire_.text();
    if (value.size() < least || value.size() > most || value.find('\0') != std::string_view::npos) wrong(name);
    return wrong_ == nullptr ? std::string(value) : std::string{};
  }
  ByteVector digest(const char* name) {
    ByteVector value = octets(name, 32, 64);
    if (value.size() != 32 && value.size() != 48 && value.size() != 64) wrong(name);
    return value;
  }
  ByteVector key() { return octets("key", 1, keys::max_key_blob); }
  keys::SignatureAlgorithm algorithm() {
    const auto value = keys::signature_by_name(wire_.text());
    if (!value) wrong("algorithm");
    return value.value_or(keys::SignatureAlgorithm::ed25519);
  }
  bool flag(const char* name) {
    const std::uint8_t value = wire_.byte();
    if (value > 1) wrong(name);
    return value == 1;
  }
  std::optional<bool> tri_state(const char* name) {
    const std::uint8_t value = wire_.byte();
    if (value > 2) wrong(name);
    if (value == 2) return std::nullopt;
    return value == 1;
  }
  std::uint32_t count(const char* name, std::size_t most) {
    const std::uint32_t value = wire_.uint32();
    if (value > most) wrong(name);
    return wrong_ == nullptr ? value : 0;
  }
  std::optional<keys::PublicKey> public_key(const char* name) {
    auto key = keys::PublicKey::parse(wire_.string());
    if (!key) {
      wrong(name);
      return std::nullopt;
    }
    return *key;
  }
  void wrong(const char* name) {
    if (wrong_ == nullptr) wrong_ = name;
  }
  bool good() const { return wrong_ == nullptr && !wire_.failed(); }

  /// The message, if all of it was read and nothing was wrong.
  template <class Variant, class T>
  Result<Variant> finish(T&& message) {
    if (wrong_ != nullptr) return malformed(wrong_);
    if (!wire_.finish()) return malformed("short, or octets left over");
    return Variant(std::forward<T>(message));
  }

 private:
  WireReader wire_;
  const char* wrong_ = nullptr;
};

}  // namespace gatehouse::pkcs11
