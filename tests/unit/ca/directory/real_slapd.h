/// A real OpenLDAP server with people and groups, for tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/unit/ca/directory/certificates.h"
#include "tests/unit/ca/directory/child_process.h"

namespace gatehouse::test {

inline sockaddr_in loopback_address(const std::string& address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  return name;
}

inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = loopback_address("127.0.0.1", 0);
  socklen_t size = sizeof name;
  ::bind(fd, reinterpret_cast<sockaddr*>(&name), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  ::close(fd);
  return ntohs(name.sin_port);
}

inline bool listens(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = loopback_address("127.0.0.1", port);
  const bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
  ::close(fd);
  return ok;
}

inline void write_file(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path, std::ios::trunc) << text;
  ::chmod(path.c_str(), mode);
}

inline std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

/// slapd on loopback: ldap:// and ldaps:// on 127.0.0.1, ldaps:// on 127.0.0.2 too (an address that its certificate does not name).
class RealSlapd {
 public:
  static constexpr const char* base = "dc=example,dc=test";
  static constexpr const char* root_dn = "cn=admin,dc=example,dc=test";
  static constexpr const char* root_password = "root-password";
  static constexpr const char* service_dn = "cn=ca,ou=system,dc=example,dc=test";
  static constexpr const char* service_password = "service-password";

  RealSlapd() {
    authority_ = make_identity(nullptr, "test authority", "", -60, 3600);
    other_authority_ = make_identity(nullptr, "other authority", "", -60, 3600);
    server_ = make_identity(&authority_, "server", "IP:127.0.0.1,DNS:localhost", -60, 3600);
    expired_ = make_identity(&authority_, "server", "IP:127.0.0.1,DNS:localhost", -7200, -3600);
    write_certificate(authority_, folder_.path("ca.pem"));
    write_certificate(other_authority_, folder_.path("other-ca.pem"));
    write_certificate(server_, folder_.path("server.pem"));
    write_key(server_, folder_.path("server.key"));
    write_certificate(expired_, folder_.path("expired.pem"));
    write_key(expired_, folder_.path("expired.key"));
    write_file(folder_.path("service-password"), std::string(service_password) + "\n", 0400);
    ::mkdir(folder_.path("data").c_str(), 0700);
    write_file(folder_.path("slapd.conf"), configuration());
  }

