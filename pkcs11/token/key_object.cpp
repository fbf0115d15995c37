#include "pkcs11/token/key_object.h"

#include <fmt/format.h>

#include <algorithm>

#include "pkcs11/token/public_object.h"

namespace gatehouse::pkcs11 {

namespace {

struct Named {
  CK_OBJECT_HANDLE handle;
  std::string label;
  ByteVector id;
};

/// A read that may find nothing, in a chain of reads: the first error is kept.
class AttributeReader {
 public:
  AttributeReader(const Session& session, CK_OBJECT_HANDLE object) : session_(session), object_(object) {}
  std::optional<bool> flag(CK_ATTRIBUTE_TYPE type) { return keep(read_flag(session_, object_, type)); }
  ByteVector octets(CK_ATTRIBUTE_TYPE type) { return keep(read_attribute(session_, object_, type)).value_or(ByteVector{}); }
  std::optional<CK_ULONG> number(CK_ATTRIBUTE_TYPE type) { return keep(read_number(session_, object_, type)); }
  const std::optional<TokenError>& error() const { return error_; }

 private:
  template <class T>
  std::optional<T> keep(TokenResult<std::optional<T>> result) {
    if (result) return *std::move(result);
    if (!error_) error_ = result.error();
    return std::nullopt;
  }
  const Session& session_;
  CK_OBJECT_HANDLE object_;
  std::optional<TokenError> error_;
};

TokenResult<std::vector<Named>> named_objects(const Session& session, CK_OBJECT_CLASS object_class, const Uri& uri) {
  const auto handles = find_objects(session, {object_class, uri.object, uri.id}, max_listed_objects);
  if (!handles) return tl::unexpected(handles.error());
  std::vector<Named> named;
  for (const CK_OBJECT_HANDLE handle : *handles) {
    AttributeReader read(session, handle);
    named.push_back({handle, to_string(read.octets(CKA_LABEL)), read.octets(CKA_ID)});
    if (read.error()) return tl::unexpected(*read.error());
    // Tokens differ in how they match; hold them to it.
    if ((uri.object && *uri.object != named.back().label) || (uri.id && *uri.id != named.back().id)) named.pop_back();
  }
  return named;
}

std::string describe(const std::vector<Named>& objects) {
  std::string text;
  for (const Named& object : objects) {
    text += fmt::format("{}'{}' id {}", text.empty() ? "" : ", ", escaped(object.label), object.id.empty() ? "none" : hex(object.id));
  }
  return text;
}

/// What the token has instead: for the operator who mistyped a label.
std::string others(const Session& session) {
  Uri any;
  const auto objects = named_objects(session, CKO_PRIVATE_KEY, any);
  if (!objects || objects->empty()) return "it shows no private key";
  return "it has " + describe(*objects);
}

TokenResult<TokenKey> fit_to_sign(const Session& session, const TokenInfo& token, const Uri& uri, const Named& found) {
  AttributeReader read(session, found.handle);
  const auto sensitive = read.flag(CKA_SENSITIVE);
  const auto extractable = read.flag(CKA_EXTRACTABLE);
  const auto never_extractable = read.flag(CKA_NEVER_EXTRACTABLE);
  const auto always_sensitive = read.flag(CKA_ALWAYS_SENSITIVE);
  const auto can_sign = read.flag(CKA_SIGN);
  const bool always_authenticate = read.flag(CKA_ALWAYS_AUTHENTICATE).value_or(false);
  if (read.error()) return tl::unexpected(*read.error());
  const auto unfit = [&uri](const char* why) {
    return token_error(Remedy::permanent, fmt::format("the key '{}' is not used: {}", escaped(uri.text), why));
  };
  // A key that left the token once, or could, is no key of an HSM. A token that does not say is not believed.
  if (sensitive != true) return unfit("it is not sensitive (CKA_SENSITIVE)");
  if (extractable != false) return unfit("it is extractable (CKA_EXTRACTABLE)");
  if (never_extractable == false) return unfit("it was extractable once (CKA_NEVER_EXTRACTABLE)");
  if (always_sensitive == false) return unfit("it was not always sensitive (CKA_ALWAYS_SENSITIVE)");
  if (can_sign != true) return unfit("it may not sign (CKA_SIGN)");
  if (found.id.empty()) return unfit("it has no CKA_ID, by which its public key is found");

  const auto publics = find_objects(session, {CKO_PUBLIC_KEY, std::nullopt, found.id}, 2);
  if (!publics) return tl::unexpected(publics.error());
  if (publics->empty()) return unfit("there is no public key object with its CKA_ID");
  if (publics->size() > 1) return unfit("there are several public key objects with its CKA_ID");
  const auto key = read_public_key(session, publics->front());
  if (!key) return tl::unexpected(key.error());
  const auto hashing = hashing_for(session.functions(), token.slot, key->type());
  if (!hashing) return tl::unexpected(hashing.error());
  return TokenKey{found.label, found.id, found.handle, always_authenticate, *hashing, *key};
}

std::string kind_of(const std::optional<keys::PublicKey>& key, std::optional<CK_ULONG> type) {
  if (!key) return type ? fmt::format("unknown (CKK {:#x})", *type) : "unknown";
  switch (key->type()) {
    case keys::KeyType::ed25519:
      return "ed25519";
    case keys::KeyType::ecdsa_p256:
      return "ecdsa-p256";
    case keys::KeyType::ecdsa_p384:
      return "ecdsa-p384";
    case keys::KeyType::ecdsa_p521:
      return "ecdsa-p521";
    case keys::KeyType::rsa:
      return fmt::format("rsa-{}", key->bits());
  }
  return "unknown";
}

TokenResult<TokenObject> describe_private(const Session& session, const Named& found) {
  AttributeReader read(session, found.handle);
  TokenObject object;
  object.label = found.label;
  object.id = found.id;
  object.has_private = true;
  object.kind = kind_of(std::nullopt, read.number(CKA_KEY_TYPE));
  object.sensitive = read.flag(CKA_SENSITIVE);
  object.always_sensitive = read.flag(CKA_ALWAYS_SENSITIVE);
  object.extractable = read.flag(CKA_EXTRACTABLE);
  object.never_extractable = read.flag(CKA_NEVER_EXTRACTABLE);
  object.local = read.flag(CKA_LOCAL);
  object.sign = read.flag(CKA_SIGN);
  object.decrypt = read.flag(CKA_DECRYPT);
  object.always_authenticate = read.flag(CKA_ALWAYS_AUTHENTICATE);
  if (read.error()) return tl::unexpected(*read.error());
  return object;
}

TokenResult<void> add_public(const Session& session, const Named& found, TokenObject& object) {
  object.has_public = true;
  const auto key = read_public_key(session, found.handle);
  if (key) {
    object.key = *key;
    object.kind = kind_of(object.key, std::nullopt);
  } else if (key.error().remedy != Remedy::permanent) {
    return tl::unexpected(key.error());
  }
  return {};
}

}  // namespace

std::string uri_of(const TokenInfo& token, std::string_view label, Bytes id) {
  Uri uri;
  if (!token.label.empty()) uri.token = token.label;
  if (!token.serial.empty()) uri.serial = token.serial;
  if (!label.empty() && label.size() <= max_label && label.find('\0') == std::string_view::npos) uri.object = std::string(label);
  if (!id.empty() && id.size() <= max_object_id) uri.id = to_vector(id);
  return uri.write();
}

TokenResult<TokenKey> find_key(const Session& session, const TokenInfo& token, const Uri& uri) {
  const auto found = named_objects(session, CKO_PRIVATE_KEY, uri);
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) {
    return token_error(Remedy::new_session, fmt::format("no private key on token '{}' matches '{}'; {}", escaped(token.label),
                                                        escaped(uri.text), others(session)));
  }
  if (found->size() > 1) {
    return token_error(Remedy::permanent, fmt::format("{} private keys on token '{}' match '{}': {}; name one by its id", found->size(),
                                                      escaped(token.label), escaped(uri.text), describe(*found)));
  }
  return fit_to_sign(session, token, uri, found->front());
}

