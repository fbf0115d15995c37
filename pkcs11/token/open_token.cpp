#include "pkcs11/token/open_token.h"

#include <fmt/format.h>

namespace gatehouse::pkcs11 {

TokenResult<void> OpenToken::find(ConfiguredKey& key, PinSource& pin, const SigningRecord& record) {
  // A trouble that lies with this key alone does not keep the others from serving.
  const auto alone = [&key](const TokenError& error) -> TokenResult<void> {
    if (error.remedy != Remedy::permanent) return tl::unexpected(error);
    key.trouble = error.text;
    return {};
  };
  auto found = find_key(pool_.login_session(), info_, key.uri);
  if (!found) return alone(found.error());
  const auto algorithm = keys::preferred_signature(found->public_key.type());
  const ByteVector data = self_test_data();
  if (auto tested = sign_in_session(pool_.login_session(), *found, algorithm, data, pin); !tested) {
    if (tested.error().remedy == Remedy::permanent) return alone({Remedy::permanent, "test signature: " + tested.error().text});
    return tl::unexpected(tested.error());
  }
  if (auto recorded = record({"self-test", std::nullopt, {}}, found->public_key, algorithm, data); !recorded) {
    return token_error(Remedy::permanent, recorded.error().line());
  }
  key.found = *std::move(found);
  key.trouble.clear();
  return {};
}

TokenResult<std::unique_ptr<OpenToken>> OpenToken::open(const CK_FUNCTION_LIST& functions, const std::vector<Uri>& uris, PinSource& pin,
                                                        std::size_t sessions, const SigningRecord& record) {
  auto info = find_token(functions, uris.front());
  if (!info) return tl::unexpected(info.error());
  auto session = Session::open(functions, info->slot);
  if (!session) return tl::unexpected(session.error());
  if (auto logged_in = pin.log_in(*session, *info); !logged_in) return tl::unexpected(logged_in.error());
  std::unique_ptr<OpenToken> token(new OpenToken(functions, *std::move(info), *std::move(session), sessions));

  std::size_t lost = 0;
  for (const Uri& uri : uris) {
    ConfiguredKey key{uri, std::nullopt, {}};
    const auto its_token = find_token(functions, uri);
    if (!its_token) {
      key.trouble = its_token.error().text;
    } else if (its_token->slot != token->info_.slot) {
      key.trouble = fmt::format("'{}' is on another token than '{}'; keys of one signer are in one token", escaped(uri.text),
                                escaped(uris.front().text));
    } else if (auto found = token->find(key, pin, record); !found) {
      if (found.error().remedy != Remedy::new_session) return tl::unexpected(found.error());
      key.trouble = found.error().text;
      ++lost;
    }
    token->keys_.push_back(std::move(key));
  }
  if (lost == uris.size()) return token_error(Remedy::initialise, token->keys_.front().trouble);
  return token;
}

const TokenKey* OpenToken::key(Bytes public_key_blob) const {
  for (const ConfiguredKey& key : keys_) {
    if (key.found && equal(key.found->public_key.blob(), public_key_blob)) return &*key.found;
  }
  return nullptr;
}

TokenResult<bool> OpenToken::look_again(PinSource& pin, const SigningRecord& record) {
  bool any = false;
  for (ConfiguredKey& key : keys_) {
    if (key.found) continue;
    auto found = find(key, pin, record);
    if (!found && found.error().remedy != Remedy::new_session) return tl::unexpected(found.error());
    if (!found) key.trouble = found.error().text;
    any = any || key.found.has_value();
  }
  return any;
}

}  // namespace gatehouse::pkcs11
