#include "ca/directory/connection.h"

#include <openldap.h>
#include <sys/time.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "ca/directory/account_state.h"
#include "ca/directory/deadline_io.h"
#include "ca/directory/ldap_handle.h"
#include "ca/directory/tcp_connect.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

using std::chrono::milliseconds;

constexpr const char* password_expired_oid = "2.16.840.1.113730.3.4.4";   // Netscape: the password has expired
constexpr const char* password_expiring_oid = "2.16.840.1.113730.3.4.5";  // Netscape: in so many seconds
// What one message of the server may have: an entry with 64 kB attributes is none that we ask for.
constexpr ber_len_t max_message = 4 * 1024 * 1024;
constexpr const char* system_certificates = "/etc/ssl/certs/ca-certificates.crt";

timeval to_timeval(milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// The server itself is the trouble, and another one of the same directory may be well.
bool is_server_trouble(int code) {
  return code < 0 || code == LDAP_BUSY || code == LDAP_UNAVAILABLE || code == LDAP_TIMELIMIT_EXCEEDED || code == LDAP_OPERATIONS_ERROR ||
         code == LDAP_PROTOCOL_ERROR || code == LDAP_OTHER;
}

// Options of the handle rather than of the library: nothing from the environment may have a say, whoever initialised libldap.
int set_options(LDAP* handle, const DirectorySettings& settings) {
  const int version = LDAP_VERSION3;
  const int never_deref = LDAP_DEREF_NEVER;
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int tls_min = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  const int client = 0;
  const int search_seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(settings.search_timeout).count());
  const timeval answer = to_timeval(std::max(settings.search_timeout, settings.bind_timeout));
  const char* ca_file = settings.ca_file.empty() ? system_certificates : settings.ca_file.c_str();
  const auto set = [&](int option, const void* value) { return ldap_set_option(handle, option, value) == LDAP_OPT_SUCCESS; };
  const bool all = set(LDAP_OPT_PROTOCOL_VERSION, &version) && set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF) &&
                   set(LDAP_OPT_RESTART, LDAP_OPT_ON) && set(LDAP_OPT_DEREF, &never_deref) && set(LDAP_OPT_TIMEOUT, &answer) &&
                   set(LDAP_OPT_TIMELIMIT, &search_seconds) && set(LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) &&
                   set(LDAP_OPT_X_TLS_CACERTFILE, ca_file) && set(LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls_min) &&
                   set(LDAP_OPT_X_TLS_NEWCTX, &client);  // last: without it the settings above do not apply to this handle
  return all ? LDAP_SUCCESS : LDAP_LOCAL_ERROR;
}

}  // namespace

struct Connection::State {
  const DirectorySettings* settings;
  ServerUrl server;
  Clock::time_point io_deadline;  // of the operation that goes on; outlives the handle
  LdapHandle handle;
  int socket = -1;
  Clock::time_point deadline;
  bool broken = false;

  milliseconds left(milliseconds limit) const {
    const auto rest = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    return std::max(milliseconds(0), std::min(rest, limit));
  }

