/// Objects of a session: finding them, reading their attributes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkcs11/token/session.h"
#include "protocol/core/bytes.h"

namespace gatehouse::pkcs11 {

inline constexpr std::size_t max_attribute = 16 * 1024;

/// What to look for: a class, and where given a label and an id; tokens differ in what else they can match.
struct ObjectTemplate {
  CK_OBJECT_CLASS object_class;
  std::optional<std::string> label;
  std::optional<ByteVector> id;
};

/// @return at most `most` handles
TokenResult<std::vector<CK_OBJECT_HANDLE>> find_objects(const Session& session, const ObjectTemplate& wanted, std::size_t most);

/// One attribute; attributes are asked one by one, since some tokens refuse a whole list for one of them.
/// @return nothing when the object has no such attribute, or does not show it
TokenResult<std::optional<ByteVector>> read_attribute(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
/// A CK_BBOOL or a CK_ULONG; nothing also when it has another size.
TokenResult<std::optional<bool>> read_flag(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
TokenResult<std::optional<CK_ULONG>> read_number(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

}  // namespace gatehouse::pkcs11
