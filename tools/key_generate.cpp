/// gatehouse key generate: a new key in a token.
#include <fmt/format.h>

#include <array>
#include <ostream>

#include "pkcs11/client/uri.h"
#include "tools/command.h"
#include "tools/key_token.h"
#include "tools/output_file.h"

namespace gatehouse::tools {

namespace {

constexpr std::string_view command = "key generate";

struct Kind {
  std::string_view name;
  keys::KeyType type;
  std::uint32_t rsa_bits;
};
constexpr std::array kinds{
    Kind{"ed25519", keys::KeyType::ed25519, 0},       Kind{"ecdsa-p256", keys::KeyType::ecdsa_p256, 0},
    Kind{"ecdsa-p384", keys::KeyType::ecdsa_p384, 0}, Kind{"ecdsa-p521", keys::KeyType::ecdsa_p521, 0},
    Kind{"rsa-3072", keys::KeyType::rsa, 3072},       Kind{"rsa-4096", keys::KeyType::rsa, 4096},
};

/// Type from --type; label from --label or the URI's object; id from --id or the URI's id.
Result<pkcs11::GenerateKey> wish(const po::variables_map& given) {
  pkcs11::GenerateKey wanted{};
  const std::string type = text_of(given, "type");
  const Kind* kind = nullptr;
  for (const Kind& candidate : kinds) {
    if (candidate.name == type) kind = &candidate;
  }
  if (kind == nullptr) {
    return problem("no key type: '" + escaped(type) + "'", "--type", "ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-3072, rsa-4096");
  }
  wanted.type = kind->type;
  wanted.rsa_bits = kind->rsa_bits;
  const auto uri = pkcs11::Uri::parse(text_of(given, "token"), pkcs11::UriNames::token);
  if (!uri) return tl::unexpected(uri.error());
  wanted.label = given.count("label") != 0 ? text_of(given, "label") : uri->object.value_or("");
  if (wanted.label.empty()) return problem("the key has no label", {}, "write object=LABEL into the URI, or give --label");
  if (uri->object && *uri->object != wanted.label) return problem("the URI and --label name different labels");
  if (wanted.label.size() > pkcs11::max_label) return problem("the label is too long", "--label");
  wanted.id = uri->id.value_or(ByteVector{});
  if (given.count("id") != 0) {
    const auto id = unhex(text_of(given, "id"));
    if (!id || id->empty() || id->size() > pkcs11::max_object_id) return problem("no id: hexadecimal digits, two an octet", "--id");
    if (uri->id && *uri->id != *id) return problem("the URI and --id name different ids");
    wanted.id = *id;
  }
  return wanted;
}

}  // namespace

int key_generate_command(std::span<const std::string> args, Streams io) {
  po::options_description options;
  options.add(token_options());
  po::options_description more("key");
  more.add_options()("type,t", po::value<std::string>()->required(), "ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-3072, rsa-4096")(
      "label", po::value<std::string>(), "name of the key in the token (default: the URI's object)")(
      "id", po::value<std::string>(), "CKA_ID in hexadecimal (default: the URI's id, else random)")("public-out", po::value<std::string>(),
                                                                                                    "file that gets the public key line");
  options.add(more);
  const auto positional = token_positional();
  int status = exit_done;
  const auto given = parse_options(command, "URI --type TYPE [OPTION ...]", options, &positional, args, io, status);
  if (!given) return status;
  const auto wanted = wish(*given);
  if (!wanted) return failed(command, io, wanted.error(), exit_usage);
  auto token = open_token(*given);
  if (!token) return failed(command, io, token.error());
  const auto made = token->client().generate(*wanted);
  if (!made) return failed(command, io, made.error());
  const std::string line = made->key->line(escaped(made->label)) + "\n";
  if (given->count("public-out") != 0) {
    if (auto written = replace_file(text_of(*given, "public-out"), as_bytes(line), 0644); !written) {
      return failed(command, io, written.error());
    }
  }
  if (given->count("json") != 0) {
    io.out << key_json(*made) << '\n';
  } else {
    io.out << line << std::flush;
    io.err << made->uri << '\n' << made->key->fingerprint() << '\n';
  }
  return exit_done;
}

}  // namespace gatehouse::tools
