/// Options of a subcommand: parsed the same way everywhere, with the same words for the same thing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>

#include "tools/command.h"

namespace gatehouse::tools {

namespace po = boost::program_options;

/// Parses `args`; --help is added. @return nothing when the command is over: help was shown (exit_done) or the options are wrong
/// (exit_usage); `status` says which
std::optional<po::variables_map> parse_options(std::string_view command, std::string_view synopsis, const po::options_description& options,
                                               const po::positional_options_description* positional, std::span<const std::string> args,
                                               Streams io, int& status);

/// --ca, --ca-file, --profile: which CA.
po::options_description ca_options();
/// --user, --password-fd: who is asking.
po::options_description identity_options();

/// The text of an option, or empty.
std::string text_of(const po::variables_map& given, const std::string& name);

/// "1h30m", "90s", "15m", "2d" or plain seconds. @return nothing for anything else or 0
std::optional<std::uint32_t> duration_seconds(std::string_view text);
/// "2026-11-24 15:03:05 UTC".
std::string time_text(std::uint64_t unix_seconds);
/// "59m 12s".
std::string span_text(std::uint64_t seconds);

}  // namespace gatehouse::tools
