#include "ca/ledger/chain.h"

#include "ca/ledger/row_text.h"
#include "protocol/core/wire.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::ca {

std::string chain_start() { return std::string(64, '0'); }

std::string row_hash(const ChainedTable& table, const std::string& node, std::uint64_t sequence, const std::string& previous_hash,
                     const std::vector<std::string>& texts) {
  WireWriter writer;
  writer.string("gatehouse-ledger-1").string(table.name).string(node).uint64(sequence).string(previous_hash);
  for (std::size_t i = 0; i < table.columns.size(); ++i) writer.string(table.columns[i].name).string(texts.at(i));
  return hex(crypto::hash(crypto::Digest::sha256, writer.view()));
}

ChainEnd::ChainEnd(Database& database, std::string node) : database_(database), node_(std::move(node)) {
  const std::string query = "SELECT sequence, row_hash FROM chain_tails WHERE node = :v0" + database_.for_update();
  auto rows = database_.select(query, 2, {node_});
  if (rows.empty()) {
    database_.run("INSERT INTO chain_tails (node, sequence, row_hash) VALUES (:v0, 0, :v1) ON CONFLICT DO NOTHING", {node_, chain_start()});
    rows = database_.select(query, 2, {node_});
  }
  const auto sequence = rows.size() == 1 ? number_from(rows[0][0]) : std::nullopt;
  if (!sequence || *sequence < 0) throw DatabaseError(DatabaseError::Kind::away, "the ledger's table chain_tails cannot be read");
  sequence_ = static_cast<std::uint64_t>(*sequence);
  hash_ = rows[0][1];
}

bool ChainEnd::append(const ChainedTable& table, const std::vector<std::string>& texts) {
  const std::uint64_t sequence = sequence_ + 1;
  const std::string hash = row_hash(table, node_, sequence, hash_, texts);
  std::vector<std::string> values = texts;
  values.insert(values.end(), {node_, std::to_string(sequence), hash_, hash});
  if (database_.run(insert_statement(table), values) != 1) return false;
  sequence_ = sequence;
  hash_ = hash;
  changed_ = true;
  return true;
}

void ChainEnd::write_end() {
  if (!changed_) return;
  database_.run("UPDATE chain_tails SET sequence = CAST(:v0 AS BIGINT), row_hash = :v1 WHERE node = :v2",
                {std::to_string(sequence_), hash_, node_});
}

namespace {

constexpr std::uint64_t rows_at_a_time = 500;

struct FoundRow {
  const ChainedTable* table;
  std::vector<std::string> texts;
  std::string previous_hash;
  std::string hash;
};

class NodeWalk {
 public:
  NodeWalk(Database& database, std::string node, std::uint64_t end) : database_(database), node_(std::move(node)), end_(end) {}

  /// @param last_hash  what the chain's end says
  std::optional<ChainBreak> walk(const std::string& last_hash) {
    for (std::uint64_t first = 1; first <= end_; first += rows_at_a_time) {
      if (auto found = walk_window(first, std::min(end_, first + rows_at_a_time - 1))) return found;
    }
    if (hash_ != last_hash) return broken(end_, "the last row is not the one that the chain ended with");
    return std::nullopt;
  }
  std::uint64_t rows() const { return rows_; }

 private:
  ChainBreak broken(std::uint64_t sequence, std::string what) const { return {node_, sequence, std::move(what)}; }

  std::optional<ChainBreak> walk_window(std::uint64_t first, std::uint64_t last) {
    std::map<std::uint64_t, FoundRow> window;
    for (const ChainedTable* table : chained_tables()) {
      const std::string sql = "SELECT " + column_list(*table, "t") + ", t.sequence, t.previous_hash, t.row_hash FROM " +
                              std::string(table->name) +
                              " AS t WHERE t.node = :v0 AND t.sequence BETWEEN CAST(:v1 AS BIGINT) AND CAST(:v2 AS BIGINT)";
      const std::size_t own = table->columns.size();
      for (auto& row : database_.select(sql, own + 3, {node_, std::to_string(first), std::to_string(last)})) {
        const auto sequence = static_cast<std::uint64_t>(number_from(row[own]).value_or(0));
        FoundRow found{table, {row.begin(), row.begin() + static_cast<std::ptrdiff_t>(own)}, row[own + 1], row[own + 2]};
        if (!window.emplace(sequence, std::move(found)).second) return broken(sequence, "two rows have this number");
      }
    }
    for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
      const auto found = window.find(sequence);
      if (found == window.end()) return broken(sequence, "the row is missing");
      if (auto wrong = judge(sequence, found->second)) return wrong;
      hash_ = found->second.hash;
      ++rows_;
    }
    return std::nullopt;
  }

  std::optional<ChainBreak> judge(std::uint64_t sequence, const FoundRow& row) {
    const std::string table(row.table->name);
    if (row.previous_hash != hash_) return broken(sequence, table + ": the row does not follow the one before it");
    if (row_hash(*row.table, node_, sequence, row.previous_hash, row.texts) != row.hash) {
      return broken(sequence, table + ": the row is not what was written");
    }
    return std::nullopt;
  }

  Database& database_;
  std::string node_;
  std::uint64_t end_;
  std::uint64_t rows_ = 0;
  std::string hash_ = chain_start();
};

}  // namespace

ChainReport verify_chains(Database& database) {
  ChainReport report;
  std::map<std::string, std::pair<std::uint64_t, std::string>> ends;
  for (const auto& row : database.select("SELECT node, sequence, row_hash FROM chain_tails", 3)) {
    ends[row[0]] = {static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_from(row[1]).value_or(0))), row[2]};
  }
  // Rows beyond the end, below the beginning, or of a node that has no chain. New rows of a running node are beyond the end that was read
  // above, but never beyond the end that stands there now.
  for (const ChainedTable* table : chained_tables()) {
    const std::string sql =
        "SELECT t.node, t.sequence FROM " + std::string(table->name) +
        " AS t LEFT JOIN chain_tails AS c ON c.node = t.node WHERE c.node IS NULL OR t.sequence > c.sequence OR t.sequence < 1 "
        "ORDER BY t.node, t.sequence LIMIT 100";
    for (const auto& row : database.select(sql, 2)) {
      const auto sequence = static_cast<std::uint64_t>(number_from(row[1]).value_or(0));
      const bool known =
          std::any_of(report.breaks.begin(), report.breaks.end(), [&](const ChainBreak& found) { return found.node == row[0]; });
      if (!known) report.breaks.push_back({row[0], sequence, std::string(table->name) + ": a row that belongs to no chain"});
    }
  }
  for (const auto& [node, end] : ends) {
    report.nodes.push_back(node);
    NodeWalk walk(database, node, end.first);
    auto found = walk.walk(end.second);
    report.rows += walk.rows();
    if (!found) continue;
    std::erase_if(report.breaks, [&, name = node](const ChainBreak& other) { return other.node == name; });
    report.breaks.push_back(std::move(*found));
  }
  return report;
}

}  // namespace gatehouse::ca
