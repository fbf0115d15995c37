/// The settings as sshd -T prints them.

#include "sshd/config/configuration.h"
#include "sshd/config/keyword.h"
#include "sshd/config/log_words.h"
#include "sshd/config/values.h"

namespace gatehouse::sshd {

namespace {

class Dump {
 public:
  Dump& line(std::string_view keyword, std::string_view value) {
    out_.append(keyword).append(" ").append(value).append("\n");
    return *this;
  }
  Dump& number(std::string_view keyword, std::uint64_t value) { return line(keyword, std::to_string(value)); }
  Dump& flag(std::string_view keyword, bool value) { return line(keyword, value ? "yes" : "no"); }
  Dump& time(std::string_view keyword, seconds value) { return number(keyword, static_cast<std::uint64_t>(value.count())); }
  Dump& time_or_none(std::string_view keyword, seconds value) { return value.count() == 0 ? line(keyword, "none") : time(keyword, value); }
  Dump& text_or_none(std::string_view keyword, std::string_view value) { return line(keyword, value.empty() ? "none" : value); }
  Dump& joined(std::string_view keyword, const std::vector<std::string>& values, char separator) {
    std::string all;
    for (const std::string& each : values) all += (all.empty() ? "" : std::string(1, separator)) + each;
    return text_or_none(keyword, all);
  }
  Dump& each(std::string_view keyword, const std::vector<std::string>& values) {
    for (const std::string& value : values) line(keyword, value);
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

std::string_view word(AddressFamily value) {
  switch (value) {
    case AddressFamily::any:
      return "any";
    case AddressFamily::inet:
      return "inet";
    case AddressFamily::inet6:
      return "inet6";
  }
  return {};
}

std::string_view word(PermitRootLogin value) {
  switch (value) {
    case PermitRootLogin::no:
      return "no";
    case PermitRootLogin::forced_commands_only:
      return "forced-commands-only";
    case PermitRootLogin::prohibit_password:
      return "without-password";  // as sshd prints it
    case PermitRootLogin::yes:
      return "yes";
  }
  return {};
}

std::string_view word(ExpiredCertificateAction value) {
  switch (value) {
    case ExpiredCertificateAction::disconnect:
      return "disconnect";
    case ExpiredCertificateAction::session:
      return "session";
    case ExpiredCertificateAction::keep:
      return "keep";
  }
  return {};
}

std::string_view word(PenaltyOverflow value) { return value == PenaltyOverflow::permissive ? "permissive" : "deny-all"; }

void network(Dump& out, const Settings& settings) {
  std::vector<std::uint16_t> ports;
  for (const ListenAddress& each : settings.listen) {
    bool seen = false;
    for (const std::uint16_t port : ports) seen = seen || port == each.port;
    if (!seen) {
      out.number("port", each.port);
      ports.push_back(each.port);
    }
  }
  out.line("addressfamily", word(settings.address_family));
  for (const ListenAddress& each : settings.listen) {
    const std::string port = ":" + std::to_string(each.port);
    if (!each.host.empty()) {
      out.line("listenaddress", each.host.find(':') == std::string::npos ? each.host + port : "[" + each.host + "]" + port);
      continue;
    }
    if (settings.address_family != AddressFamily::inet) out.line("listenaddress", "[::]" + port);
    if (settings.address_family != AddressFamily::inet6) out.line("listenaddress", "0.0.0.0" + port);
  }
  out.time("logingracetime", settings.login_grace_time);
  const MaxStartups& startups = settings.max_startups;
  out.line("maxstartups",
           std::to_string(startups.start) + ":" + std::to_string(startups.rate_percent) + ":" + std::to_string(startups.full));
  out.line("persourcemaxstartups", settings.per_source_max_startups ? std::to_string(*settings.per_source_max_startups) : "none");
  const NetBlockSize& block = settings.per_source_net_block_size;
  out.line("persourcenetblocksize", std::to_string(block.ipv4) + ":" + std::to_string(block.ipv6));
  const PerSourcePenalties& penalties = settings.per_source_penalties;
  if (penalties.enabled) {
    const auto part = [](std::string_view name, seconds value) { return std::string(name) + ":" + std::to_string(value.count()) + " "; };
    out.line("persourcepenalties",
             part("crash", penalties.crash) + part("authfail", penalties.authfail) + part("noauth", penalties.noauth) +
                 part("invaliduser", penalties.invaliduser) + part("grace-exceeded", penalties.grace_exceeded) +
                 part("refuseconnection", penalties.refuseconnection) + part("max", penalties.max) + part("min", penalties.min) +
                 "max-sources4:" + std::to_string(penalties.max_sources4) + " max-sources6:" + std::to_string(penalties.max_sources6) +
                 " overflow:" + std::string(word(penalties.overflow)) + " overflow6:" + std::string(word(penalties.overflow6)));
  } else {
    out.line("persourcepenalties", "no");
  }
  out.text_or_none("persourcepenaltyexemptlist", settings.per_source_penalty_exempt_list);
  out.flag("tcpkeepalive", settings.tcp_keep_alive);
  out.text_or_none("versionaddendum", settings.version_addendum);
}

void keys_and_algorithms(Dump& out, const Settings& settings) {
  out.each("hostkey", settings.host_keys).each("hostcertificate", settings.host_certificates);
  out.text_or_none("pkcs11provider", settings.pkcs11_provider).text_or_none("pkcs11pinsource", settings.pkcs11_pin_source);
  out.joined("kexalgorithms", settings.kex_algorithms, ',').joined("ciphers", settings.ciphers, ',').joined("macs", settings.macs, ',');
  out.joined("hostkeyalgorithms", settings.host_key_algorithms, ',');
  out.joined("pubkeyacceptedalgorithms", settings.pubkey_accepted_algorithms, ',');
  out.joined("casignaturealgorithms", settings.ca_signature_algorithms, ',');
  out.number("requiredrsasize", static_cast<std::uint64_t>(settings.required_rsa_size));
  out.line("rekeylimit", std::to_string(settings.rekey_limit.bytes) + " " + std::to_string(settings.rekey_limit.interval.count()));
}

void login(Dump& out, const Settings& settings) {
  out.joined("trustedusercakeys", settings.trusted_user_ca_keys, ' ').joined("revokedkeys", settings.revoked_keys, ' ');
  out.time_or_none("revokedkeysmaxage", settings.revoked_keys_max_age.value_or(seconds(0)));
  out.time("maxcertificatelifetime", settings.max_certificate_lifetime);
  out.joined("breakglasscakeys", settings.break_glass_ca_keys, ' ')
      .time_or_none("breakglassmaxlifetime", settings.break_glass_max_lifetime);
  out.text_or_none("authorizedprincipalsfile", settings.authorized_principals_file);
  out.each("allowusers", settings.allow_users).each("denyusers", settings.deny_users);
  out.each("allowgroups", settings.allow_groups).each("denygroups", settings.deny_groups);
  out.line("permitrootlogin", word(settings.permit_root_login)).number("maxauthtries", settings.max_auth_tries);
  out.flag("strictmodes", settings.strict_modes).flag("usepam", settings.use_pam).line("pamservicename", settings.pam_service_name);
  out.flag("refuseconnection", settings.refuse_connection).text_or_none("banner", settings.banner);
}

void session(Dump& out, const Settings& settings) {
  out.number("maxsessions", settings.max_sessions);
  out.time("clientaliveinterval", settings.client_alive_interval).number("clientalivecountmax", settings.client_alive_count_max);
  out.each("acceptenv", settings.accept_env);
  for (const auto& [name, value] : settings.set_env) out.line("setenv", name + "=" + value);
  out.text_or_none("forcecommand", settings.force_command.value_or(""));
  out.flag("permittty", settings.permit_tty).flag("permituserrc", settings.permit_user_rc);
  out.flag("printmotd", settings.print_motd).flag("printlastlog", settings.print_last_log);
  out.flag("allowtcpforwarding", settings.allow_tcp_forwarding);
  out.flag("allowstreamlocalforwarding", settings.allow_stream_local_forwarding);
  out.flag("allowagentforwarding", settings.allow_agent_forwarding).flag("x11forwarding", settings.x11_forwarding);
  out.flag("disableforwarding", settings.disable_forwarding);
  for (const auto& [name, command] : settings.subsystems) out.line("subsystem", name + " " + command);
  out.text_or_none("chrootdirectory", settings.chroot_directory);
  out.line("expiredcertificateaction", word(settings.expired_certificate_action));
  out.time_or_none("maxsessionlength", settings.max_session_length);
}

void process(Dump& out, const Settings& settings) {
  out.line("loglevel", word_of<LogLevel>(settings.log_level, log_level_words)).line("syslogfacility", settings.syslog_facility);
  out.text_or_none("pidfile", settings.pid_file).line("auditlog", settings.audit_log);
  out.line("auditfailure", settings.audit_failure == AuditFailure::refuse ? "refuse" : "continue");
  out.line("preauthuser", settings.preauth_user).line("authorizeruser", settings.authorizer_user).line("signeruser", settings.signer_user);
  out.line("runtimedirectory", settings.runtime_directory);
}

}  // namespace

std::string dump(const Settings& settings) {
  Dump out;
  network(out, settings);
  keys_and_algorithms(out, settings);
  login(out, settings);
  session(out, settings);
  process(out, settings);
  for (const FixedKeyword& each : fixed_keywords()) out.line(lower_case(each.name), each.accepted.front());
  return out.take();
}

}  // namespace gatehouse::sshd
