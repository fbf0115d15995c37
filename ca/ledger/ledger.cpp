#include "ca/ledger/ledger.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>

#include "ca/ledger/chain.h"
#include "ca/ledger/committer.h"
#include "ca/ledger/database.h"
#include "ca/ledger/reader.h"
#include "ca/ledger/row_text.h"
#include "ca/ledger/schema.h"
#include "protocol/crypto/digest.h"

namespace gatehouse::ca {

std::optional<LedgerBackend> ledger_backend_by_name(std::string_view name) {
  if (name == "sqlite") return LedgerBackend::sqlite;
  if (name == "postgresql") return LedgerBackend::postgresql;
  return std::nullopt;
}

std::string_view fault_name(LedgerFault fault) {
  using enum LedgerFault;
  switch (fault) {
    case unavailable:
      return "ledger_unavailable";
    case nonce_used:
      return "nonce_used";
    case serial_taken:
      return "serial_taken";
    case request_id_taken:
      return "request_id_taken";
    case unknown_request:
      return "unknown_request";
    case bad_row:
      return "bad_row";
  }
  std::abort();
}

namespace {

using Texts = Database::Texts;

tl::unexpected<LedgerError> fail(LedgerFault fault, std::string text = {}) {
  return tl::unexpected<LedgerError>(LedgerError{fault, std::move(text)});
}

bool exists(Database& database, const std::string& table, const std::string& column, const std::string& value) {
  return database.select("SELECT COUNT(*) FROM " + table + " WHERE " + column + " = :v0", 1, {value}).at(0).at(0) != "0";
}

LedgerResult<std::uint64_t> append_intent(Database& database, ChainEnd& end, const Texts& texts) {
  const std::string& request_id = texts[0];
  const std::string& serial = texts[2];
  const std::string& nonce = texts[14];
  // A nonce is used once over all tables that have one.
  if (exists(database, "revocations", "nonce", nonce)) return fail(LedgerFault::nonce_used);
  if (end.append(intents_table(), texts)) return 0;
  if (exists(database, "intents", "nonce", nonce)) return fail(LedgerFault::nonce_used);
  if (exists(database, "intents", "request_id", request_id)) return fail(LedgerFault::request_id_taken);
  if (exists(database, "intents", "serial", serial)) return fail(LedgerFault::serial_taken);
  // The chain's own number: another process writes under this node's name.
  throw DatabaseError(DatabaseError::Kind::away, "another process writes to the ledger as this node; give each its own name");
}

// An intent that has become nothing yet. @return its hash of the to-be-signed octets
LedgerResult<std::string> open_intent(Database& database, const std::string& request_id) {
  const auto rows = database.select(
      "SELECT to_be_signed_sha256 FROM intents WHERE request_id = :v0 AND NOT EXISTS (SELECT 1 FROM issued WHERE request_id = :v1) "
      "AND NOT EXISTS (SELECT 1 FROM failures WHERE request_id = :v2)",
      1, {request_id, request_id, request_id});
  if (rows.empty()) return fail(LedgerFault::unknown_request, "no open intent of request " + escaped(request_id, 64));
  return rows[0][0];
}

LedgerResult<std::uint64_t> append_outcome(ChainEnd& end, const ChainedTable& table, const Texts& texts) {
  if (end.append(table, texts)) return 0;
  throw DatabaseError(DatabaseError::Kind::away, "another process writes to the ledger as this node; give each its own name");
}

std::uint64_t krl_version_of(Database& database, const std::string& lock) {
  const auto rows = database.select("SELECT version FROM krl_state WHERE id = 1" + lock, 1);
  const auto version = rows.size() == 1 ? number_from(rows[0][0]) : std::nullopt;
  if (!version || *version <= 0) throw DatabaseError(DatabaseError::Kind::away, "the ledger's table krl_state cannot be read");
  return static_cast<std::uint64_t>(*version);
}

LedgerResult<std::uint64_t> append_revocation(Database& database, ChainEnd& end, RevocationRow row) {
  if (!row.nonce.empty() && (exists(database, "intents", "nonce", row.nonce) || exists(database, "revocations", "nonce", row.nonce))) {
    return fail(LedgerFault::nonce_used);
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  row.krl_version =
      std::max(krl_version_of(database, database.for_update()) + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(0, now)));
  const auto texts = texts_of(row);
  if (!texts) return tl::unexpected(texts.error());
  // The version is locked; what is left to conflict is the nonce, in another node's transaction that has just ended.
  if (!end.append(revocations_table(), *texts)) return fail(LedgerFault::nonce_used);
  database.run("UPDATE krl_state SET version = CAST(:v0 AS BIGINT) WHERE id = 1", {std::to_string(row.krl_version)});
  return row.krl_version;
}

std::string record_query(const std::string& condition) {
  return "SELECT " + column_list(intents_table(), "i") +
         ", i.node, COALESCE(s.certificate, ''), COALESCE(s.time, 0), COALESCE(f.reason, ''), COALESCE(f.time, -1) FROM intents AS i "
         "LEFT JOIN issued AS s ON s.request_id = i.request_id LEFT JOIN failures AS f ON f.request_id = i.request_id " +
         condition;
}

std::vector<LedgerRecord> read_records(Database& database, const std::string& condition, const Texts& values) {
  const std::size_t own = intents_table().columns.size();
  std::vector<LedgerRecord> out;
  for (const auto& row : database.select(record_query(condition), own + 5, values)) {
    LedgerRecord record;
    auto intent = intent_from({row.begin(), row.begin() + static_cast<std::ptrdiff_t>(own)});
    const auto certificate = unbase64(row[own + 1]);
    const auto issued_time = number_from(row[own + 2]);
    const auto failed_time = number_from(row[own + 4]);
    if (!intent || !certificate || !issued_time || !failed_time) {
      throw DatabaseError(DatabaseError::Kind::away, "a row of the ledger cannot be read: request " + escaped(row[0], 64));
    }
    record.node = row[own];
    if (!certificate->empty())
      record.issued = Issued{intent->request_id, *certificate, LedgerTime(std::chrono::milliseconds(*issued_time))};
    if (*failed_time >= 0) record.failed = Failed{intent->request_id, row[own + 3], LedgerTime(std::chrono::milliseconds(*failed_time))};
    record.intent = std::move(*intent);
    out.push_back(std::move(record));
  }
  return out;
}

std::optional<LedgerRecord> only(std::vector<LedgerRecord> records) {
  if (records.empty()) return std::nullopt;
  return std::move(records.front());
}

}  // namespace

class Ledger::Impl {
 public:
  explicit Impl(const LedgerSettings& settings) : settings_(settings), committer_(settings), reader_(settings) {}

