#include "pkcs11/token/key_management.h"

#include <fmt/format.h>

#include <array>

#include "pkcs11/token/public_object.h"
#include "protocol/crypto/random.h"

namespace gatehouse::pkcs11 {

namespace {

constexpr std::size_t random_id_size = 16;

/// Attributes whose values it owns.
class Template {
 public:
  Template& flag(CK_ATTRIBUTE_TYPE type, bool value) { return octets(type, ByteVector{value ? CK_BBOOL{CK_TRUE} : CK_BBOOL{CK_FALSE}}); }
  Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    return octets(type, ByteVector(first, first + sizeof value));
  }
  Template& octets(CK_ATTRIBUTE_TYPE type, ByteVector value) {
    entries_.push_back({type, std::move(value)});
    return *this;
  }
  std::vector<CK_ATTRIBUTE> view() {
    std::vector<CK_ATTRIBUTE> list;
    for (Entry& entry : entries_) list.push_back({entry.type, entry.value.data(), entry.value.size()});
    return list;
  }

 private:
  struct Entry {
    CK_ATTRIBUTE_TYPE type;
    ByteVector value;
  };
  std::vector<Entry> entries_;
};

CK_MECHANISM_TYPE generation_mechanism(keys::KeyType type) {
  switch (type) {
    case keys::KeyType::ed25519:
      return CKM_EC_EDWARDS_KEY_PAIR_GEN;
    case keys::KeyType::ecdsa_p256:
    case keys::KeyType::ecdsa_p384:
    case keys::KeyType::ecdsa_p521:
      return CKM_EC_KEY_PAIR_GEN;
    case keys::KeyType::rsa:
      return CKM_RSA_PKCS_KEY_PAIR_GEN;
  }
  std::abort();
}

TokenResult<void> must_be_free(const Session& session, const ObjectTemplate& wanted, const std::string& what) {
  const auto found = find_objects(session, wanted, 1);
  if (!found) return tl::unexpected(found.error());
  if (!found->empty()) return token_error(Remedy::permanent, what + " is in use on this token; choose another");
  return {};
}

TokenResult<void> check_names(const Session& session, const GenerateKey& wanted, const ByteVector& id) {
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    if (auto free = must_be_free(session, {object_class, wanted.label, std::nullopt}, "label '" + escaped(wanted.label) + "'"); !free) {
      return free;
    }
    if (auto free = must_be_free(session, {object_class, std::nullopt, id}, "id " + hex(id)); !free) return free;
  }
  return {};
}

struct KeyPair {
  CK_OBJECT_HANDLE public_object;
  CK_OBJECT_HANDLE private_object;
};

/// @param parameters  CKA_EC_PARAMS; nothing for RSA
TokenResult<KeyPair> generate_pair(const Session& session, const GenerateKey& wanted, const ByteVector& id,
                                   const std::optional<ByteVector>& parameters) {
  const ByteVector label = to_vector(as_bytes(wanted.label));
  Template public_template;
  public_template.flag(CKA_TOKEN, true).flag(CKA_PRIVATE, false).flag(CKA_VERIFY, true).octets(CKA_LABEL, label).octets(CKA_ID, id);
  if (parameters) {
    public_template.octets(CKA_EC_PARAMS, *parameters);
  } else {
    public_template.number(CKA_MODULUS_BITS, wanted.rsa_bits).octets(CKA_PUBLIC_EXPONENT, {0x01, 0x00, 0x01});
  }
  Template private_template;
  private_template.flag(CKA_TOKEN, true).flag(CKA_PRIVATE, true).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
  private_template.flag(CKA_SIGN, true).flag(CKA_DECRYPT, false).flag(CKA_UNWRAP, false);
  private_template.octets(CKA_LABEL, label).octets(CKA_ID, id);

  CK_MECHANISM mechanism{generation_mechanism(wanted.type), nullptr, 0};
  std::vector<CK_ATTRIBUTE> for_public = public_template.view();
  std::vector<CK_ATTRIBUTE> for_private = private_template.view();
  KeyPair pair{CK_INVALID_HANDLE, CK_INVALID_HANDLE};
  const CK_RV code =
      session.functions().C_GenerateKeyPair(session.handle(), &mechanism, for_public.data(), for_public.size(), for_private.data(),
                                            for_private.size(), &pair.public_object, &pair.private_object);
  if (code != CKR_OK) return call_failed("C_GenerateKeyPair", code);
  return pair;
}

