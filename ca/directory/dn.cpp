#include "ca/directory/dn.h"

#include <algorithm>
#include <array>
#include <vector>

#include "ca/directory/ldap_handle.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

struct NamingAttribute {
  std::string_view name;       // what we write
  std::string_view long_name;  // RFC 4519
  std::string_view oid;
};

// Those whose equality rule is caseIgnoreMatch or caseIgnoreIA5Match (RFC 4519, RFC 4524), so that case and runs of spaces mean nothing.
constexpr std::array naming_attributes{
    NamingAttribute{"cn", "commonname", "2.5.4.3"},
    NamingAttribute{"sn", "surname", "2.5.4.4"},
    NamingAttribute{"serialnumber", "serialnumber", "2.5.4.5"},
    NamingAttribute{"c", "countryname", "2.5.4.6"},
    NamingAttribute{"l", "localityname", "2.5.4.7"},
    NamingAttribute{"st", "stateorprovincename", "2.5.4.8"},
    NamingAttribute{"street", "streetaddress", "2.5.4.9"},
    NamingAttribute{"o", "organizationname", "2.5.4.10"},
    NamingAttribute{"ou", "organizationalunitname", "2.5.4.11"},
    NamingAttribute{"title", "title", "2.5.4.12"},
    NamingAttribute{"name", "name", "2.5.4.41"},
    NamingAttribute{"givenname", "gn", "2.5.4.42"},
    NamingAttribute{"uid", "userid", "0.9.2342.19200300.100.1.1"},
    NamingAttribute{"mail", "rfc822mailbox", "0.9.2342.19200300.100.1.3"},
    NamingAttribute{"dc", "domaincomponent", "0.9.2342.19200300.100.1.25"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// RFC 4518 section 2.6.1: leading and trailing spaces mean nothing, a run of spaces is one.
std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void append_escaped_octet(std::string& out, char c) {
  const auto octet = static_cast<std::uint8_t>(c);
  out.push_back('\\');
  out += hex(Bytes(&octet, 1));
}

bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }

std::string value_text(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool special = std::string_view(",+\"\\<>;=#").find(c) != std::string_view::npos;
    const bool edge_space = c == ' ' && (i == 0 || i + 1 == value.size());
    if (special || edge_space || !is_printable(c)) {
      append_escaped_octet(out, c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string_view text_of(const berval& value) { return {value.bv_val, value.bv_len}; }

std::string pair_text(const LDAPAVA& pair) {
  const std::string type = lower_case(text_of(pair.la_attr));
  const std::string_view value = text_of(pair.la_value);
  // "#hex": the BER encoding of a value of a type that has no text; nothing is known about how it compares.
  if ((pair.la_flags & LDAP_AVA_BINARY) != 0) return type + "=#" + hex(as_bytes(value));
  for (const auto& known : naming_attributes) {
    if (type == known.name || type == known.long_name || type == known.oid) {
      return std::string(known.name) + "=" + value_text(squeezed(lower_case(value)));
    }
  }
  return type + "=" + value_text(value);
}

}  // namespace

Result<std::string> normalised_dn(std::string_view dn) {
  if (dn.empty()) return problem("an empty DN");
  if (dn.size() > max_dn) return problem("a DN of more than " + std::to_string(max_dn) + " octets");
  std::string copy(dn);
  berval given{copy.size(), copy.data()};
  LDAPDN parsed = nullptr;
  if (ldap_bv2dn(&given, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || parsed == nullptr) {
    return problem("\"" + escaped(dn) + "\" is no DN", {}, "write it as in cn=ops,ou=groups,dc=example,dc=com");
  }
  const LdapDn owner(parsed);
  std::string out;
  for (int i = 0; parsed[i] != nullptr; ++i) {
    std::vector<std::string> pairs;
    for (int j = 0; parsed[i][j] != nullptr; ++j) {
      const LDAPAVA& pair = *parsed[i][j];
      // libldap takes "#" without digits for the encoding of nothing in some places and not in others: it is none (RFC 4514 section 3).
      if ((pair.la_flags & LDAP_AVA_BINARY) != 0 && pair.la_value.bv_len == 0) return problem("a DN with an empty # value");
      pairs.push_back(pair_text(pair));
    }
    std::sort(pairs.begin(), pairs.end());
    if (i > 0) out.push_back(',');
    for (std::size_t j = 0; j < pairs.size(); ++j) {
      if (j > 0) out.push_back('+');
      out += pairs[j];
    }
  }
  return out;
}

bool dn_is_within(std::string_view dn, std::string_view base) {
  if (base.empty() || !dn.ends_with(base)) return false;
  // In a normalised DN a comma that is part of a value is written \2c, so a comma here ends an RDN.
  return dn.size() == base.size() || dn[dn.size() - base.size() - 1] == ',';
}

std::string filter_escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (std::string_view("*()\\").find(c) != std::string_view::npos || !is_printable(c)) {
      append_escaped_octet(out, c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool is_acceptable_user_name(std::string_view name) {
  const auto letter_or_digit = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > 64) return false;
  if (!letter_or_digit(name.front()) && name.front() != '_') return false;
  if (name.back() == '$') name.remove_suffix(1);
  return std::all_of(name.begin(), name.end(), [&](char c) { return letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace gatehouse::ca