TokenResult<std::vector<TokenObject>> list_keys(const Session& session, const TokenInfo& token, const Uri& uri) {
  std::vector<TokenObject> rows;
  if (uri.type != "public") {
    const auto privates = named_objects(session, CKO_PRIVATE_KEY, uri);
    if (!privates) return tl::unexpected(privates.error());
    for (const Named& found : *privates) {
      auto row = describe_private(session, found);
      if (!row) return tl::unexpected(row.error());
      rows.push_back(*std::move(row));
    }
  }
  const auto publics = named_objects(session, CKO_PUBLIC_KEY, uri);
  if (!publics) return tl::unexpected(publics.error());
  for (const Named& found : *publics) {
    const auto pair = std::find_if(rows.begin(), rows.end(), [&found](const TokenObject& row) {
      return row.has_private && !row.has_public && row.id == found.id && (!row.id.empty() || row.label == found.label);
    });
    if (pair == rows.end() && uri.type == "private") continue;
    if (pair == rows.end()) {
      TokenObject alone;
      alone.label = found.label;
      alone.id = found.id;
      alone.kind = "unknown";
      rows.push_back(std::move(alone));
    }
    TokenObject& row = pair == rows.end() ? rows.back() : *pair;
    if (auto added = add_public(session, found, row); !added) return tl::unexpected(added.error());
  }
  if (rows.size() > max_listed_objects) rows.resize(max_listed_objects);
  for (TokenObject& row : rows) row.uri = uri_of(token, row.label, row.id);
  return rows;
}

}  // namespace gatehouse::pkcs11