  /// @param certificate  "server" or "expired"
  void start(const std::string& certificate = "server") {
    ::unlink(folder_.path("current.pem").c_str());
    ::unlink(folder_.path("current.key").c_str());
    if (::symlink(folder_.path(certificate + ".pem").c_str(), folder_.path("current.pem").c_str()) != 0 ||
        ::symlink(folder_.path(certificate + ".key").c_str(), folder_.path("current.key").c_str()) != 0) {
      std::abort();
    }
    if (port_ == 0) {
      port_ = free_port();
      do {
        tls_port_ = free_port();
      } while (tls_port_ == port_);
    }
    const std::string urls = url() + "/ " + tls_url() + "/ " + tls_url("127.0.0.2") + "/";
    slapd_ = ChildProcess({"/usr/sbin/slapd", "-f", folder_.path("slapd.conf"), "-h", urls, "-d", "0"}, folder_.path("slapd.log"));
    for (int i = 0; i < 200 && !(listens(port_) && listens(tls_port_)); ++i) {
      ASSERT_TRUE(slapd_.running()) << read_file(folder_.path("slapd.log"));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ASSERT_TRUE(listens(port_) && listens(tls_port_)) << read_file(folder_.path("slapd.log"));
  }
  void stop() { slapd_.stop(); }
  ChildProcess& process() { return slapd_; }

  void add(const std::string& ldif) { tool({"ldapadd", "-e", "!relax"}, ldif); }
  void modify(const std::string& ldif) { tool({"ldapmodify", "-e", "!relax"}, ldif); }

  std::string url() const { return "ldap://127.0.0.1:" + std::to_string(port_); }
  std::string tls_url(const std::string& host = "127.0.0.1") const { return "ldaps://" + host + ":" + std::to_string(tls_port_); }
  std::string path(const std::string& name) const { return folder_.path(name); }
  std::uint16_t tls_port() const { return tls_port_; }

 private:
  void tool(std::vector<std::string> command, const std::string& ldif) {
    const std::string input = folder_.path("input.ldif");
    write_file(input, ldif);
    for (const char* word : {"-x", "-H"}) command.emplace_back(word);
    command.push_back(url());
    for (const std::string& word :
         {std::string("-D"), std::string(root_dn), std::string("-w"), std::string(root_password), std::string("-f"), input}) {
      command.push_back(word);
    }
    const std::string log = folder_.path("tool.log");
    ::unlink(log.c_str());
    ASSERT_EQ(run(command, log), 0) << read_file(log) << ldif;
  }

  std::string configuration() const {
    std::string text;
    for (const char* schema : {"core", "cosine", "inetorgperson", "nis"})
      text += std::string("include /etc/ldap/schema/") + schema + ".schema\n";
    text +=
        R"(attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.32473.1.1 NAME 'testAccount' SUP top AUXILIARY MAY nsAccountLock )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
)";
    text += "pidfile " + folder_.path("slapd.pid") + "\nTLSCACertificateFile " + folder_.path("ca.pem") + "\nTLSCertificateFile " +
            folder_.path("current.pem") + "\nTLSCertificateKeyFile " + folder_.path("current.key") + "\nTLSVerifyClient never\n" +
            "allow bind_anon_cred\n" +  // what RFC 4513 warns of: a bind with a name and no password succeeds
            "database mdb\nsuffix " + base + "\nrootdn " + root_dn + "\nrootpw " + root_password + "\ndirectory " + folder_.path("data") +
            "\nmaxsize 104857600\nindex objectClass,uid,member,uniqueMember,memberUid eq\n" + "limits dn.exact=\"cn=limited,ou=system," +
            base + "\" size=5\n" + "access to attrs=userPassword by anonymous auth by * none\n" +
            "access to * by dn.children=\"ou=system," + base + "\" read by * none\n" +
            "overlay memberof\noverlay ppolicy\nppolicy_default cn=default,ou=policies," + base + "\n";
    return text;
  }

  TemporaryFolder folder_;
  Identity authority_, other_authority_, server_, expired_;
  ChildProcess slapd_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
};

/// LDIF of a person whose password is "<name>-password".
inline std::string person_ldif(const std::string& name, const std::string& more = {}, const std::string& unit = "ou=people") {
  return "dn: uid=" + name + "," + unit + "," + RealSlapd::base + "\nobjectClass: inetOrgPerson\nuid: " + name + "\ncn: " + name +
         "\nsn: " + name + "\nuserPassword: " + name + "-password\n" + more + "\n";
}

inline std::string unit_ldif(const std::string& name) {
  return "dn: ou=" + name + "," + RealSlapd::base + "\nobjectClass: organizationalUnit\nou: " + name + "\n\n";
}

inline std::string group_ldif(const std::string& rdn, const std::vector<std::string>& members, const std::string& unit = "ou=groups") {
  std::string text = "dn: " + rdn + "," + unit + "," + RealSlapd::base + "\nobjectClass: groupOfNames\n";
  text += rdn.substr(0, rdn.find('=')) + ": " + rdn.substr(rdn.find('=') + 1) + "\n";
  for (const auto& member : members) text += "member: " + member + "\n";
  return text + "\n";
}

inline std::string people_dn(const std::string& name) { return "uid=" + name + ",ou=people," + RealSlapd::base; }
inline std::string group_dn(const std::string& name) { return "cn=" + name + ",ou=groups," + RealSlapd::base; }

}  // namespace gatehouse::test
