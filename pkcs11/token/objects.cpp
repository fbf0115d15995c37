#include "pkcs11/token/objects.h"

#include <array>
#include <cstring>

namespace gatehouse::pkcs11 {

namespace {

/// An attribute that an object lacks or keeps to itself is an answer, not a failure.
bool is_absent(CK_RV code) {
  return code == CKR_ATTRIBUTE_TYPE_INVALID || code == CKR_ATTRIBUTE_SENSITIVE || code == CKR_ATTRIBUTE_VALUE_INVALID ||
         code == CKR_FUNCTION_NOT_SUPPORTED;
}

}  // namespace

TokenResult<std::vector<CK_OBJECT_HANDLE>> find_objects(const Session& session, const ObjectTemplate& wanted, std::size_t most) {
  CK_OBJECT_CLASS object_class = wanted.object_class;
  std::vector<CK_ATTRIBUTE> attributes{{CKA_CLASS, &object_class, sizeof object_class}};
  if (wanted.label) attributes.push_back({CKA_LABEL, const_cast<char*>(wanted.label->data()), wanted.label->size()});
  if (wanted.id) attributes.push_back({CKA_ID, const_cast<std::uint8_t*>(wanted.id->data()), wanted.id->size()});
  const CK_FUNCTION_LIST& functions = session.functions();
  CK_RV code = functions.C_FindObjectsInit(session.handle(), attributes.data(), attributes.size());
  if (code != CKR_OK) return call_failed("C_FindObjectsInit", code);
  std::vector<CK_OBJECT_HANDLE> found;
  std::array<CK_OBJECT_HANDLE, 64> part{};
  while (code == CKR_OK && found.size() < most) {
    CK_ULONG count = 0;
    code = functions.C_FindObjects(session.handle(), part.data(), part.size(), &count);
    if (code != CKR_OK || count == 0) break;
    found.insert(found.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, part.size())));
  }
  const CK_RV closed = functions.C_FindObjectsFinal(session.handle());
  if (code != CKR_OK) return call_failed("C_FindObjects", code);
  if (closed != CKR_OK) return call_failed("C_FindObjectsFinal", closed);
  if (found.size() > most) found.resize(most);
  return found;
}

TokenResult<std::optional<ByteVector>> read_attribute(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  CK_RV code = session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (is_absent(code)) return std::optional<ByteVector>{};
  if (code != CKR_OK) return call_failed("C_GetAttributeValue", code);
  if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION) return std::optional<ByteVector>{};
  if (attribute.ulValueLen > max_attribute) return token_error(Remedy::permanent, "C_GetAttributeValue: attribute too long");
  ByteVector value(attribute.ulValueLen);
  if (value.empty()) return std::optional(std::move(value));
  attribute.pValue = value.data();
  code = session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (is_absent(code)) return std::optional<ByteVector>{};
  if (code != CKR_OK) return call_failed("C_GetAttributeValue", code);
  if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION) return std::optional<ByteVector>{};
  if (attribute.ulValueLen > value.size()) return token_error(Remedy::permanent, "C_GetAttributeValue: length grew");
  value.resize(attribute.ulValueLen);
  return std::optional(std::move(value));
}

TokenResult<std::optional<bool>> read_flag(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  const auto value = read_attribute(session, object, type);
  if (!value) return tl::unexpected(value.error());
  if (!*value || (*value)->size() != sizeof(CK_BBOOL)) return std::optional<bool>{};
  return std::optional((**value)[0] != CK_FALSE);
}

TokenResult<std::optional<CK_ULONG>> read_number(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  const auto value = read_attribute(session, object, type);
  if (!value) return tl::unexpected(value.error());
  CK_ULONG number = 0;
  if (!*value || (*value)->size() != sizeof number) return std::optional<CK_ULONG>{};
  std::memcpy(&number, (*value)->data(), sizeof number);
  return std::optional(number);
}

}  // namespace gatehouse::pkcs11
