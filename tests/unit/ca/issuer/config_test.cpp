#include "ca/issuer/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace gatehouse::ca {
namespace {

/// The least that is needed.
const std::string least = R"([ca]
id = "example"
[listen]
tls_certificate = "/etc/gatehouse/tls/server.pem"
tls_key = "/etc/gatehouse/tls/server.key"
[token]
module = "/usr/lib/softhsm/libsofthsm2.so"
pin_source = "/etc/gatehouse/ca-pin"
[keys]
user_ca = ["pkcs11:token=gatehouse-ca;object=user-ca"]
host_ca = ["pkcs11:token=gatehouse-ca;object=host-ca"]
trust = "pkcs11:token=gatehouse-ca;object=trust"
[signer]
limits = "/etc/gatehouse/signer-limits.toml"
[directory]
urls = ["ldaps://ldap.example.org"]
base = "dc=example,dc=org"
)";

/// The one line that a person reads.
std::string mistake_in(const std::string& text) {
  const auto config = parse_config(text, "ca.toml");
  return config ? "" : config.error().line();
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CaConfig, FillsInWhatIsNotSaid) {
  const auto config = parse_config(least, "ca.toml");
  ASSERT_TRUE(config) << config.error().line();
  EXPECT_EQ(config->data_dir, "/var/lib/gatehouse-ca");
  EXPECT_EQ(config->listen.address, "127.0.0.1");
  EXPECT_EQ(config->listen.port, 8443);
  EXPECT_EQ(config->keys.krl, config->keys.trust);
  EXPECT_EQ(config->ledger.path, "/var/lib/gatehouse-ca/ledger.db");
  EXPECT_TRUE(config->renew_after_end);
  EXPECT_EQ(config->keys.all().size(), 3U);
  EXPECT_EQ(config->where("ca.id"), "ca.toml line 2");
}

TEST(CaConfig, TakesTheExampleInEtc) {
  std::ifstream file(std::string(GATEHOUSE_VECTORS) + "/../../etc/ca.toml");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  EXPECT_EQ(mistake_in(text.str()), "");
}

TEST(CaConfig, UnknownKeysNameLineAndTheNearestKnownOne) {
  EXPECT_EQ(mistake_in(replaced(least, "pin_source", "pin_sourse")),
            "ca.toml line 8: unknown key [token] pin_sourse (did you mean [token] pin_source?)");
  EXPECT_EQ(mistake_in(least + "[ledger]\nbakend = \"sqlite\"\n"),
            "ca.toml line 19: unknown key [ledger] bakend (did you mean [ledger] backend?)");
  EXPECT_NE(mistake_in(least + "[surprise]\nx = 1\n").find("unknown key [surprise] x"), std::string::npos);
}

TEST(CaConfig, MissingKeysAreNamed) {
  EXPECT_EQ(mistake_in(replaced(least, "pin_source = \"/etc/gatehouse/ca-pin\"\n", "")),
            "ca.toml: [token] pin_source is missing (name the file with the PIN)");
}

TEST(CaConfig, MistakesNameFileLineAndMend) {
  EXPECT_NE(mistake_in("[ca]\nid = \n").find("ca.toml line 2"), std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "id = \"example\"", "id = 5")).find("ca.toml line 2: [ca] id must be a text"), std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "id = \"example\"", "id = \"a b\"")).find("ca.toml line 2"), std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "\"/etc/gatehouse/tls/server.pem\"", "\"server.pem\""))
                .find("line 4: [listen] tls_certificate must be an absolute path"),
            std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "[\"ldaps://ldap.example.org\"]", "[]")).find("[directory] urls"), std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "[\"ldaps://ldap.example.org\"]", "[\"http://x\"]")).find("ca.toml line 16"), std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "pkcs11:token=gatehouse-ca;object=trust", "pkcs11:object")).find("ca.toml line 12: [keys] trust"),
            std::string::npos);
  EXPECT_NE(mistake_in(replaced(least, "id = \"example\"", "id = \"example\"\nrenew_after_end = \"yes\"")).find("line 3"),
            std::string::npos);
}

TEST(CaConfig, DurationsNeedAUnit) {
  EXPECT_EQ(mistake_in(least + "connect_timeout = \"500ms\"\n"), "");
  EXPECT_NE(mistake_in(least + "connect_timeout = \"5\"\n"), "");
  EXPECT_NE(mistake_in(least + "connect_timeout = 5\n"), "");
  EXPECT_NE(mistake_in(least + "connect_timeout = \"5 s\"\n"), "");
}

TEST(CaConfig, OneKeyDoesNotSignForUsersAndHosts) {
  EXPECT_NE(mistake_in(replaced(least, "object=host-ca", "object=user-ca")).find("line 11: [keys] host_ca"), std::string::npos);
}

TEST(CaConfig, PostgresqlNeedsAConnection) {
  EXPECT_NE(mistake_in(least + "[ledger]\nbackend = \"postgresql\"\n").find("[ledger] connection"), std::string::npos);
  EXPECT_NE(mistake_in(least + "[ledger]\nbackend = \"oracle\"\n").find("[ledger] backend"), std::string::npos);
}

}  // namespace
}  // namespace gatehouse::ca
