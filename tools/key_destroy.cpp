/// gatehouse key destroy: for ever.
#include <fmt/format.h>

#include <ostream>

#include "tools/command.h"
#include "tools/key_token.h"

namespace gatehouse::tools {

int key_destroy_command(std::span<const std::string> args, Streams io) {
  constexpr std::string_view command = "key destroy";
  po::options_description options;
  options.add(token_options());
  po::options_description more("consent");
  more.add_options()("yes", "destroy it: nobody can bring the key back");
  options.add(more);
  const auto positional = token_positional();
  int status = exit_done;
  const auto given = parse_options(command, "URI --yes [OPTION ...]", options, &positional, args, io, status);
  if (!given) return status;
  if (given->count("yes") == 0) {
    return failed(command, io, {"nothing was destroyed", {}, "add --yes to destroy the key for ever"}, exit_usage);
  }
  auto token = open_token(*given);
  if (!token) return failed(command, io, token.error());
  const auto gone = token->client().destroy(text_of(*given, "token"));
  if (!gone) return failed(command, io, gone.error());
  if (given->count("json") != 0) {
    io.out << fmt::format("{{\"destroyed\":{}}}\n", *gone);
  } else {
    io.out << fmt::format("destroyed {} objects\n", *gone);
  }
  return exit_done;
}

}  // namespace gatehouse::tools