  // The operation that begins now, its sending included, ends by then. @return how long that is
  milliseconds begin(milliseconds limit) {
    const milliseconds time = left(limit);
    io_deadline = Clock::now() + time;
    return time;
  }
  milliseconds rest() const { return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(io_deadline - Clock::now())); }

  std::string diagnostic() const {
    char* raw = nullptr;
    ldap_get_option(handle.get(), LDAP_OPT_DIAGNOSTIC_MESSAGE, &raw);
    const LdapText text(raw);
    return text == nullptr || *text == '\0' ? std::string() : escaped(text.get());
  }

  tl::unexpected<ServerFailure> fail(DirectoryStage stage, std::string text, bool try_another = true) {
    if (try_another) broken = true;
    return tl::unexpected<ServerFailure>(ServerFailure{stage, std::move(text), try_another});
  }
  tl::unexpected<ServerFailure> fail_code(DirectoryStage stage, int code, std::string_view more = {}) {
    std::string text = ldap_err2string(code);
    if (more.empty()) {
      if (const auto detail = diagnostic(); !detail.empty()) text += ": " + detail;
    } else {
      text += ": " + escaped(more);
    }
    return fail(stage, std::move(text), is_server_trouble(code));
  }

  // One message that answers `id`, before the operation's end.
  ServerResult<LdapMessage> wait(int id, DirectoryStage stage) {
    const milliseconds time = rest();
    timeval timeout = to_timeval(time);
    LDAPMessage* message = nullptr;
    const int type = time.count() == 0 ? 0 : ldap_result(handle.get(), id, LDAP_MSG_ONE, &timeout, &message);
    LdapMessage owner(message);
    if (type == 0) {
      ldap_abandon_ext(handle.get(), id, nullptr, nullptr);
      return fail(stage, "no answer in time");
    }
    if (type < 0) {
      int code = LDAP_SERVER_DOWN;
      ldap_get_option(handle.get(), LDAP_OPT_RESULT_CODE, &code);
      return fail_code(stage, code == LDAP_SUCCESS ? LDAP_SERVER_DOWN : code);
    }
    return owner;
  }

  // A request goes out only over the socket that open() verified.
  bool same_socket() const {
    int now = -1;
    return ldap_get_option(handle.get(), LDAP_OPT_DESC, &now) == LDAP_OPT_SUCCESS && now == socket;
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

void Connection::extend(Clock::time_point deadline) { state_->deadline = deadline; }
bool Connection::usable() const { return !state_->broken && state_->same_socket(); }
const ServerUrl& Connection::server() const { return state_->server; }

ServerResult<Connection> Connection::open(const DirectorySettings& settings, const ServerUrl& server, Clock::time_point deadline) {
  auto state = std::make_unique<State>();
  state->settings = &settings;
  state->server = server;
  state->deadline = deadline;
  const bool start_tls = !server.tls_at_once && settings.start_tls.value_or(!server.loopback || !settings.ca_file.empty());
  if (!server.tls_at_once && !start_tls && !server.loopback) {
    return state->fail(DirectoryStage::configuration, "passwords would cross the network in clear", false);
  }

  auto tcp = tcp_connect(server.host, server.port, state->left(settings.connect_timeout));
  if (!tcp) return state->fail(DirectoryStage::connect, tcp.error().what);
  LDAP* raw = nullptr;
  // ldap_init_fd gives libldap a socket of ours, so that the time limit, the addresses and the stage that failed are known here. Its own
  // URL is the same one, by whose host the certificate is checked.
  const int code = ldap_init_fd(tcp->fd(), LDAP_PROTO_TCP, server.text.c_str(), &raw);
  if (code != LDAP_SUCCESS) return state->fail(DirectoryStage::configuration, ldap_err2string(code), false);
  state->handle.reset(raw);
  state->socket = tcp->release();
  if (const int set = set_options(raw, settings); set != LDAP_SUCCESS) {
    return state->fail(DirectoryStage::tls, "libldap refuses the settings, among them the CA certificates in " +
                                                (settings.ca_file.empty() ? std::string(system_certificates) : settings.ca_file));
  }
  Sockbuf* buffer = nullptr;
  ber_len_t longest = max_message;
  if (ldap_get_option(raw, LDAP_OPT_SOCKBUF, &buffer) != LDAP_OPT_SUCCESS || buffer == nullptr ||
      ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &longest) < 0 || !add_deadline(buffer, &state->io_deadline)) {
    return state->fail(DirectoryStage::configuration, "libldap takes no limits for messages", false);
  }
  state->begin(settings.connect_timeout);
  if (start_tls) {
    int id = 0;
    if (const int sent = ldap_start_tls(raw, nullptr, nullptr, &id); sent != LDAP_SUCCESS)
      return state->fail_code(DirectoryStage::tls, sent);
    auto answer = state->wait(id, DirectoryStage::tls);
    if (!answer) return tl::unexpected(answer.error());
    char* text = nullptr;
    int result = LDAP_OTHER;
    const int parsed = ldap_parse_result(raw, answer->get(), &result, nullptr, &text, nullptr, nullptr, 0);
    const LdapText owner(text);
    if (parsed != LDAP_SUCCESS) return state->fail_code(DirectoryStage::tls, parsed);
    // RFC 4511 4.14: a server that will not start TLS gets nothing more from us.
    if (result != LDAP_SUCCESS) {
      return state->fail(DirectoryStage::tls, std::string("the server refuses StartTLS: ") + ldap_err2string(result) + ": " +
                                                  escaped(text == nullptr ? "" : text));
    }
  }
  if (start_tls || server.tls_at_once) {
    const int installed = ldap_install_tls(raw);
    if (installed != LDAP_SUCCESS) {
      if (state->rest().count() == 0) return state->fail(DirectoryStage::tls, "no TLS handshake in time");
      // libldap does not say which of the reasons it was.
      return state->fail(DirectoryStage::tls, "no TLS with " + server.host + ", or its certificate is not for that name, not of a CA in " +
                                                  (settings.ca_file.empty() ? std::string(system_certificates) : settings.ca_file) +
                                                  ", or not valid now (" + ldap_err2string(installed) + ": " + state->diagnostic() + ")");
    }
    if (ldap_tls_inplace(raw) == 0) return state->fail(DirectoryStage::tls, "no TLS after the handshake");
  }
  if (!state->same_socket()) return state->fail(DirectoryStage::tls, "libldap opened another connection");
  return Connection(std::move(state));
}

namespace {

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

namespace {

bool read_entry(LDAP* handle, LDAPMessage* message, Entry& entry) {
  const LdapText dn(ldap_get_dn(handle, message));
  if (dn == nullptr) return false;
  entry.dn = dn.get();
  BerElement* raw = nullptr;
  for (LdapText name(ldap_first_attribute(handle, message, &raw)); name != nullptr; name.reset(ldap_next_attribute(handle, message, raw))) {
    const LdapValues values(ldap_get_values_len(handle, message, name.get()));
    auto& list = entry.attributes[lowered(name.get())];
    for (berval** value = values.get(); value != nullptr && *value != nullptr; ++value)
      list.emplace_back((*value)->bv_val, (*value)->bv_len);
  }
  const LdapBer element(raw);
  int code = LDAP_SUCCESS;
  ldap_get_option(handle, LDAP_OPT_RESULT_CODE, &code);
  return code != LDAP_DECODING_ERROR;
}

}  // namespace

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
