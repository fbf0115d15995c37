/// What sshd_config says, typed: one member per keyword, with its default. A value that could weaken certificate-only login cannot be
/// written here; the parser refuses it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::sshd {

using std::chrono::seconds;

enum class AddressFamily : std::uint8_t { any, inet, inet6 };
/// With certificates only, yes and prohibit_password let the same people in.
enum class PermitRootLogin : std::uint8_t { no, forced_commands_only, prohibit_password, yes };
enum class AuditFailure : std::uint8_t { refuse, keep_on };
/// What happens when the certificate of a live session ends: disconnect at valid-before; session: at the session end that the CA wrote
/// into the certificate, or valid-before when there is none, and MaxSessionLength at most; keep: nothing.
enum class ExpiredCertificateAction : std::uint8_t { disconnect, session, keep };
enum class LogLevel : std::uint8_t { quiet, fatal, error, info, verbose, debug1, debug2, debug3 };
enum class PenaltyOverflow : std::uint8_t { permissive, deny_all };

/// ListenAddress. An empty host is every address of the family.
struct ListenAddress {
  std::string host;  ///< numeric address or host name, no brackets
  std::uint16_t port = 22;
  bool operator==(const ListenAddress&) const = default;
};

/// MaxStartups start:rate:full.
struct MaxStartups {
  std::uint32_t start = 200;
  std::uint32_t rate_percent = 30;
  std::uint32_t full = 1000;
};

/// PerSourceNetBlockSize: prefix lengths that count as one source.
struct NetBlockSize {
  std::uint32_t ipv4 = 32;
  std::uint32_t ipv6 = 128;
};

struct PerSourcePenalties {
  bool enabled = true;
  seconds crash{90};
  seconds authfail{5};
  seconds invaliduser{5};
  seconds noauth{1};
  seconds grace_exceeded{10};
  seconds refuseconnection{10};
  seconds min{15};  ///< less than this much collected penalty is not acted on
  seconds max{600};
  std::uint32_t max_sources4 = 65536;
  std::uint32_t max_sources6 = 65536;
  PenaltyOverflow overflow = PenaltyOverflow::permissive;
  PenaltyOverflow overflow6 = PenaltyOverflow::permissive;
};

/// RekeyLimit. bytes 0: the cipher's own limit ("default"); interval 0: no timer ("none").
struct RekeyLimit {
  std::uint64_t bytes = 0;
  seconds interval{0};
};

/// Where a value came from, for messages: "/etc/gatehouse/sshd_config line 12". Empty for a default.
using Place = std::string;

/// All settings, effective for one connection, or before any is known.
struct Settings {
  // Where and how to listen; never in Match.
  std::vector<ListenAddress> listen;  ///< never empty once loaded
  AddressFamily address_family = AddressFamily::any;
  std::string pid_file = "/run/gatehouse-sshd.pid";  ///< empty: none
  seconds login_grace_time{120};                     ///< 0: none
  MaxStartups max_startups;
  std::optional<std::uint32_t> per_source_max_startups;
  NetBlockSize per_source_net_block_size;
  PerSourcePenalties per_source_penalties;
  std::string per_source_penalty_exempt_list;  ///< as address_list_matches reads it; empty: none
  bool tcp_keep_alive = true;
  std::string version_addendum;  ///< follows the identification string after a space; empty: none

  // Host keys and the token; never in Match.
  std::vector<std::string> host_keys;          ///< RFC 7512 URIs, in order of the file
  std::vector<std::string> host_certificates;  ///< files, each for one of the host keys
  std::string pkcs11_provider;                 ///< module path
  std::string pkcs11_pin_source;               ///< as daemon/pin_source.h reads it

  // Algorithms, in order of preference, wire names, each known to protocol/.
  std::vector<std::string> kex_algorithms;
  std::vector<std::string> ciphers;
  std::vector<std::string> macs;
  std::vector<std::string> host_key_algorithms;
  std::vector<std::string> pubkey_accepted_algorithms;  ///< certificate algorithms only
  std::vector<std::string> ca_signature_algorithms;
  int required_rsa_size = 2048;
  RekeyLimit rekey_limit;

  // Who may log in.
  std::vector<std::string> trusted_user_ca_keys;  ///< files
  std::vector<std::string> break_glass_ca_keys;   ///< files
  seconds break_glass_max_lifetime{0};
  std::vector<std::string> revoked_keys;  ///< files: KRL, or a text list of public keys
  std::optional<seconds> revoked_keys_max_age;
  seconds max_certificate_lifetime{24 * 3600};
  std::string authorized_principals_file;  ///< with %u %h %U %%; empty: the user name must be a principal
  std::vector<std::string> allow_users, deny_users, allow_groups, deny_groups;
  PermitRootLogin permit_root_login = PermitRootLogin::no;
  std::uint32_t max_auth_tries = 6;
  bool strict_modes = true;
  bool use_pam = false;
  std::string pam_service_name = "sshd";
  bool refuse_connection = false;  ///< end the connection at the first authentication request
  std::string banner;              ///< file; empty: none

  // The session.
  std::uint32_t max_sessions = 10;
  seconds client_alive_interval{0};  ///< 0: off
  std::uint32_t client_alive_count_max = 3;
  std::vector<std::string> accept_env;  ///< patterns
  std::vector<std::pair<std::string, std::string>> set_env;
  std::optional<std::string> force_command;  ///< present and empty is a forced empty command, not "none"
  bool permit_tty = true;
  bool permit_user_rc = true;
  bool print_motd = true;
  bool print_last_log = true;
  bool allow_tcp_forwarding = false;
  bool allow_stream_local_forwarding = false;
  bool allow_agent_forwarding = false;
  bool x11_forwarding = false;
  bool disable_forwarding = false;
  std::map<std::string, std::string> subsystems;  ///< name → command line
  std::string chroot_directory;                   ///< empty: none
  ExpiredCertificateAction expired_certificate_action = ExpiredCertificateAction::disconnect;
  seconds max_session_length{0};  ///< 0: none

  // Logs and processes.
  LogLevel log_level = LogLevel::info;
  std::string syslog_facility = "AUTH";
  std::string audit_log = "/var/log/gatehouse/audit.log";
  AuditFailure audit_failure = AuditFailure::refuse;
  std::string preauth_user = "gatehouse-preauth";
  std::string authorizer_user = "gatehouse-authorizer";
  std::string signer_user = "gatehouse-signer";
  std::string runtime_directory = "/run/gatehouse-sshd";

  /// The winning line of a keyword, by lower-case name; absent: the default holds. Of keywords that repeat, the first.
  std::map<std::string, Place> places;
};

}  // namespace gatehouse::sshd
