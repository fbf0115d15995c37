#include "ca/directory/connection.h"

#include <algorithm>
#include <charconv>

#include "ca/directory/account_state.h"
#include "ca/directory/connection_state.h"
#include "ca/directory/dn.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

constexpr const char* password_expired_oid = "2.16.840.1.113730.3.4.4";   // Netscape: the password has expired
constexpr const char* password_expiring_oid = "2.16.840.1.113730.3.4.5";  // Netscape: in so many seconds

void read_control(LDAP* handle, LDAPControl& control, BindAnswer& answer) {
  const std::string_view oid = control.ldctl_oid;
  if (oid == LDAP_CONTROL_PASSWORDPOLICYRESPONSE) {
    ber_int_t expires = -1;
    ber_int_t grace = -1;
    LDAPPasswordPolicyError error = PP_noError;
    if (ldap_parse_passwordpolicy_control(handle, &control, &expires, &grace, &error) != LDAP_SUCCESS) {
      answer.fault = AccountFault::unreadable;
      return;
    }
    if (expires >= 0) answer.password_expires_in = std::chrono::seconds(expires);
    if (grace >= 0) answer.grace_log_ins = grace;
    switch (error) {
      case PP_noError:
        break;
      case PP_passwordExpired:
        answer.fault = AccountFault::password_expired;
        break;
      case PP_accountLocked:
        answer.fault = AccountFault::locked;
        break;
      case PP_changeAfterReset:
        answer.fault = AccountFault::must_change_password;
        break;
      default:
        answer.fault = AccountFault::unreadable;
        break;  // errors of password changes have no place in a bind
    }
  } else if (oid == password_expired_oid) {
    answer.fault = AccountFault::password_expired;
  } else if (oid == password_expiring_oid) {
    long value = 0;
    const char* text = control.ldctl_value.bv_val;
    if (text != nullptr && std::from_chars(text, text + control.ldctl_value.bv_len, value).ec == std::errc() && value >= 0) {
      answer.password_expires_in = std::chrono::seconds(value);
    }
  }
}

bool read_entry(LDAP* handle, LDAPMessage* message, Entry& entry) {
  const LdapText dn(ldap_get_dn(handle, message));
  if (dn == nullptr) return false;
  entry.dn = dn.get();
  BerElement* raw = nullptr;
  for (LdapText name(ldap_first_attribute(handle, message, &raw)); name != nullptr; name.reset(ldap_next_attribute(handle, message, raw))) {
    const LdapValues values(ldap_get_values_len(handle, message, name.get()));
    auto& list = entry.attributes[lower_case(name.get())];
    for (berval** value = values.get(); value != nullptr && *value != nullptr; ++value)
      list.emplace_back((*value)->bv_val, (*value)->bv_len);
  }
  const LdapBer element(raw);
  int code = LDAP_SUCCESS;
  ldap_get_option(handle, LDAP_OPT_RESULT_CODE, &code);
  return code != LDAP_DECODING_ERROR;
}

}  // namespace

ServerResult<BindAnswer> Connection::bind(const std::string& dn, Bytes password, DirectoryStage stage) {
  State& s = *state_;
  if (!usable()) return s.fail(stage, "the connection is lost");
  s.begin(s.settings->bind_timeout);
  LDAPControl* raw_request = nullptr;
  if (ldap_create_passwordpolicy_control(s.handle.get(), &raw_request) != LDAP_SUCCESS) return s.fail(stage, "out of memory");
  const std::unique_ptr<LDAPControl, LdapFree<ldap_control_free>> request(raw_request);
  LDAPControl* controls[] = {request.get(), nullptr};
  berval credentials{password.size(), const_cast<char*>(reinterpret_cast<const char*>(password.data()))};
  int id = 0;
  if (const int sent = ldap_sasl_bind(s.handle.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credentials, controls, nullptr, &id);
      sent != LDAP_SUCCESS) {
    return s.fail_code(stage, sent);
  }
  auto message = s.wait(id, stage);
  if (!message) return tl::unexpected(message.error());
  int code = LDAP_OTHER;
  char* raw_text = nullptr;
  LDAPControl** raw_controls = nullptr;
  const int parsed = ldap_parse_result(s.handle.get(), message->get(), &code, nullptr, &raw_text, nullptr, &raw_controls, 0);
  const LdapText text(raw_text);
  const LdapControls answered(raw_controls);
  if (parsed != LDAP_SUCCESS) return s.fail_code(stage, parsed);

  const std::string_view diagnostic = text == nullptr ? std::string_view() : std::string_view(text.get());
  BindAnswer answer;
  answer.text = ldap_err2string(code);
  if (!diagnostic.empty()) answer.text += ": " + escaped(diagnostic);
  for (LDAPControl** control = answered.get(); control != nullptr && *control != nullptr; ++control) {
    read_control(s.handle.get(), **control, answer);
  }
  switch (code) {
    case LDAP_SUCCESS:
      answer.accepted = true;
      return answer;
    case LDAP_INVALID_CREDENTIALS:
      if (!answer.fault) answer.fault = fault_of_ad_bind_error(diagnostic);
      return answer;
    case LDAP_NO_SUCH_OBJECT:       // the entry went between search and bind
    case LDAP_INAPPROPRIATE_AUTH:   // the entry has no password
    case LDAP_INSUFFICIENT_ACCESS:  // or may not bind with it
      return answer;
    case LDAP_CONSTRAINT_VIOLATION:  // 389 Directory Server: too many wrong passwords
      if (!answer.fault) answer.fault = AccountFault::locked;
      return answer;
    case LDAP_UNWILLING_TO_PERFORM:  // 389 Directory Server: inactivated; others: refused by a rule
      if (!answer.fault) answer.fault = AccountFault::disabled;
      return answer;
    default:
      return s.fail_code(stage, code, diagnostic);
  }
}

