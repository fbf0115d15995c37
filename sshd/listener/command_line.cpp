#include "sshd/listener/command_line.h"

#include <charconv>
#include <filesystem>

namespace gatehouse::sshd {
namespace {

template <class Number>
bool read_number(const std::string& text, Number& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

Result<CommandLine> misuse(std::string what) { return problem(std::move(what), {}, usage()); }

/// Flags without a value.
bool apply_flag(CommandLine& line, char flag) {
  using Mode = CommandLine::Mode;
  switch (flag) {
    case 't':
      line.mode = Mode::test;
      return true;
    case 'T':
      line.mode = Mode::dump;
      return true;
    case 'G':
      line.mode = Mode::dump_unchecked;
      return true;
    case 'V':
      line.mode = Mode::version;
      return true;
    case 'i':
      line.mode = Mode::inetd;
      return true;
    case 'D':
      line.foreground = true;
      return true;
    case 'd':
      ++line.debug;
      line.foreground = line.once = line.log_to_stderr = true;
      return true;
    case 'e':
      line.log_to_stderr = true;
      return true;
    case 'q':
      line.quiet = true;
      return true;
    case '4':
      line.options.emplace_back("AddressFamily=inet");
      return true;
    case '6':
      line.options.emplace_back("AddressFamily=inet6");
      return true;
    default:
      return false;
  }
}

bool takes_value(char flag) { return std::string_view("fCEpogch").find(flag) != std::string_view::npos; }

void apply_value(CommandLine& line, char flag, const std::string& value) {
  switch (flag) {
    case 'f':
      line.config_file = value;
      return;
    case 'C':
      line.connection_spec = line.connection_spec ? *line.connection_spec + "," + value : value;
      return;
    case 'E':
      line.log_file = value;
      return;
    case 'p':
      line.options.push_back("Port=" + value);
      return;
    case 'o':
      line.options.push_back(value);
      return;
    case 'g':
      line.options.push_back("LoginGraceTime=" + value);
      return;
    case 'c':
      line.options.push_back("HostCertificate=" + value);
      return;
    default:
      line.options.push_back("HostKey=" + value);  // -h
      return;
  }
}

/// What a listener starts its authorizer with; no option for people.
Result<CommandLine> parse_authorizer(const std::vector<std::string>& arguments) {
  CommandLine line;
  line.mode = CommandLine::Mode::authorizer;
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    if (i + 1 == arguments.size()) return problem(arguments[i] + " wants a value");
    const std::string& value = arguments[i + 1];
    bool good = true;
    if (arguments[i] == "--control-fd") {
      good = read_number(value, line.control_fd);
    } else if (arguments[i] == "--listen-fd") {
      good = read_number(value, line.listen_fd);
    } else if (arguments[i] == "--peer-uid") {
      good = read_number(value, line.peer_uid);
    } else if (arguments[i] == "--account") {
      line.account = value;
    } else if (arguments[i] == "--log-file") {
      line.log_file = value;
    } else if (arguments[i] == "--log-stderr") {
      line.log_to_stderr = value == "yes";
    } else if (arguments[i] == "--debug") {
      good = read_number(value, line.debug);
    } else {
      return problem("unknown option " + arguments[i]);
    }
    if (!good) return problem("bad value of " + arguments[i]);
  }
  if (line.control_fd < 3 || line.listen_fd < 3) return problem("--authorizer is for gatehouse-sshd itself");
  return line;
}

}  // namespace

std::string usage() {
  return "usage: gatehouse-sshd [-46DdeGiqTtV] [-C connection_spec] [-c host_certificate_file] [-E log_file] [-f config_file] "
         "[-g login_grace_time] [-h host_key_uri] [-o option] [-p port]";
}

std::vector<std::string> arguments_of(const CommandLine& line) {
  std::vector<std::string> result = {"-D", "-f", std::filesystem::absolute(line.config_file)};
  for (const std::string& option : line.options) result.insert(result.end(), {"-o", option});
  if (line.log_file) result.insert(result.end(), {"-E", std::filesystem::absolute(*line.log_file)});
  if (line.log_to_stderr) result.emplace_back("-e");
  if (line.quiet) result.emplace_back("-q");
  return result;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "--authorizer") return parse_authorizer(arguments);
  CommandLine line;
  std::size_t first = 0;
  if (arguments.size() >= 2 && arguments[0] == "--resume") {
    if (!read_number(arguments[1], line.resume_fd) || line.resume_fd < 3) return problem("--resume is for gatehouse-sshd itself");
    first = 2;
  }
  for (std::size_t i = first; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.size() < 2 || word[0] != '-') return misuse("unexpected argument " + word);
    for (std::size_t at = 1; at < word.size(); ++at) {
      if (apply_flag(line, word[at])) continue;
      if (!takes_value(word[at])) return misuse(std::string("unknown option -") + word[at]);
      std::string value = word.substr(at + 1);
      if (value.empty()) {
        if (++i == arguments.size()) return misuse(std::string("option -") + word[at] + " wants a value");
        value = arguments[i];
      }
      apply_value(line, word[at], value);
      break;
    }
  }
  return line;
}

}  // namespace gatehouse::sshd
