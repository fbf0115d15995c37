#include "ca/issuer/config.h"

#include <algorithm>

#include "ca/issuer/config_reader.h"
#include "pkcs11/client/uri.h"

namespace gatehouse::ca {
namespace {

void read_ca(ConfigReader& reader, CaConfig& config) {
  config.id = reader.text("ca.id", "give this CA a name, such as id = \"example-ca\"");
  const bool plain = std::all_of(config.id.begin(), config.id.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (!plain || config.id.size() > 128) reader.refuse("ca.id", "must be up to 128 printable ASCII characters without spaces", {});
  config.data_dir = reader.path_or("ca.data_dir", "/var/lib/gatehouse-ca");
  config.runtime_dir = reader.path_or("ca.runtime_dir", "/run/gatehouse-ca");
  config.policy = reader.path_or("ca.policy", "/etc/gatehouse/policy.toml");
  config.issuer_user = reader.text_or("ca.issuer_user", "gatehouse-ca-issuer");
  config.front_user = reader.text_or("ca.front_user", "gatehouse-ca-front");
  config.signer_user = reader.text_or("ca.signer_user", "gatehouse-ca-signer");
  config.renew_after_end = reader.truth_or("ca.renew_after_end", true);
  config.audit_log = reader.path_or("audit.log", config.data_dir + "/audit.json");
}

void read_listen(ConfigReader& reader, ListenConfig& listen) {
  listen.address = reader.text_or("listen.address", listen.address);
  listen.port = static_cast<std::uint16_t>(reader.number_or("listen.port", listen.port, 1, 65535));
  listen.tls_certificate = reader.path("listen.tls_certificate", "name the PEM file of the TLS certificate and its chain");
  listen.tls_key = reader.path("listen.tls_key", "name the PEM file of the TLS key");
  listen.max_connections = static_cast<unsigned>(reader.number_or("listen.max_connections", listen.max_connections, 1, 65535));
  listen.max_connections_per_address =
      static_cast<unsigned>(reader.number_or("listen.max_connections_per_address", listen.max_connections_per_address, 1, 65535));
}

void read_token(ConfigReader& reader, CaConfig& config) {
  config.module = reader.path("token.module", "name the PKCS#11 module's file");
  config.pin_source = reader.text("token.pin_source", "name the file with the PIN");
  config.keys.user_ca = reader.texts("keys.user_ca", "list the pkcs11: URIs of the keys that sign user certificates");
  config.keys.host_ca = reader.texts("keys.host_ca", "list the pkcs11: URIs of the keys that sign host certificates");
  config.keys.trust = reader.text("keys.trust", "name the pkcs11: URI of the key that signs the trust bundle");
  config.keys.krl = reader.text_or("keys.krl", config.keys.trust);
  const auto check = [&reader](const std::string& key, const std::string& uri) {
    if (uri.empty()) return;
    if (const auto parsed = pkcs11::Uri::parse(uri, pkcs11::UriNames::key); !parsed) {
      reader.refuse(key, parsed.error().what + (parsed.error().where.empty() ? "" : " (" + parsed.error().where + ")"),
                    parsed.error().mend);
    }
  };
  for (const std::string& uri : config.keys.user_ca) check("keys.user_ca", uri);
  for (const std::string& uri : config.keys.host_ca) {
    check("keys.host_ca", uri);
    const auto& users = config.keys.user_ca;
    if (std::find(users.begin(), users.end(), uri) != users.end()) {
      reader.refuse("keys.host_ca", "names a key that signs user certificates, too", "make a key of its own for host certificates");
    }
  }
  check("keys.trust", config.keys.trust);
  check("keys.krl", config.keys.krl);
  config.limits = reader.path("signer.limits", "name the signer's limits file");
  config.signed_log = reader.path_or("signer.signed_log", {});
}

void read_directory(ConfigReader& reader, DirectorySettings& directory) {
  const std::string kind = reader.text_or("directory.kind", "openldap");
  if (const auto known = directory_kind_by_name(kind)) {
    directory.kind = *known;
  } else {
    reader.refuse("directory.kind", "is unknown", "write \"openldap\", \"389ds\" or \"ad\"");
  }
  directory.urls = reader.texts("directory.urls", "list the directory's servers, such as [\"ldaps://ldap.example.org\"]");
  if (reader.has("directory.start_tls")) directory.start_tls = reader.truth_or("directory.start_tls", true);
  directory.ca_file = reader.path_or("directory.ca_file", {});
  directory.base = reader.text("directory.base", "name the DN below which people and groups are");
  directory.bind_dn = reader.text_or("directory.bind_dn", {});
  directory.bind_password_file = reader.path_or("directory.bind_password_file", {});
  directory.user_filter = reader.text_or("directory.user_filter", {});
  directory.name_attribute = reader.text_or("directory.name_attribute", {});
  directory.lower_case_names = reader.truth_or("directory.lower_case_names", false);
  directory.user_base = reader.text_or("directory.user_base", {});
  directory.service_base = reader.text_or("directory.service_base", {});
  directory.group_base = reader.text_or("directory.group_base", {});
  if (const auto lookup = group_lookup_by_name(reader.text_or("directory.group_lookup", "search"))) {
    directory.group_lookup = *lookup;
  } else {
    reader.refuse("directory.group_lookup", "is unknown", "write \"search\" or \"memberof\"");
  }
  directory.nested_groups = reader.truth_or("directory.nested_groups", true);
  directory.max_group_depth = static_cast<unsigned>(reader.number_or("directory.max_group_depth", directory.max_group_depth, 1, 1000));
  directory.max_groups = static_cast<unsigned>(reader.number_or("directory.max_groups", directory.max_groups, 1, 100'000));
  directory.default_password_policy = reader.text_or("directory.default_password_policy", {});
  directory.connect_timeout = reader.duration_or("directory.connect_timeout", directory.connect_timeout);
  directory.bind_timeout = reader.duration_or("directory.bind_timeout", directory.bind_timeout);
  directory.search_timeout = reader.duration_or("directory.search_timeout", directory.search_timeout);
  directory.total_timeout = reader.duration_or("directory.total_timeout", directory.total_timeout);
  directory.max_idle_connections =
      static_cast<unsigned>(reader.number_or("directory.max_idle_connections", directory.max_idle_connections, 0, 256));
}

void read_ledger(ConfigReader& reader, const CaConfig& config, LedgerSettings& ledger) {
  if (const auto backend = ledger_backend_by_name(reader.text_or("ledger.backend", "sqlite"))) {
    ledger.backend = *backend;
  } else {
    reader.refuse("ledger.backend", "is unknown", "write \"sqlite\" or \"postgresql\"");
  }
  ledger.path = reader.path_or("ledger.path", config.data_dir + "/ledger.db");
  ledger.connection = reader.text_or("ledger.connection", {});
  if (ledger.backend == LedgerBackend::postgresql && ledger.connection.empty()) {
    reader.refuse("ledger.connection", "is missing", "write libpq's \"host=… dbname=… user=…\"");
  }
  ledger.node = reader.text_or("ledger.node", "node-1");
  ledger.timeout = reader.duration_or("ledger.timeout", ledger.timeout);
}

}  // namespace

std::string CaConfig::where(const std::string& key) const {
  const auto found = places.find(key);
  return found == places.end() ? file : found->second;
}

Result<CaConfig> parse_config(std::string_view text, const std::string& file) {
  auto reader = ConfigReader::parse(text, file);
  if (!reader) return tl::unexpected(reader.error());
  CaConfig config;
  config.file = file;
  read_ca(*reader, config);
  read_listen(*reader, config.listen);
  read_token(*reader, config);
  read_directory(*reader, config.directory);
  read_ledger(*reader, config, config.ledger);
  if (auto done = reader->finish(); !done) return tl::unexpected(done.error());
  auto directory = checked(std::move(config.directory));
  if (!directory) {
    // It names the key as "[directory] urls"; here it is known in which line that stands.
    Problem mistake = directory.error();
    constexpr std::string_view table = "[directory] ";
    const std::string key = mistake.where.starts_with(table) ? "directory." + mistake.where.substr(table.size()) : std::string();
    return problem(mistake.where + ": " + mistake.what, reader->where(key), mistake.mend);
  }
  config.directory = std::move(*directory);
  config.places = reader->places();
  return config;
}

}  // namespace gatehouse::ca