ServerResult<SearchAnswer> Connection::search(const Search& search) {
  State& s = *state_;
  if (!usable()) return s.fail(search.stage, "the connection is lost");
  std::vector<char*> attributes;
  for (const auto& name : search.attributes) attributes.push_back(const_cast<char*>(name.c_str()));
  attributes.push_back(nullptr);
  const milliseconds limit = s.begin(s.settings->search_timeout);  // for the whole answer: a server that drips entries gains nothing
  if (limit.count() == 0) return s.fail(search.stage, "no time left");
  timeval timeout = to_timeval(limit);
  int id = 0;
  const int sent = ldap_search_ext(s.handle.get(), search.base.c_str(), search.scope == Scope::base ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
                                   search.filter.c_str(), attributes.data(), 0, nullptr, nullptr, &timeout, search.size_limit, &id);
  if (sent == LDAP_FILTER_ERROR) return s.fail(DirectoryStage::configuration, "the filter is malformed: " + escaped(search.filter), false);
  if (sent != LDAP_SUCCESS) return s.fail_code(search.stage, sent);

  SearchAnswer answer;
  for (;;) {
    auto message = s.wait(id, search.stage);
    if (!message) return tl::unexpected(message.error());
    switch (ldap_msgtype(message->get())) {
      case LDAP_RES_SEARCH_ENTRY: {
        if (search.size_limit > 0 && answer.entries.size() >= static_cast<std::size_t>(search.size_limit)) {
          ldap_abandon_ext(s.handle.get(), id, nullptr, nullptr);
          answer.size_limit_reached = true;  // by a server that does not keep to the limit
          s.broken = true;
          return answer;
        }
        Entry entry;
        if (!read_entry(s.handle.get(), message->get(), entry)) return s.fail(search.stage, "the server sent an entry that cannot be read");
        answer.entries.push_back(std::move(entry));
        break;
      }
      case LDAP_RES_SEARCH_REFERENCE:
        answer.referrals = true;
        break;
      case LDAP_RES_SEARCH_RESULT: {
        int code = LDAP_OTHER;
        char* raw_text = nullptr;
        const int parsed = ldap_parse_result(s.handle.get(), message->get(), &code, nullptr, &raw_text, nullptr, nullptr, 0);
        const LdapText text(raw_text);
        if (parsed != LDAP_SUCCESS) return s.fail_code(search.stage, parsed);
        if (code == LDAP_SUCCESS) return answer;
        if (code == LDAP_NO_SUCH_OBJECT) {
          answer.base_missing = true;
          return answer;
        }
        if (code == LDAP_SIZELIMIT_EXCEEDED) {
          answer.size_limit_reached = true;
          return answer;
        }
        // REFERRAL, ADMINLIMIT_EXCEEDED, INSUFFICIENT_ACCESS …: whatever came before is not the answer.
        return s.fail_code(search.stage, code, text == nullptr ? "" : text.get());
      }
      default:
        return s.fail(search.stage, "the server sent a message that does not belong to a search");
    }
  }
}

ServerResult<std::string> Connection::who_am_i() {
  State& s = *state_;
  constexpr auto stage = DirectoryStage::who_am_i;
  if (!usable()) return s.fail(stage, "the connection is lost");
  s.begin(s.settings->bind_timeout);
  int id = 0;
  if (const int sent = ldap_whoami(s.handle.get(), nullptr, nullptr, &id); sent != LDAP_SUCCESS) return s.fail_code(stage, sent);
  auto message = s.wait(id, stage);
  if (!message) return tl::unexpected(message.error());
  int code = LDAP_OTHER;
  char* raw_text = nullptr;
  int parsed = ldap_parse_result(s.handle.get(), message->get(), &code, nullptr, &raw_text, nullptr, nullptr, 0);
  const LdapText text(raw_text);
  if (parsed != LDAP_SUCCESS) return s.fail_code(stage, parsed);
  if (code != LDAP_SUCCESS) return s.fail_code(stage, code, text == nullptr ? "" : text.get());
  berval* raw_identity = nullptr;
  parsed = ldap_parse_extended_result(s.handle.get(), message->get(), nullptr, &raw_identity, 0);
  const LdapBerval identity(raw_identity);
  if (parsed != LDAP_SUCCESS) return s.fail_code(stage, parsed);
  if (identity == nullptr || identity->bv_val == nullptr) return std::string();
  return std::string(identity->bv_val, identity->bv_len);
}

}  // namespace gatehouse::ca
