/// Distinguished names and search filters: compared and built so that no name can say more than itself (RFC 4514, RFC 4515).
#pragma once

#include <string>
#include <string_view>

#include "protocol/core/result.h"

namespace gatehouse::ca {

/// What a DN may be at most, in octets; checked before anything is parsed.
inline constexpr std::size_t max_dn = 8 * 1024;

/// The one text by which two DNs are compared. Attribute types are lower-case short names ("2.5.4.3" and "CN" are "cn"); of attributes that
/// directories compare without case (cn, ou, o, dc, uid, …) ASCII letters are lowered and spaces squeezed; the values of a multi-valued RDN
/// are sorted; escapes are written in one way. Other attributes, and letters beyond ASCII, keep their case: two spellings that a directory
/// may take for one then differ here, which refuses and never admits.
/// @error Problem: not a DN, empty, or longer than max_dn
Result<std::string> normalised_dn(std::string_view dn);

/// Whether `dn` lies below `base` or is it; both normalised. An empty base holds nothing.
bool dn_is_within(std::string_view dn, std::string_view base);

/// A value inside a filter: * ( ) \ NUL and all octets beyond printable ASCII become \XX (RFC 4515 section 3). A DN is escaped with this,
/// too.
std::string filter_escaped(std::string_view value);

/// A user name as we let it near a directory: 1 to 64 of a-z A-Z 0-9 . _ -, beginning with a letter, a digit or _, and a $ at the end at
/// most (machine accounts). So no comma, space, #, quote, bracket, asterisk, control or non-ASCII octet.
bool is_acceptable_user_name(std::string_view name);

/// ASCII letters lowered, all else as it is: attribute names, host names.
std::string lower_case(std::string_view text);

/// Equal but for the case of ASCII letters.
bool equal_but_for_case(std::string_view a, std::string_view b);

}  // namespace gatehouse::ca
