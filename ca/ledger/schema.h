/// The ledger's tables: one schema for both back ends.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::ca {

class Database;

/// Texts and whole numbers are all there is: SOCI gives no unsigned 64 bits, no octets and no text with NUL that both databases keep.
enum class ColumnKind : std::uint8_t { text, number };

struct Column {
  std::string_view name;
  ColumnKind kind;
};

/// A table whose rows are links of the chain. Its last four columns are node, sequence, previous_hash and row_hash, which are not listed.
struct ChainedTable {
  std::string_view name;
  std::span<const Column> columns;
};

const ChainedTable& intents_table();
const ChainedTable& issued_table();
const ChainedTable& failures_table();
const ChainedTable& revocations_table();
/// In the order in which they are listed above.
std::span<const ChainedTable* const> chained_tables();

/// "INSERT INTO … VALUES (:v0, …) ON CONFLICT DO NOTHING" with the chain's columns last.
std::string insert_statement(const ChainedTable& table);
/// "prefix.a, prefix.b, …", the chain's columns not among them.
std::string column_list(const ChainedTable& table, std::string_view prefix);

/// Makes the tables of this version where there are none. @throws DatabaseError (away), also for a schema of a newer version
void ensure_schema(Database& database);

}  // namespace gatehouse::ca
