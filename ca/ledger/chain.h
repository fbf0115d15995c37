/// The hash chain of one node: each row holds the hash of its content and of the row before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ca/ledger/database.h"
#include "ca/ledger/schema.h"

namespace gatehouse::ca {

/// What stands before the first row: 64 zeros.
std::string chain_start();

/// SHA-256, lower-case hex, over (as strings and numbers of RFC 4251) "gatehouse-ledger-1", table, node, sequence, previous hash, and the
/// name and text of each column in the table's order.
std::string row_hash(const ChainedTable& table, const std::string& node, std::uint64_t sequence, const std::string& previous_hash,
                     const std::vector<std::string>& texts);

/// The end of the chain inside a transaction that is going to append to it.
class ChainEnd {
 public:
  /// Reads the end, and locks it where there is more than one writer. @throws DatabaseError
  ChainEnd(Database& database, std::string node);
  /// @return false when a unique column of the table already has the value; nothing was written then. @throws DatabaseError
  bool append(const ChainedTable& table, const std::vector<std::string>& texts);
  /// Before commit. @throws DatabaseError
  void write_end();
  std::uint64_t rows() const { return sequence_; }

 private:
  Database& database_;
  std::string node_;
  std::uint64_t sequence_ = 0;
  std::string hash_;
  bool changed_ = false;
};

/// Walks all chains. Reads a few hundred rows at a time, so that a long ledger needs little memory and no lock. @throws DatabaseError
ChainReport verify_chains(Database& database);

}  // namespace gatehouse::ca
