/// gatehouse revoke: certificates and keys into the CA's revocation list.
#include <fmt/format.h>

#include <charconv>
#include <ostream>

#include "tools/command.h"
#include "tools/options.h"
#include "tools/output_file.h"
#include "tools/profile.h"

namespace gatehouse::tools {

namespace {

int failed(Streams io, const Problem& why, int status = exit_failed) {
  io.err << "gatehouse revoke: " << why.line() << '\n';
  return status;
}

std::vector<std::string> texts(const po::variables_map& given, const char* name) {
  return given.count(name) != 0 ? given[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

}  // namespace

int revoke_command(std::span<const std::string> args, Streams io) {
  po::options_description options;
  options.add(ca_options()).add(identity_options());
  po::options_description more("what");
  more.add_options()("serial", po::value<std::vector<std::string>>(), "serial of a certificate; may repeat")(
      "key-id", po::value<std::vector<std::string>>(), "key id of certificates; may repeat")(
      "key", po::value<std::vector<std::string>>(), ".pub file: no certificate of this key is good any more; may repeat")(
      "reason", po::value<std::string>(), "why, for the ledger");
  options.add(more);
  int status = exit_done;
  const auto given = parse_options("revoke", "--serial N | --key-id ID | --key FILE [OPTION ...]", options, nullptr, args, io, status);
  if (!given) return status;

  ca::RevocationWish wish;
  for (const std::string& text : texts(*given, "serial")) {
    std::uint64_t serial = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), serial);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || serial == 0) {
      return failed(io, {"no serial: '" + text + "'", "--serial", "a decimal number from 1 on, as gatehouse cert show prints it"},
                    exit_usage);
    }
    wish.serials.push_back(serial);
  }
  wish.key_ids = texts(*given, "key-id");
  for (const std::string& path : texts(*given, "key")) {
    const auto content = read_file(path, keys::max_key_blob * 2);
    if (!content) return failed(io, content.error());
    auto key = keys::PublicKey::parse_line(as_text(*content));
    if (!key) return failed(io, {key.error().what, path, key.error().mend});
    wish.keys.push_back(std::move(*key));
  }
  if (wish.serials.empty() && wish.key_ids.empty() && wish.keys.empty()) {
    return failed(io, {"nothing to revoke", {}, "give --serial, --key-id or --key"}, exit_usage);
  }
  wish.reason = text_of(*given, "reason");
  const auto profile = resolve_profile(*given);
  if (!profile) return failed(io, profile.error());
  auto client = open_client(*profile);
  if (!client) return failed(io, client.error());
  const auto password = read_password(*given, fmt::format("Password of {} at {}: ", profile->user, profile->ca_url));
  if (!password) return failed(io, password.error());
  const auto answer = client->revoke(wish, ca::PasswordIdentity{profile->user, &*password});
  if (!answer) return failed(io, answer.error().problem, answer.error().try_again_later ? exit_try_later : exit_failed);
  io.out << fmt::format("Revoked, in KRL version {} and later (request {}).\n", answer->krl_version, escaped(answer->request_id));
  return exit_done;
}

}  // namespace gatehouse::tools
