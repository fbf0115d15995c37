#include "ca/directory/settings.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "ca/directory/dn.h"
#include "ca/directory/server_url.h"

namespace gatehouse::ca {

std::optional<DirectoryKind> directory_kind_by_name(std::string_view name) {
  if (name == "openldap") return DirectoryKind::openldap;
  if (name == "389ds") return DirectoryKind::ds389;
  if (name == "ad") return DirectoryKind::active_directory;
  return std::nullopt;
}

std::optional<GroupLookup> group_lookup_by_name(std::string_view name) {
  if (name == "search") return GroupLookup::search;
  if (name == "memberof") return GroupLookup::member_of;
  return std::nullopt;
}

namespace {

std::string key(std::string_view name) { return "[directory] " + std::string(name); }

Result<void> check_urls(const DirectorySettings& settings) {
  if (settings.urls.empty()) return problem("no directory server is named", key("urls"), "urls = [\"ldaps://ldap.example.com\"]");
  if (settings.urls.size() > 32) return problem("more than 32 servers", key("urls"));
  for (const auto& text : settings.urls) {
    const auto url = parse_server_url(text);
    if (!url) return tl::unexpected(Problem{url.error().what, key("urls"), url.error().mend});
    if (url->tls_at_once) continue;
    if (settings.start_tls == false && !url->loopback) {
      return problem("start_tls = false would send passwords in clear to " + url->host, key("urls"),
                     "use ldaps://, or leave start_tls out; plain ldap:// is for loopback only");
    }
  }
  return {};
}

Result<void> check_filter(const std::string& filter) {
  if (filter.size() > 1024) return problem("a filter of more than 1024 octets", key("user_filter"));
  const auto first = filter.find("{user}");
  if (first == std::string::npos) return problem("the filter has no {user}", key("user_filter"), "user_filter = \"(uid={user})\"");
  if (filter.front() != '(' || filter.back() != ')') {
    return problem("a filter stands in parentheses", key("user_filter"), "user_filter = \"(uid={user})\"");
  }
  return {};
}

Result<void> check_dn(const std::string& dn, std::string_view name, bool may_be_empty) {
  if (dn.empty() && may_be_empty) return {};
  const auto normal = normalised_dn(dn);
  if (!normal) return tl::unexpected(Problem{normal.error().what, key(name), normal.error().mend});
  return {};
}

}  // namespace

Result<DirectorySettings> checked(DirectorySettings settings) {
  const bool ad = settings.kind == DirectoryKind::active_directory;
  if (settings.user_filter.empty()) settings.user_filter = ad ? "(&(objectCategory=person)(sAMAccountName={user}))" : "(uid={user})";
  if (settings.name_attribute.empty()) settings.name_attribute = ad ? "sAMAccountName" : "uid";
  if (settings.user_base.empty()) settings.user_base = settings.base;
  if (settings.group_base.empty()) settings.group_base = settings.base;

  if (auto ok = check_urls(settings); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_filter(settings.user_filter); !ok) return tl::unexpected(ok.error());
  if (settings.base.empty()) return problem("no base", key("base"), "base = \"dc=example,dc=com\"");
  struct Named {
    const std::string& dn;
    std::string_view name;
    bool may_be_empty;
  };
  for (const Named& entry :
       {Named{settings.base, "base", false}, Named{settings.bind_dn, "bind_dn", true}, Named{settings.user_base, "user_base", false},
        Named{settings.service_base, "service_base", true}, Named{settings.group_base, "group_base", false},
        Named{settings.default_password_policy, "default_password_policy", true}}) {
    if (auto ok = check_dn(entry.dn, entry.name, entry.may_be_empty); !ok) return tl::unexpected(ok.error());
  }
  if (settings.bind_dn.empty() != settings.bind_password_file.empty()) {
    return problem("bind_dn and bind_password_file go together", key("bind_dn"), "give both, or none for an anonymous search");
  }
  if (ad && settings.bind_dn.empty())
    return problem("Active Directory answers no anonymous search", key("bind_dn"), "name a service account");
  if (!settings.ca_file.empty() && ::access(settings.ca_file.c_str(), R_OK) != 0) {
    return problem("cannot read the CA certificates in " + settings.ca_file, key("ca_file"));
  }
  if (settings.max_group_depth == 0 || settings.max_groups == 0) return problem("a limit of 0 groups", key("max_groups"));
  for (const auto limit : {settings.connect_timeout, settings.bind_timeout, settings.search_timeout, settings.total_timeout}) {
    if (limit < std::chrono::milliseconds(100) || limit > std::chrono::minutes(5)) {
      return problem("a time limit is between 100 ms and 5 minutes", key("connect_timeout, bind_timeout, search_timeout, total_timeout"));
    }
  }
  return settings;
}

}  // namespace gatehouse::ca