  LedgerResult<void> done(LedgerResult<std::uint64_t> answer) {
    if (!answer) return tl::unexpected(answer.error());
    return {};
  }
  Committer& committer() { return committer_; }
  const LedgerSettings& settings() const { return settings_; }

  /// What `question` answers. It must own what it uses: it may be asked after we have gone.
  template <class Question>
  auto read(Question question) -> LedgerResult<decltype(question(std::declval<Database&>()))> {
    auto answer = std::make_shared<std::optional<decltype(question(std::declval<Database&>()))>>();
    auto done = reader_.ask([question = std::move(question), answer](Database& database) { *answer = question(database); });
    if (!done) return tl::unexpected(done.error());
    return std::move(**answer);
  }

 private:
  const LedgerSettings settings_;
  Committer committer_;
  Reader reader_;
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(LedgerSettings settings) {
  if (settings.backend == LedgerBackend::sqlite) {
    if (settings.path.empty()) return problem("no file", "[ledger] path", "path = \"/var/lib/gatehouse-ca/ledger.db\"");
    if (settings.path.find_first_of(std::string_view("\"\0", 2)) != std::string::npos)
      return problem("a quotation mark in the path", "[ledger] path");
  } else {
    if (settings.connection.empty())
      return problem("no connection", "[ledger] connection", "connection = \"host=/run/postgresql dbname=gatehouse\"");
    if (settings.connection.find("://") != std::string::npos) {
      return problem("a URL", "[ledger] connection", "write it as \"host=db.example.com dbname=gatehouse user=gatehouse\"");
    }
  }
  const bool plain = !settings.node.empty() && settings.node.size() <= 64 &&
                     std::all_of(settings.node.begin(), settings.node.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) return problem("a node's name is 1 to 64 printable characters", "[ledger] node");
  if (settings.timeout < std::chrono::milliseconds(100) || settings.timeout > std::chrono::minutes(5)) {
    return problem("a time limit is between 100 ms and 5 minutes", "[ledger] timeout");
  }
  return std::unique_ptr<Ledger>(new Ledger(std::make_unique<Impl>(settings)));
}

LedgerResult<void> Ledger::record(const Intent& intent) {
  auto texts = texts_of(intent);
  if (!texts) return tl::unexpected(texts.error());
  return impl_->done(impl_->committer().submit(
      [texts = std::move(*texts)](Database& database, ChainEnd& end) { return append_intent(database, end, texts); }));
}

LedgerResult<void> Ledger::record(const Issued& issued) {
  auto texts = texts_of(issued);
  if (!texts) return tl::unexpected(texts.error());
  // The certificate must be the one whose octets the intent announced.
  const auto envelope = keys::open_certificate(issued.certificate);
  if (!envelope) return fail(LedgerFault::bad_row, "the certificate cannot be read: " + envelope.error().detail);
  std::string hash = hex(crypto::hash(crypto::Digest::sha256, envelope->to_be_signed));
  return impl_->done(impl_->committer().submit(
      [texts = std::move(*texts), hash = std::move(hash)](Database& database, ChainEnd& end) -> LedgerResult<std::uint64_t> {
        const auto announced = open_intent(database, texts[0]);
        if (!announced) return tl::unexpected(announced.error());
        if (*announced != hash) return fail(LedgerFault::bad_row, "the certificate is not the one that the intent announced");
        return append_outcome(end, issued_table(), texts);
      }));
}

LedgerResult<void> Ledger::record(const Failed& failed) {
  auto texts = texts_of(failed);
  if (!texts) return tl::unexpected(texts.error());
  return impl_->done(
      impl_->committer().submit([texts = std::move(*texts)](Database& database, ChainEnd& end) -> LedgerResult<std::uint64_t> {
        const auto announced = open_intent(database, texts[0]);
        if (!announced) return tl::unexpected(announced.error());
        return append_outcome(end, failures_table(), texts);
      }));
}

LedgerResult<std::uint64_t> Ledger::record(const RevocationRow& revocation) {
  if (const auto texts = texts_of(revocation); !texts) return tl::unexpected(texts.error());
  return impl_->committer().submit([row = revocation](Database& database, ChainEnd& end) { return append_revocation(database, end, row); });
}

LedgerResult<std::optional<LedgerRecord>> Ledger::find_serial(std::uint64_t serial) {
  return impl_->read([serial](Database& database) { return only(read_records(database, "WHERE i.serial = :v0", {serial_text(serial)})); });
}

LedgerResult<std::optional<LedgerRecord>> Ledger::find_request(std::string_view request_id) {
  return impl_->read(
      [id = std::string(request_id)](Database& database) { return only(read_records(database, "WHERE i.request_id = :v0", {id})); });
}

LedgerResult<bool> Ledger::session_is_revoked(std::string_view session_id) {
  return impl_->read([id = std::string(session_id)](Database& database) {
    const auto hits = database.select(
        "SELECT r.serial FROM revocations AS r JOIN intents AS i ON i.serial = r.serial WHERE r.kind = 'serial' AND i.session_id = :v0 "
        "LIMIT 1",
        1, {id});
    return !hits.empty();
  });
}

LedgerResult<std::vector<LedgerRecord>> Ledger::find_requester(std::string_view name, unsigned limit) {
  return impl_->read([values = Texts{std::string(name), std::to_string(limit)}](Database& database) {
    return read_records(database, "WHERE i.requester_name = :v0 ORDER BY i.time DESC, i.sequence DESC LIMIT CAST(:v1 AS BIGINT)", values);
  });
}

LedgerResult<std::vector<LedgerRecord>> Ledger::live_certificates(std::chrono::sys_seconds now, unsigned limit) {
  return impl_->read([now, limit](Database& database) {
    return read_records(
        database,
        "WHERE s.request_id IS NOT NULL AND i.valid_before > CAST(:v0 AS BIGINT) ORDER BY i.time, i.sequence LIMIT CAST(:v1 AS "
        "BIGINT)",
        {std::to_string(now.time_since_epoch().count()), std::to_string(limit)});
  });
}

LedgerResult<std::uint64_t> Ledger::krl_version() {
  return impl_->read([](Database& database) { return krl_version_of(database, {}); });
}

LedgerResult<std::vector<RevocationRow>> Ledger::revocations(std::uint64_t up_to_version) {
  return impl_->read([up_to_version](Database& database) {
    const std::uint64_t limit = std::min<std::uint64_t>(up_to_version, 0x7FFFFFFFFFFFFFFF);
    std::vector<RevocationRow> out;
    for (const auto& texts : database.select("SELECT " + column_list(revocations_table(), "t") +
                                                 " FROM revocations AS t WHERE t.krl_version <= CAST(:v0 AS BIGINT) ORDER BY t.krl_version",
                                             revocations_table().columns.size(), {std::to_string(limit)})) {
      auto row = revocation_from(texts);
      // A revocation that is left out would let somebody in.
      if (!row)
        throw DatabaseError(DatabaseError::Kind::away, "a revocation of the ledger cannot be read: version " + escaped(texts[0], 64));
      out.push_back(std::move(*row));
    }
    return out;
  });
}

LedgerResult<std::vector<std::string>> Ledger::unrecorded(const std::vector<std::string>& to_be_signed_sha256) {
  return impl_->read([hashes = to_be_signed_sha256](Database& database) {
    std::vector<std::string> out;
    for (const auto& hash : hashes) {
      if (!exists(database, "intents", "to_be_signed_sha256", hash)) out.push_back(hash);
    }
    return out;
  });
}

LedgerResult<ChainReport> Ledger::verify() {
  // On a connection and in the time of its own: a long ledger takes long, and nobody who asks for a session waits behind it.
  try {
    const auto database = Database::connect(impl_->settings(), false);
    return verify_chains(*database);
  } catch (const DatabaseError& error) {
    return fail(LedgerFault::unavailable, error.what());
  }
}

LedgerHealth Ledger::health() {
  const auto rows = impl_->committer().submit([](Database&, ChainEnd& end) -> LedgerResult<std::uint64_t> { return end.rows(); });
  if (!rows) return {false, rows.error().text, 0};
  const auto& settings = impl_->settings();
  if (settings.backend == LedgerBackend::sqlite) {
    constexpr std::uint64_t few = 1024 * 1024;
    struct statvfs disk {};
    if (::statvfs(settings.path.c_str(), &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize < few) {
      return {false, settings.path + ": less than 1 MiB is free on its disk", *rows};
    }
  }
  return {true, {}, *rows};
}

}  // namespace gatehouse::ca
