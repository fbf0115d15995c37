#include "ca/directory/person.h"

#include <cstdlib>

namespace gatehouse::ca {

std::string_view stage_name(DirectoryStage stage) {
  using enum DirectoryStage;
  switch (stage) {
    case configuration:
      return "configuration";
    case connect:
      return "connect";
    case tls:
      return "tls";
    case service_bind:
      return "service bind";
    case search:
      return "search";
    case groups:
      return "group search";
    case user_bind:
      return "user bind";
    case who_am_i:
      return "who am I";
  }
  std::abort();
}

std::string_view fault_name(CredentialsFault fault) {
  using enum CredentialsFault;
  switch (fault) {
    case bad_name:
      return "bad_name";
    case bad_password:
      return "bad_password";
    case no_such_person:
      return "no_such_person";
    case ambiguous:
      return "ambiguous";
    case name_differs:
      return "name_differs";
    case wrong_password:
      return "wrong_password";
    case not_authenticated:
      return "not_authenticated";
  }
  std::abort();
}

std::string_view fault_name(AccountFault fault) {
  using enum AccountFault;
  switch (fault) {
    case locked:
      return "locked";
    case disabled:
      return "disabled";
    case not_yet_active:
      return "not_yet_active";
    case expired:
      return "expired";
    case password_expired:
      return "password_expired";
    case must_change_password:
      return "must_change_password";
    case unreadable:
      return "unreadable";
  }
  std::abort();
}

namespace {

struct Describe {
  std::string operator()(const DirectoryUnavailable& e) const {
    return "directory unavailable: " + e.server + ": " + std::string(stage_name(e.stage)) + ": " + e.text;
  }
  std::string operator()(const CredentialsRefused& e) const { return with_dn("credentials refused", fault_name(e.fault), e.dn, e.text); }
  std::string operator()(const AccountRefused& e) const { return with_dn("account refused", fault_name(e.fault), e.dn, e.text); }

  static std::string with_dn(std::string_view kind, std::string_view fault, const std::string& dn, const std::string& text) {
    std::string line = std::string(kind) + ": " + std::string(fault);
    if (!dn.empty()) line += ": " + escaped(dn, 1024);
    if (!text.empty()) line += ": " + text;
    return line;
  }
};

}  // namespace

std::string describe(const DirectoryError& error) { return std::visit(Describe{}, error); }

}  // namespace gatehouse::ca
