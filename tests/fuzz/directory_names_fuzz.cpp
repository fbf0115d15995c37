// room: ca_directory
// Names as people type them and directories write them: DNs, filter values, user names, times.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ca/directory/account_state.h"
#include "ca/directory/dn.h"
#include "protocol/core/bytes.h"

using namespace gatehouse;
using namespace gatehouse::ca;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  if (const auto dn = normalised_dn(text)) {
    // The normal form is its own, is printable, and lies within itself only.
    const auto again = normalised_dn(*dn);
    require(again && *again == *dn);
    for (const char c : *dn) require(c >= 0x20 && c < 0x7f);
    require(dn_is_within(*dn, *dn));
    require(dn_is_within("cn=x," + *dn, *dn));
    require(!dn_is_within(*dn, "cn=x," + *dn));
  }
  const std::string escaped_value = filter_escaped(text);
  require(escaped_value.find_first_of("()*") == std::string::npos);
  for (const char c : escaped_value) require(c >= 0x20 && c < 0x7f);
  if (is_acceptable_user_name(text)) {
    // A name that is let through means the same in a filter, in a DN and on one line.
    require(filter_escaped(text) == text);
    const auto dn = normalised_dn("uid=" + std::string(text));
    require(dn && *dn == "uid=" + lower_case(text));
  }
  (void)parse_generalized_time(text);
  (void)fault_of_ad_bind_error(text);
  return 0;
}
