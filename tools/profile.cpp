#include "tools/profile.h"

#include <fcntl.h>
#include <pwd.h>
#include <termios.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "daemon/unique_fd.h"
#include "tools/options.h"

namespace gatehouse::tools {

namespace {

constexpr std::size_t max_password = 1024;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string config_path() {
  const std::string config_home = environment("XDG_CONFIG_HOME");
  if (!config_home.empty()) return config_home + "/gatehouse/config.toml";
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.config/gatehouse/config.toml";
}

std::string account_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "" : entry->pw_name;
}

/// The profile's table over what is already there. Silent when there is no file and no profile was asked for by name.
Result<void> apply_file(Profile& profile, const std::string& wanted) {
  const std::string path = config_path();
  const std::string name = wanted.empty() ? "default" : wanted;
  if (path.empty() || !std::filesystem::exists(path)) {
    if (wanted.empty()) return {};
    return problem("no profile '" + wanted + "': the file does not exist", path, "make it with a table [profile." + wanted + "]");
  }
  try {
    const toml::table file = toml::parse_file(path);
    const toml::table* table = file["profile"][name].as_table();
    if (table == nullptr) {
      if (wanted.empty()) return {};
      return problem("no table [profile." + wanted + "]", path);
    }
    for (const auto& [key, value] : *table) {
      const auto text = value.value_exact<std::string>();
      const std::string where = path + " line " + std::to_string(value.source().begin.line);
      std::string* member = key == "ca"        ? &profile.ca_url
                            : key == "ca_file" ? &profile.ca_file
                            : key == "user"    ? &profile.user
                            : key == "role"    ? &profile.role
                                               : nullptr;
      if (member == nullptr) return problem("unknown member '" + std::string(key.str()) + "'", where, "known are ca, ca_file, user, role");
      if (!text) return problem("'" + std::string(key.str()) + "' is no text", where, "put it in quotes");
      *member = *text;
    }
    return {};
  } catch (const toml::parse_error& mistake) {
    return problem(std::string(mistake.description()), path + " line " + std::to_string(mistake.source().begin.line));
  }
}

Result<SecretBytes> read_line(int fd) {
  SecretBytes buffer(max_password + 1);
  std::size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.fill().data() + have, 1);  // not past the line: what follows is not ours
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return problem(std::string("cannot read the password: ") + std::strerror(errno));
    if (count == 0 || buffer.reveal()[have] == '\n') break;
    ++have;
  }
  if (have == 0) return problem("the password is empty");
  if (have > max_password) return problem("the password is longer than 1024 octets");
  return buffer.first(have);
}

}  // namespace

Result<Profile> resolve_profile(const po::variables_map& given) {
  Profile profile;
  profile.ca_url = environment("GATEHOUSE_CA");
  profile.ca_file = environment("GATEHOUSE_CA_FILE");
  profile.user = environment("GATEHOUSE_USER");
  if (auto applied = apply_file(profile, text_of(given, "profile")); !applied) return tl::unexpected(applied.error());
  if (given.count("ca") != 0) profile.ca_url = text_of(given, "ca");
  if (given.count("ca-file") != 0) profile.ca_file = text_of(given, "ca-file");
  if (given.count("user") != 0) profile.user = text_of(given, "user");
  if (given.count("role") != 0) profile.role = text_of(given, "role");
  if (profile.ca_url.empty()) {
    return problem("no CA is named", {}, "give --ca https://HOST:PORT, or set 'ca' in [profile.default] of " + config_path());
  }
  if (!profile.ca_file.empty()) profile.ca_file = std::filesystem::absolute(profile.ca_file).string();
  if (profile.user.empty()) profile.user = account_name();
  return profile;
}

Result<SecretBytes> read_password(const po::variables_map& given, const std::string& prompt) {
  if (given.count("password-fd") != 0) {
    const int fd = given["password-fd"].as<int>();
    if (fd < 0 || ::fcntl(fd, F_GETFD) < 0) return problem("descriptor " + std::to_string(fd) + " is not open", "--password-fd");
    return read_line(fd);
  }
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return problem("there is no terminal to ask for the password on", {}, "give it with --password-fd N");
  termios shown{};
  if (::tcgetattr(terminal.fd(), &shown) != 0) return problem(std::string("tcgetattr: ") + std::strerror(errno), "/dev/tty");
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  hidden.c_lflag |= ECHONL | ICANON | ISIG;
  ::tcsetattr(terminal.fd(), TCSAFLUSH, &hidden);
  const bool asked = ::write(terminal.fd(), prompt.data(), prompt.size()) == static_cast<ssize_t>(prompt.size());
  auto password = asked ? read_line(terminal.fd()) : Result<SecretBytes>(problem("cannot write to the terminal", "/dev/tty"));
  ::tcsetattr(terminal.fd(), TCSAFLUSH, &shown);
  return password;
}

Result<ca::CaClient> open_client(const Profile& profile) {
  ca::CaClient::Settings settings;
  settings.url = profile.ca_url;
  settings.ca_file = profile.ca_file;
  return ca::CaClient::open(std::move(settings));
}

}  // namespace gatehouse::tools
