#include <openldap.h>

#include <algorithm>

#include "ca/directory/connection_state.h"
#include "ca/directory/deadline_io.h"
#include "ca/directory/tcp_connect.h"
#include "protocol/core/bytes.h"

namespace gatehouse::ca {

namespace {

// What one message of the server may have: an entry with 64 kB attributes is none that we ask for.
constexpr ber_len_t max_message = 4 * 1024 * 1024;
constexpr const char* system_certificates = "/etc/ssl/certs/ca-certificates.crt";

// Options of the handle rather than of the library: nothing from the environment may have a say, whoever initialised libldap.
int set_options(LDAP* handle, const DirectorySettings& settings, bool with_tls) {
  const int version = LDAP_VERSION3;
  const int never_deref = LDAP_DEREF_NEVER;
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int tls_min = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  const int client = 0;
  const int search_seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(settings.search_timeout).count());
  const timeval answer = to_timeval(std::max(settings.search_timeout, settings.bind_timeout));
  const char* ca_file = settings.ca_file.empty() ? system_certificates : settings.ca_file.c_str();
  const auto set = [&](int option, const void* value) { return ldap_set_option(handle, option, value) == LDAP_OPT_SUCCESS; };
  const bool plain = set(LDAP_OPT_PROTOCOL_VERSION, &version) && set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF) &&
                     set(LDAP_OPT_RESTART, LDAP_OPT_ON) && set(LDAP_OPT_DEREF, &never_deref) && set(LDAP_OPT_TIMEOUT, &answer) &&
                     set(LDAP_OPT_TIMELIMIT, &search_seconds);
  if (!with_tls) return plain ? LDAP_SUCCESS : LDAP_LOCAL_ERROR;
  const bool all = plain && set(LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) && set(LDAP_OPT_X_TLS_CACERTFILE, ca_file) &&
                   set(LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls_min) &&
                   set(LDAP_OPT_X_TLS_NEWCTX, &client);  // last: without it the settings above do not apply to this handle
  return all ? LDAP_SUCCESS : LDAP_LOCAL_ERROR;
}

}  // namespace

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
  if (const int set = set_options(raw, settings, start_tls || server.tls_at_once); set != LDAP_SUCCESS) {
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

}  // namespace gatehouse::ca
