/// gatehouse COMMAND …: finds the subcommand by its first one or two words.
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tools/command.h"

namespace {

using namespace gatehouse::tools;

void print_help(std::ostream& out) {
  out << "usage: gatehouse COMMAND [OPTION ...]\n\n";
  for (const Command& command : all_commands()) {
    out << "  " << command.words << std::string(command.words.size() < 16 ? 16 - command.words.size() : 1, ' ') << command.summary << '\n';
  }
  out << "\ngatehouse COMMAND --help shows a command's options.\n"
         "Exit status: 0 done, 1 refused or failed, 2 usage, 3 try again later.\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    print_help(args.empty() ? std::cerr : std::cout);
    return args.empty() ? exit_usage : exit_done;
  }
  for (const std::size_t words : {std::size_t{2}, std::size_t{1}}) {
    if (args.size() < words) continue;
    const std::string name = words == 2 ? args[0] + " " + args[1] : args[0];
    for (const Command& command : all_commands()) {
      if (command.words == name) return command.run(std::span(args).subspan(words), {std::cout, std::cerr});
    }
  }
  std::cerr << "gatehouse: no command '" << args[0] << (args.size() > 1 ? " " + args[1] : "") << "'; gatehouse --help lists them\n";
  return exit_usage;
}
