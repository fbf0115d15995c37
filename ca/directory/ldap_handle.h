/// Owners for libldap's handles.
#pragma once

#include <ldap.h>

#include <memory>

namespace gatehouse::ca {

template <auto Free>
struct LdapFree {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
struct LdapUnbind {
  void operator()(LDAP* handle) const { ldap_unbind_ext_s(handle, nullptr, nullptr); }
};

using LdapHandle = std::unique_ptr<LDAP, LdapUnbind>;
using LdapMessage = std::unique_ptr<LDAPMessage, LdapFree<ldap_msgfree>>;
using LdapDn = std::unique_ptr<LDAPRDN, LdapFree<ldap_dnfree>>;  // LDAPDN is LDAPRDN*
using LdapText = std::unique_ptr<char, LdapFree<ldap_memfree>>;
using LdapValues = std::unique_ptr<berval*, LdapFree<ldap_value_free_len>>;
using LdapControls = std::unique_ptr<LDAPControl*, LdapFree<ldap_controls_free>>;
using LdapBerval = std::unique_ptr<berval, LdapFree<ber_bvfree>>;
using LdapUrl = std::unique_ptr<LDAPURLDesc, LdapFree<ldap_free_urldesc>>;
struct LdapBerFree {
  void operator()(BerElement* element) const { ber_free(element, 0); }
};
using LdapBer = std::unique_ptr<BerElement, LdapBerFree>;

}  // namespace gatehouse::ca
