#include "ca/directory/connection_state.h"

#include <algorithm>

#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

// The server itself is the trouble, and another one of the same directory may be well.
bool is_server_trouble(int code) {
  return code < 0 || code == LDAP_BUSY || code == LDAP_UNAVAILABLE || code == LDAP_TIMELIMIT_EXCEEDED || code == LDAP_OPERATIONS_ERROR ||
         code == LDAP_PROTOCOL_ERROR || code == LDAP_OTHER;
}

}  // namespace

timeval to_timeval(milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

void Connection::extend(Clock::time_point deadline) { state_->deadline = deadline; }
bool Connection::usable() const { return !state_->broken && state_->same_socket(); }
const ServerUrl& Connection::server() const { return state_->server; }

milliseconds Connection::State::left(milliseconds limit) const {
  const auto rest = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  return std::max(milliseconds(0), std::min(rest, limit));
}

milliseconds Connection::State::begin(milliseconds limit) {
  const milliseconds time = left(limit);
  io_deadline = Clock::now() + time;
  return time;
}

milliseconds Connection::State::rest() const {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(io_deadline - Clock::now()));
}

std::string Connection::State::diagnostic() const {
  char* raw = nullptr;
  ldap_get_option(handle.get(), LDAP_OPT_DIAGNOSTIC_MESSAGE, &raw);
  const LdapText text(raw);
  return text == nullptr || *text == '\0' ? std::string() : escaped(text.get());
}

tl::unexpected<ServerFailure> Connection::State::fail(DirectoryStage stage, std::string text, bool try_another) {
  if (try_another) broken = true;
  return tl::unexpected<ServerFailure>(ServerFailure{stage, std::move(text), try_another});
}

tl::unexpected<ServerFailure> Connection::State::fail_code(DirectoryStage stage, int code, std::string_view more) {
  std::string text = ldap_err2string(code);
  if (more.empty()) {
    if (const auto detail = diagnostic(); !detail.empty()) text += ": " + detail;
  } else {
    text += ": " + escaped(more);
  }
  return fail(stage, std::move(text), is_server_trouble(code));
}

ServerResult<LdapMessage> Connection::State::wait(int id, DirectoryStage stage) {
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

bool Connection::State::same_socket() const {
  int now = -1;
  return ldap_get_option(handle.get(), LDAP_OPT_DESC, &now) == LDAP_OPT_SUCCESS && now == socket;
}

}  // namespace gatehouse::ca