TokenResult<KeyPair> generate_in_any_form(const Session& session, const GenerateKey& wanted, const ByteVector& id) {
  if (wanted.type == keys::KeyType::rsa) return generate_pair(session, wanted, id, std::nullopt);
  TokenResult<KeyPair> made = token_error(Remedy::permanent, "no parameters for the curve");
  // Tokens differ in how the curve is to be named; what one does not know, it refuses.
  for (const ByteVector& form : curve_parameters(wanted.type)) {
    made = generate_pair(session, wanted, id, form);
    if (made) return made;
  }
  return made;
}

void destroy_pair(const Session& session, const KeyPair& pair) {
  session.functions().C_DestroyObject(session.handle(), pair.private_object);
  session.functions().C_DestroyObject(session.handle(), pair.public_object);
}

TokenResult<TokenObject> verify_new_key(const Session& session, const TokenInfo& token, const Uri& uri, PinSource& pin) {
  const auto rows = list_keys(session, token, uri);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() != 1) return token_error(Remedy::permanent, fmt::format("{} objects have the new key's id", rows->size()));
  const TokenObject& row = rows->front();
  // find_key refuses what is not sensitive or is extractable; what a key of ours must also be is asked here.
  const auto key = find_key(session, token, uri);
  if (!key) return tl::unexpected(key.error());
  if (row.decrypt == true) return token_error(Remedy::permanent, "the token made a key that may decrypt");
  if (row.local == false) return token_error(Remedy::permanent, "the token says that the key was not made on it");
  auto tried = sign_in_session(session, *key, keys::preferred_signature(key->public_key.type()), self_test_data(), pin);
  if (!tried) return tl::unexpected(tried.error());
  return row;
}

}  // namespace

TokenResult<TokenObject> generate_key(const Session& session, const TokenInfo& token, const GenerateKey& wanted, PinSource& pin) {
  const ByteVector id = wanted.id.empty() ? crypto::random_bytes(random_id_size) : wanted.id;
  if (auto free = check_names(session, wanted, id); !free) return tl::unexpected(free.error());
  const auto pair = generate_in_any_form(session, wanted, id);
  if (!pair) return tl::unexpected(pair.error());
  const auto uri = Uri::parse(uri_of(token, wanted.label, id), UriNames::key);
  TokenResult<TokenObject> row = token_error(Remedy::permanent, "no URI can be written for the key");
  if (uri) row = verify_new_key(session, token, *uri, pin);
  if (!row) {
    destroy_pair(session, *pair);
    return token_error(row.error().remedy, "the new key was destroyed again: " + row.error().text);
  }
  return row;
}

TokenResult<std::uint32_t> destroy_key(const Session& session, const TokenInfo& token, const Uri& uri) {
  const auto rows = list_keys(session, token, uri);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() != 1) {
    std::string seen;
    for (const TokenObject& row : *rows) seen += fmt::format("{}'{}' id {}", seen.empty() ? "" : ", ", escaped(row.label), hex(row.id));
    return token_error(Remedy::permanent,
                       fmt::format("{} keys match '{}'{}{}", rows->size(), escaped(uri.text), seen.empty() ? "" : ": ", seen));
  }
  const TokenObject& row = rows->front();
  std::vector<CK_OBJECT_HANDLE> doomed;
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    // Private and public object belong together by their id; a label alone names them only where there is none.
    ObjectTemplate wanted{object_class, std::nullopt, row.id};
    if (row.id.empty()) wanted = {object_class, row.label, std::nullopt};
    const auto handles = find_objects(session, wanted, 2);
    if (!handles) return tl::unexpected(handles.error());
    if (handles->size() > 1) return token_error(Remedy::permanent, "several objects have this id; nothing was destroyed");
    doomed.insert(doomed.end(), handles->begin(), handles->end());
  }
  for (const CK_OBJECT_HANDLE handle : doomed) {
    const CK_RV code = session.functions().C_DestroyObject(session.handle(), handle);
    if (code != CKR_OK) return call_failed("C_DestroyObject", code);
  }
  return static_cast<std::uint32_t>(doomed.size());
}

}  // namespace gatehouse::pkcs11
