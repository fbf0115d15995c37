#include "pkcs11/token/slot.h"

#include <fmt/format.h>

#include <vector>

namespace gatehouse::pkcs11 {

namespace {

constexpr CK_ULONG max_slots = 4096;

template <std::size_t n>
std::string unpadded(const unsigned char (&field)[n]) {
  std::string value(reinterpret_cast<const char*>(field), n);
  value.erase(value.find_last_not_of(' ') + 1);
  value.erase(std::min(value.find('\0'), value.size()));
  return value;
}

TokenResult<std::vector<CK_SLOT_ID>> slots_with_token(const CK_FUNCTION_LIST& functions) {
  CK_ULONG count = 0;
  CK_RV code = functions.C_GetSlotList(CK_TRUE, nullptr, &count);
  if (code != CKR_OK) return call_failed("C_GetSlotList", code);
  if (count > max_slots) return token_error(Remedy::permanent, fmt::format("C_GetSlotList: {} slots", count));
  std::vector<CK_SLOT_ID> slots(count + 8);  // a slot may appear between the calls
  count = slots.size();
  code = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (code != CKR_OK) return call_failed("C_GetSlotList", code);
  slots.resize(std::min<std::size_t>(count, slots.size()));
  return slots;
}

bool matches(const std::optional<std::string>& wanted, const std::string& found) { return !wanted || *wanted == found; }

}  // namespace

TokenResult<TokenInfo> find_token(const CK_FUNCTION_LIST& functions, const Uri& uri) {
  const auto slots = slots_with_token(functions);
  if (!slots) return tl::unexpected(slots.error());
  std::vector<TokenInfo> fitting;
  std::string seen;
  for (const CK_SLOT_ID slot : *slots) {
    CK_TOKEN_INFO raw{};
    const CK_RV code = functions.C_GetTokenInfo(slot, &raw);
    if (code != CKR_OK) {
      seen += fmt::format("{}slot {} ({})", seen.empty() ? "" : ", ", slot, code_name(code));
      continue;
    }
    const TokenInfo info{slot,     unpadded(raw.label), unpadded(raw.manufacturerID), unpadded(raw.model), unpadded(raw.serialNumber),
                         raw.flags};
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    seen += fmt::format("{}'{}' serial {}", seen.empty() ? "" : ", ", escaped(info.label), escaped(info.serial));
    if (matches(uri.token, info.label) && matches(uri.serial, info.serial) && matches(uri.manufacturer, info.manufacturer) &&
        matches(uri.model, info.model)) {
      fitting.push_back(info);
    }
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    return token_error(Remedy::initialise,
                       fmt::format("no token matches '{}'; there {}", escaped(uri.text), seen.empty() ? "is no token" : "is " + seen));
  }
  return token_error(Remedy::permanent, fmt::format("{} tokens match '{}': {}; add serial=", fitting.size(), escaped(uri.text), seen));
}

}  // namespace gatehouse::pkcs11
