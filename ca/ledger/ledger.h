/// The ledger: append-only, chained by hashes, on SQLite or PostgreSQL (docs/directory.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ca/ledger/rows.h"
#include "protocol/core/result.h"

namespace gatehouse::ca {

enum class LedgerBackend : std::uint8_t { sqlite, postgresql };
/// "sqlite", "postgresql".
std::optional<LedgerBackend> ledger_backend_by_name(std::string_view name);

/// Table [ledger].
struct LedgerSettings {
  LedgerBackend backend = LedgerBackend::sqlite;
  std::string path;        ///< SQLite: the file; made with mode 0600 when it is missing at start
  std::string connection;  ///< PostgreSQL: libpq's "host=… dbname=… user=…"; time limits and target_session_attrs are added
  std::string node;        ///< this CA node's name: one hash chain each; no two running nodes may share one
  std::chrono::milliseconds timeout{5000};  ///< for a lock, a statement or a connection
};

enum class LedgerFault : std::uint8_t {
  unavailable,   ///< "ledger_unavailable": nothing was recorded, or it is not known whether it was; nothing may be released
  nonce_used,    ///< the nonce stands in an earlier row
  serial_taken,  ///< draw another
  request_id_taken,
  unknown_request,  ///< no intent of that request id, or it has already been issued or failed
  bad_row,          ///< text that no database takes (NUL, not UTF-8), serial 0, a hash of the wrong length: our caller's mistake
};
/// "ledger_unavailable", "nonce_used", …
std::string_view fault_name(LedgerFault fault);

struct LedgerError {
  LedgerFault fault;
  std::string text;  ///< for the log
};
template <class T>
using LedgerResult = Result<T, LedgerError>;

struct LedgerHealth {
  bool writable = false;
  std::string text;        ///< why not
  std::uint64_t rows = 0;  ///< length of this node's chain
};

/// Where a chain stops being what was written.
struct ChainBreak {
  std::string node;
  std::uint64_t sequence;
  std::string what;
};
struct ChainReport {
  std::uint64_t rows = 0;  ///< that were found in order
  std::vector<std::string> nodes;
  std::vector<ChainBreak> breaks;  ///< at most one per node: the first; empty: the ledger is whole
};

/// For any number of threads. Rows of callers who wait at the same time share one transaction.
class Ledger {
 public:
  /// A database that is away is no reason not to start: calls say `unavailable` until it is there.
  /// @error settings that cannot be right
  static Result<std::unique_ptr<Ledger>> open(LedgerSettings settings);
  ~Ledger();

  /// Each returns when the row is durable.
  LedgerResult<void> record(const Intent& intent);
  LedgerResult<void> record(const Issued& issued);
  LedgerResult<void> record(const Failed& failed);
  /// @return the KRL version that has the revocation: max(last + 1, milliseconds since 1970), taken in the same transaction
  LedgerResult<std::uint64_t> record(const RevocationRow& revocation);

  LedgerResult<std::optional<LedgerRecord>> find_serial(std::uint64_t serial);
  LedgerResult<std::optional<LedgerRecord>> find_request(std::string_view request_id);
  /// Whether a certificate of the session was revoked by its serial, whichever of them it was.
  LedgerResult<bool> session_is_revoked(std::string_view session_id);
  /// Newest first. @param name  requester's name, exactly
  LedgerResult<std::vector<LedgerRecord>> find_requester(std::string_view name, unsigned limit);
  /// Issued certificates that are still valid at `now`, oldest first.
  LedgerResult<std::vector<LedgerRecord>> live_certificates(std::chrono::sys_seconds now, unsigned limit);

  /// Never 0: a new ledger begins with the time of its making.
  LedgerResult<std::uint64_t> krl_version();
  /// The revocations up to and with a version, oldest first.
  LedgerResult<std::vector<RevocationRow>> revocations(std::uint64_t up_to_version);

  /// Which of these SHA-256 (hex) of to-be-signed bytes stand in no intent row.
  LedgerResult<std::vector<std::string>> unrecorded(const std::vector<std::string>& to_be_signed_sha256);
  /// Walks every node's chain.
  LedgerResult<ChainReport> verify();
  /// Tries to write (a transaction that changes nothing).
  LedgerHealth health();

 private:
  class Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::ca
