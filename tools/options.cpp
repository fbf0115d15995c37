#include "tools/options.h"

#include <fmt/format.h>

#include <ctime>
#include <ostream>

#include <boost/program_options/parsers.hpp>

namespace gatehouse::tools {

std::optional<po::variables_map> parse_options(std::string_view command, std::string_view synopsis, const po::options_description& options,
                                               const po::positional_options_description* positional, std::span<const std::string> args,
                                               Streams io, int& status) {
  po::options_description all("options");
  all.add(options).add_options()("help,h", "show this text");
  try {
    po::variables_map given;
    po::command_line_parser parser(std::vector<std::string>(args.begin(), args.end()));
    // No guessing: an abbreviation that works today may mean another option tomorrow.
    parser.options(all).style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing);
    const po::positional_options_description none;
    parser.positional(positional != nullptr ? *positional : none);
    po::store(parser.run(), given);
    if (given.count("help") != 0) {
      io.out << "usage: gatehouse " << command << ' ' << synopsis << "\n\n" << all;
      status = exit_done;
      return std::nullopt;
    }
    po::notify(given);
    return given;
  } catch (const po::error& mistake) {
    io.err << "gatehouse " << command << ": " << mistake.what() << "; see gatehouse " << command << " --help\n";
    status = exit_usage;
    return std::nullopt;
  }
}

po::options_description ca_options() {
  po::options_description options("which CA");
  options.add_options()("ca", po::value<std::string>(), "URL of the CA, https://HOST[:PORT]")(
      "ca-file", po::value<std::string>(), "PEM file: who may vouch for the CA's TLS certificate (default: the system's list)")(
      "profile", po::value<std::string>(),
      "take what is not given from [profile.NAME] in ~/.config/gatehouse/config.toml (default: default)");
  return options;
}

po::options_description identity_options() {
  po::options_description options("who is asking");
  options.add_options()("user,u", po::value<std::string>(), "name in the directory (default: your account's)")(
      "password-fd", po::value<int>(), "read the password from this descriptor (default: ask on the terminal)");
  return options;
}

std::string text_of(const po::variables_map& given, const std::string& name) {
  return given.count(name) != 0 ? given[name].as<std::string>() : std::string();
}

std::optional<std::uint32_t> duration_seconds(std::string_view text) {
  std::uint64_t total = 0;
  std::uint64_t number = 0;
  bool digits = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
      digits = true;
      if (number > 0xFFFFFFFF) return std::nullopt;
      continue;
    }
    const std::uint64_t unit = c == 's' ? 1 : c == 'm' ? 60 : c == 'h' ? 3600 : c == 'd' ? 86400 : c == 'w' ? 604800 : 0;
    if (unit == 0 || !digits) return std::nullopt;
    total += number * unit;
    number = 0;
    digits = false;
    if (total > 0xFFFFFFFF) return std::nullopt;
  }
  total += number;
  if (total == 0 || total > 0xFFFFFFFF) return std::nullopt;
  return static_cast<std::uint32_t>(total);
}

std::string time_text(std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  if (unix_seconds > 253402300799ULL || ::gmtime_r(&seconds, &utc) == nullptr) return "forever";  // past the year 9999
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                     utc.tm_sec);
}

std::string span_text(std::uint64_t seconds) {
  if (seconds >= 86400) return fmt::format("{}d {}h", seconds / 86400, seconds % 86400 / 3600);
  if (seconds >= 3600) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  if (seconds >= 60) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

}  // namespace gatehouse::tools
