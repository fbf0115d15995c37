/// One connection to the ledger's database, whichever it is. Only texts go in and come out (docs/directory.md, the ledger's own rules).
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ca/ledger/ledger.h"

namespace gatehouse::ca {

/// What a database can answer besides rows. Thrown, since an error in the middle of a transaction has one place to go: its end.
class DatabaseError : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    away,     ///< gone, locked, full, read-only, too old, too new: the connection is of no more use
    row,      ///< the database does not take this row (constraint, encoding)
    conflict  ///< another transaction was in the way; the same again may succeed
  };
  DatabaseError(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// Not for two threads at once.
class Database {
 public:
  using Texts = std::vector<std::string>;

  /// Connects, and makes the schema where it is not there yet. @param may_create  SQLite: whether a missing file is to be made
  /// @throws DatabaseError (away)
  static std::unique_ptr<Database> connect(const LedgerSettings& settings, bool may_create);
  ~Database();

  /// SQLite: the file is still the one at its path. @throws DatabaseError (away)
  void check_same_file() const;
  /// SQLite: the file and its folder may be written. @throws DatabaseError (away)
  void check_writable() const;
  /// SQLite: BEGIN IMMEDIATE, so that a transaction that will write waits for its turn here and not in its middle.
  void begin();
  void commit();
  /// Never throws: a connection on which this fails is dropped by its owner anyway.
  void rollback();

  /// Runs a statement with values for :v0, :v1 …; it stays prepared. @return the number of rows that changed. @throws DatabaseError
  long long run(const std::string& sql, const Texts& values = {});
  /// @param columns  how many texts a row has
  std::vector<Texts> select(const std::string& sql, std::size_t columns, const Texts& values = {});

  LedgerBackend backend() const;
  /// " FOR UPDATE" where rows are locked one by one; empty where a writer has the whole database.
  std::string for_update() const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gatehouse::ca
