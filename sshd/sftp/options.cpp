#include "sshd/sftp/options.h"

#include <charconv>
#include <vector>

namespace gatehouse::sshd {

namespace {

/// Names of requests that can be listed; OpenSSH spells them so (sftp-server -Q requests).
const std::set<std::string_view> request_names = {
    "open",     "close",    "read",  "write",    "lstat",  "fstat",       "setstat",   "fsetstat",       "opendir",           "readdir",
    "remove",   "mkdir",    "rmdir", "realpath", "stat",   "rename",      "readlink",  "symlink",        "posix-rename",      "statvfs",
    "fstatvfs", "hardlink", "fsync", "lsetstat", "limits", "expand-path", "copy-data", "home-directory", "users-groups-by-id"};

Result<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (const char c : text) {
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') return problem("a quote is not closed", "internal-sftp");
  if (in_word) words.push_back(word);
  return words;
}

Result<std::set<std::string, std::less<>>> request_list(std::string_view list) {
  std::set<std::string, std::less<>> names;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    if (!request_names.contains(name)) {
      return problem("'" + std::string(name) + "' is no SFTP request", "internal-sftp -p or -P", "sftp-server -Q requests lists the names");
    }
    names.emplace(name);
    if (comma == std::string_view::npos) return names;
    list.remove_prefix(comma + 1);
  }
}

Result<std::string> expanded(std::string_view text, std::string_view user, std::string_view home) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const char token = i + 1 < text.size() ? text[++i] : '\0';
    if (token == '%') {
      out += '%';
    } else if (token == 'd') {
      out += home;
    } else if (token == 'u') {
      out += user;
    } else {
      return problem("unknown token in '" + std::string(text) + "'", "internal-sftp -d", "known are %d, %u and %%");
    }
  }
  return out;
}

}  // namespace

Result<SftpOptions> parse_sftp_options(std::string_view arguments, std::string_view user, std::string_view home) {
  const auto words = split(arguments);
  if (!words) return tl::unexpected(words.error());
  SftpOptions options;
  for (std::size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    if (word == "-R") {
      options.read_only = true;
      continue;
    }
    if (word == "-e") continue;  // log to stderr: there is no stderr here; the audit log has it
    const bool takes_value = word == "-u" || word == "-d" || word == "-p" || word == "-P" || word == "-l" || word == "-f";
    if (!takes_value) return problem("unknown option '" + word + "'", "internal-sftp", "see sftp-server(8)");
    if (i + 1 == words->size()) return problem("option " + word + " wants a value", "internal-sftp");
    const std::string& value = (*words)[++i];
    if (word == "-u") {
      unsigned mask = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), mask, 8);
      if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() || mask > 0777) {
        return problem("'" + value + "' is no umask", "internal-sftp -u", "write it in octal, as 027");
      }
      options.umask = static_cast<mode_t>(mask);
    } else if (word == "-d") {
      auto directory = expanded(value, user, home);
      if (!directory) return tl::unexpected(directory.error());
      options.start_directory = std::move(*directory);
    } else if (word == "-p" || word == "-P") {
      auto names = request_list(value);
      if (!names) return tl::unexpected(names.error());
      if (word == "-P") {
        options.denied.merge(*names);
      } else {
        if (!options.allowed) options.allowed.emplace();
        options.allowed->merge(*names);
      }
    }
    // -l and -f choose level and facility of sftp-server's own log; here the audit log has every operation.
  }
  return options;
}

}  // namespace gatehouse::sshd
