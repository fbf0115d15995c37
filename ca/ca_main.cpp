/// gatehouse-ca: the parent, and, with private options, the processes that it starts.
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ca/directory/directory.h"
#include "ca/front/front_process.h"
#include "ca/issuer/issuer_process.h"
#include "ca/parent/parent.h"
#include "daemon/account.h"
#include "daemon/log.h"

namespace {

using namespace gatehouse;

constexpr int exit_usage = 2;
constexpr const char* usage =
    "usage: gatehouse-ca [-f FILE] [-t] [-d] [-E LOGFILE] [-V]\n"
    "  -f FILE     configuration (default /etc/gatehouse/ca.toml)\n"
    "  -t          test the configuration and exit\n"
    "  -d          log more\n"
    "  -E LOGFILE  log there instead of to standard error\n"
    "  -V          show the version\n";

struct CommandLine {
  std::string file = "/etc/gatehouse/ca.toml";
  std::string log_file;
  bool test = false;
  bool debug = false;
  bool version = false;
  bool issuer = false;
  bool front = false;
  std::map<std::string, std::string, std::less<>> private_options;  ///< "--listen-fd" and its like
};

/// @return what is wrong, or nothing
std::string parse(const std::vector<std::string>& words, CommandLine& line) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "-t") {
      line.test = true;
    } else if (word == "-d") {
      line.debug = true;
    } else if (word == "-V") {
      line.version = true;
    } else if (word == "--issuer") {
      line.issuer = true;
    } else if (word == "--front") {
      line.front = true;
    } else if (i + 1 == words.size()) {
      return "unknown option, or an option without its value: " + word;
    } else if (word == "-f") {
      line.file = words[++i];
    } else if (word == "-E") {
      line.log_file = words[++i];
    } else if ((line.issuer || line.front) && word.rfind("--", 0) == 0) {
      line.private_options[word] = words[++i];
    } else {
      return "unknown option: " + word;
    }
  }
  return {};
}

int number(const CommandLine& line, std::string_view option, int otherwise = -1) {
  const auto found = line.private_options.find(option);
  if (found == line.private_options.end()) return otherwise;
  int value = otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

UniqueFd descriptor(const CommandLine& line, std::string_view option) { return UniqueFd(number(line, option)); }

int run(const CommandLine& line) {
  if (line.issuer) {
    ca::IssuerProcess process;
    process.listener = descriptor(line, "--listen-fd");
    process.config = descriptor(line, "--config-fd");
    process.ready = descriptor(line, "--ready-fd");
    process.config_file = line.file;
    process.front_uid = static_cast<uid_t>(number(line, "--front-uid", 0));
    return ca::run_issuer(std::move(process));
  }
  if (line.front) {
    ca::FrontProcess process;
    process.listener = descriptor(line, "--listen-fd");
    process.tls_certificate = descriptor(line, "--certificate-fd");
    process.tls_key = descriptor(line, "--key-fd");
    process.ready = descriptor(line, "--ready-fd");
    const auto socket = line.private_options.find("--issuer-socket");
    if (socket != line.private_options.end()) process.issuer_socket = socket->second;
    process.max_connections = static_cast<unsigned>(number(line, "--max-connections", 512));
    process.max_connections_per_address = static_cast<unsigned>(number(line, "--max-connections-per-address", 64));
    return ca::run_front(std::move(process));
  }
  return ca::run_parent(line.file, line.debug ? std::vector<std::string>{"-d"} : std::vector<std::string>{});
}

}  // namespace

int main(int argc, char** argv) {
  // libldap reads LDAP* variables and files at its first call, and PEM files may be large enough to matter: nothing runs before this.
  ca::isolate_from_ldap_configuration();
  std::signal(SIGPIPE, SIG_IGN);
  CommandLine line;
  if (const std::string wrong = parse(std::vector<std::string>(argv + 1, argv + argc), line); !wrong.empty()) {
    std::cerr << "gatehouse-ca: " << wrong << '\n' << usage;
    return exit_usage;
  }
  if (line.version) {
    std::cout << "gatehouse-ca " GATEHOUSE_VERSION "\n";
    return 0;
  }
  if (line.test) {
    const auto checked = ca::check_config(line.file);
    if (!checked) std::cerr << "gatehouse-ca: " << checked.error().line() << '\n';
    return checked ? 0 : 1;
  }
  forbid_dumps();
  log::open({"gatehouse-ca", line.log_file, false, line.debug ? log::Level::debug : log::Level::info});
  return run(line);
}
