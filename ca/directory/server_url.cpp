#include "ca/directory/server_url.h"

#include <arpa/inet.h>

#include <cstring>

#include "ca/directory/ldap_handle.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

Result<ServerUrl> parse_server_url(const std::string& url) {
  LDAPURLDesc* parsed = nullptr;
  if (url.size() > 512 || url.find('\0') != std::string::npos || ldap_url_parse(url.c_str(), &parsed) != LDAP_URL_SUCCESS) {
    return problem("\"" + escaped(url) + "\" is no LDAP URL", {}, "write ldaps://ldap.example.com");
  }
  const LdapUrl owner(parsed);
  const std::string scheme = parsed->lud_scheme;
  if (scheme != "ldaps" && scheme != "ldap") return problem("scheme " + scheme + ":// is not supported", {}, "write ldaps:// or ldap://");
  if (parsed->lud_host == nullptr || *parsed->lud_host == '\0') return problem("\"" + escaped(url) + "\" names no host");
  const bool extra = (parsed->lud_dn != nullptr && *parsed->lud_dn != '\0') || parsed->lud_attrs != nullptr ||
                     parsed->lud_exts != nullptr ||
                     (parsed->lud_filter != nullptr && std::strcmp(parsed->lud_filter, "(objectClass=*)") != 0);
  if (extra)
    return problem("\"" + escaped(url) + "\" says more than scheme, host and port", {}, "base and user_filter are keys of their own");
  ServerUrl server;
  server.host = parsed->lud_host;
  server.tls_at_once = scheme == "ldaps";
  server.port = static_cast<std::uint16_t>(parsed->lud_port != 0 ? parsed->lud_port : (server.tls_at_once ? LDAPS_PORT : LDAP_PORT));
  server.loopback = is_loopback(server.host);
  const bool bracket = server.host.find(':') != std::string::npos;
  server.text = scheme + "://" + (bracket ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
  return server;
}

}  // namespace gatehouse::ca
