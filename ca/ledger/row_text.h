/// Rows as the texts of their columns, and back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ca/ledger/ledger.h"
#include "ca/ledger/rows.h"

namespace gatehouse::ca {

/// 16 hexadecimal digits: databases have no unsigned 64 bits.
std::string serial_text(std::uint64_t serial);

/// The texts in the order of the table's columns, the chain's not among them.
/// @error bad_row: serial 0, times beyond 63 bits, a hash of another length, NUL or broken UTF-8 in a text, a text of more than 256 KiB
LedgerResult<std::vector<std::string>> texts_of(const Intent& intent);
LedgerResult<std::vector<std::string>> texts_of(const Issued& issued);
LedgerResult<std::vector<std::string>> texts_of(const Failed& failed);
/// krl_version included.
LedgerResult<std::vector<std::string>> texts_of(const RevocationRow& revocation);

/// Nothing when somebody else wrote what stands there.
std::optional<Intent> intent_from(const std::vector<std::string>& texts);
std::optional<RevocationRow> revocation_from(const std::vector<std::string>& texts);

/// Milliseconds since 1970 or seconds since 1970 in decimal.
std::optional<std::int64_t> number_from(const std::string& text);

}  // namespace gatehouse::ca
