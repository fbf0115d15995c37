#include "ca/ledger/schema.h"

#include <array>
#include <chrono>
#include <string>

#include "ca/ledger/database.h"

namespace gatehouse::ca {

namespace {

using enum ColumnKind;

constexpr std::array intents_columns{Column{"request_id", text},
                                     Column{"type", text},  // user, host
                                     Column{"serial", text},
                                     Column{"key_id", text},  // 16 hex digits
                                     Column{"principals", text},
                                     Column{"valid_after", number},  // JSON array
                                     Column{"valid_before", number},
                                     Column{"critical_options", text},  // JSON array of [name] or [name, value]
                                     Column{"extensions", text},
                                     Column{"to_be_signed_sha256", text},
                                     Column{"ca_fingerprint", text},
                                     Column{"ca_key", text},  // base64
                                     Column{"subject_fingerprint", text},
                                     Column{"subject_key", text},  // base64
                                     Column{"nonce", text},
                                     Column{"session_id", text},
                                     Column{"session_start", number},
                                     Column{"session_end", number},
                                     Column{"proofs", text},
                                     Column{"role", text},  // JSON array
                                     Column{"policy_hash", text},
                                     Column{"reason", text},
                                     Column{"requester_name", text},
                                     Column{"requester_dn", text},
                                     Column{"requester_uuid", text},
                                     Column{"source_address", text},
                                     Column{"time", number}};
constexpr std::array issued_columns{Column{"request_id", text}, Column{"certificate_sha256", text}, Column{"certificate", text},
                                    Column{"time", number}};
constexpr std::array failures_columns{Column{"request_id", text}, Column{"reason", text}, Column{"time", number}};
constexpr std::array revocations_columns{Column{"krl_version", number}, Column{"kind", text},   Column{"serial", text},
                                         Column{"ca_key", text},        Column{"key_id", text}, Column{"revoked_key", text},
                                         Column{"reason", text},        Column{"who", text},    Column{"nonce", text},
                                         Column{"valid_until", number}, Column{"time", number}};

constexpr ChainedTable intents{"intents", intents_columns};
constexpr ChainedTable issued{"issued", issued_columns};
constexpr ChainedTable failures{"failures", failures_columns};
constexpr ChainedTable revocations{"revocations", revocations_columns};
constexpr std::array<const ChainedTable*, 4> all_chained{&intents, &issued, &failures, &revocations};

constexpr std::array chain_columns{Column{"node", text}, Column{"sequence", number}, Column{"previous_hash", text},
                                   Column{"row_hash", text}};

std::string create(const ChainedTable& table, std::string_view constraints) {
  std::string sql = "CREATE TABLE " + std::string(table.name) + " (";
  const auto add = [&](const Column& column) {
    sql += std::string(column.name) + (column.kind == text ? " TEXT NOT NULL, " : " BIGINT NOT NULL, ");
  };
  for (const auto& column : table.columns) add(column);
  for (const auto& column : chain_columns) add(column);
  return sql + std::string(constraints) + ", UNIQUE (node, sequence))";
}

// Version 1. A later version adds a list of its own and never changes this one.
std::vector<std::string> version_1() {
  return {
      create(intents, "PRIMARY KEY (request_id), UNIQUE (serial), UNIQUE (nonce)"),
      create(issued, "PRIMARY KEY (request_id), FOREIGN KEY (request_id) REFERENCES intents (request_id)"),
      create(failures, "PRIMARY KEY (request_id), FOREIGN KEY (request_id) REFERENCES intents (request_id)"),
      create(revocations, "PRIMARY KEY (krl_version)"),
      "CREATE UNIQUE INDEX revocations_nonce ON revocations (nonce) WHERE nonce <> ''",
      "CREATE INDEX intents_requester ON intents (requester_name, time)",
      "CREATE INDEX intents_valid_before ON intents (valid_before)",
      "CREATE INDEX intents_session ON intents (session_id)",
      "CREATE INDEX intents_to_be_signed ON intents (to_be_signed_sha256)",
      "CREATE TABLE chain_tails (node TEXT NOT NULL PRIMARY KEY, sequence BIGINT NOT NULL, row_hash TEXT NOT NULL)",
      "CREATE TABLE krl_state (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL)",
  };
}

constexpr int current_version = 1;

// Not by to_regclass(): its answer may come from a cache that an advisory lock does not refresh.
bool has_schema(Database& database) {
  const std::string sql =
      database.backend() == LedgerBackend::sqlite
          ? "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'gatehouse_schema'"
          : "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relname = 'gatehouse_schema' AND pg_catalog.pg_table_is_visible(oid)";
  return database.select(sql, 1).at(0).at(0) != "0";
}

void create_schema(Database& database) {
  database.begin();
  try {
    // Two nodes may start at the same time; the lock goes with the transaction.
    if (database.backend() == LedgerBackend::postgresql) database.select("SELECT pg_advisory_xact_lock(1197753443)", 1);
    if (!has_schema(database)) {
      database.run("CREATE TABLE gatehouse_schema (version BIGINT NOT NULL)");
      for (const auto& statement : version_1()) database.run(statement);
      database.run("INSERT INTO gatehouse_schema (version) VALUES (CAST(:v0 AS BIGINT))", {std::to_string(current_version)});
      const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
      database.run("INSERT INTO krl_state (id, version) VALUES (1, CAST(:v0 AS BIGINT))", {std::to_string(now.count())});
    }
    database.commit();
  } catch (const DatabaseError&) {
    database.rollback();
    throw;
  }
}

}  // namespace

const ChainedTable& intents_table() { return intents; }
const ChainedTable& issued_table() { return issued; }
const ChainedTable& failures_table() { return failures; }
const ChainedTable& revocations_table() { return revocations; }
std::span<const ChainedTable* const> chained_tables() { return all_chained; }

std::string insert_statement(const ChainedTable& table) {
  std::string names, values;
  std::size_t number_of = 0;
  const auto add = [&](const Column& column) {
    const std::string comma = number_of == 0 ? "" : ", ";
    const std::string place = ":v" + std::to_string(number_of++);
    names += comma + std::string(column.name);
    values += comma + (column.kind == text ? place : "CAST(" + place + " AS BIGINT)");
  };
  for (const auto& column : table.columns) add(column);
  for (const auto& column : chain_columns) add(column);
  // A conflict is told by the count of rows: in PostgreSQL an error would end the transaction, and with it everybody else's rows.
  return "INSERT INTO " + std::string(table.name) + " (" + names + ") VALUES (" + values + ") ON CONFLICT DO NOTHING";
}

std::string column_list(const ChainedTable& table, std::string_view prefix) {
  std::string out;
  for (const auto& column : table.columns) out += (out.empty() ? "" : ", ") + std::string(prefix) + "." + std::string(column.name);
  return out;
}

void ensure_schema(Database& database) {
  if (!has_schema(database)) create_schema(database);
  const auto rows = database.select("SELECT version FROM gatehouse_schema", 1);
  if (rows.size() != 1 || rows[0][0] != std::to_string(current_version)) {
    throw DatabaseError(DatabaseError::Kind::away, "the ledger's schema is of version " + (rows.empty() ? "none" : rows[0][0]) +
                                                       ", this program knows " + std::to_string(current_version));
  }
}

}  // namespace gatehouse::ca
