/// What the `gatehouse key` commands share: which token, and how its keys are shown.
#pragma once

#include "pkcs11/client/manage_process.h"
#include "tools/options.h"

namespace gatehouse::tools {

/// --token (or the one argument without a name), --module, --pin-source, --json.
po::options_description token_options();
/// The first argument without a name is --token.
po::positional_options_description token_positional();

/// Starts gatehouse-signer for the token. Module and PIN source come from the options, else from the URI's module-path and pin-source.
Result<pkcs11::ManageProcess> open_token(const po::variables_map& given);

/// Prints `why` and gives the exit status that belongs to it.
int failed(std::string_view command, Streams io, const Problem& why, int status = exit_failed);
int failed(std::string_view command, Streams io, const pkcs11::SignerFault& why);

/// One JSON object, no newline.
std::string key_json(const pkcs11::TokenObject& key);
/// One line for a list, no newline.
std::string key_row(const pkcs11::TokenObject& key);
/// Several lines.
std::string key_text(const pkcs11::TokenObject& key);

}  // namespace gatehouse::tools
