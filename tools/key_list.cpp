/// gatehouse key list, gatehouse key show: what a token holds.
#include <fmt/format.h>

#include <ostream>

#include "tools/command.h"
#include "tools/key_token.h"

namespace gatehouse::tools {

namespace {

std::optional<std::vector<pkcs11::TokenObject>> matching_keys(std::string_view command, const po::variables_map& given, Streams io,
                                                              int& status) {
  auto token = open_token(given);
  if (!token) {
    status = failed(command, io, token.error());
    return std::nullopt;
  }
  auto keys = token->client().list_objects(text_of(given, "token"));
  if (!keys) {
    status = failed(command, io, keys.error());
    return std::nullopt;
  }
  return *std::move(keys);
}

}  // namespace

int key_list_command(std::span<const std::string> args, Streams io) {
  const auto options = token_options();
  const auto positional = token_positional();
  int status = exit_done;
  const auto given = parse_options("key list", "URI [OPTION ...]", options, &positional, args, io, status);
  if (!given) return status;
  const auto keys = matching_keys("key list", *given, io, status);
  if (!keys) return status;
  const bool json = given->count("json") != 0;
  if (json) io.out << '[';
  for (std::size_t i = 0; i < keys->size(); ++i) {
    if (json) {
      io.out << (i == 0 ? "" : ",\n") << key_json((*keys)[i]);
    } else {
      io.out << key_row((*keys)[i]) << '\n';
    }
  }
  if (json) io.out << "]\n";
  return exit_done;
}

int key_show_command(std::span<const std::string> args, Streams io) {
  const auto options = token_options();
  const auto positional = token_positional();
  int status = exit_done;
  const auto given = parse_options("key show", "URI [OPTION ...]", options, &positional, args, io, status);
  if (!given) return status;
  const auto keys = matching_keys("key show", *given, io, status);
  if (!keys) return status;
  if (keys->size() != 1) {
    for (const auto& key : *keys) io.err << key_row(key) << '\n';
    return failed("key show", io, {fmt::format("{} keys match", keys->size()), escaped(text_of(*given, "token")), "name one by its id"});
  }
  io.out << (given->count("json") != 0 ? key_json(keys->front()) + "\n" : key_text(keys->front()));
  return exit_done;
}

}  // namespace gatehouse::tools
