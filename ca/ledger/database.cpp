#include "ca/ledger/database.h"

#include <fcntl.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ca/ledger/schema.h"
#include "daemon/unique_fd.h"

namespace gatehouse::ca {

namespace {

using Kind = DatabaseError::Kind;

DatabaseError translated(const soci::soci_error& error) {
  // get_error_message and not what(): the latter repeats the statement with its values.
  const std::string text = error.get_error_message();
  if (const auto* postgresql = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
    // SQLSTATE classes: 22 data exception, 23 integrity constraint; 40 serialisation failure or deadlock.
    const std::string state = postgresql->sqlstate().substr(0, 2);
    if (state == "22" || state == "23") return {Kind::row, text};
    if (state == "40") return {Kind::conflict, text};
  }
  if (const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error)) {
    const int code = sqlite->result() & 0xff;  // extended codes add high bits
    if (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG) return {Kind::row, text};
  }
  return {Kind::away, text};
}

template <class Call>
auto translating(Call call) {
  try {
    return call();
  } catch (const soci::soci_error& error) {
    throw translated(error);
  } catch (const DatabaseError&) {
    throw;
  } catch (const std::exception& error) {  // SOCI has others for values that it cannot convert
    throw DatabaseError(Kind::away, error.what());
  }
}

// A prepared statement with the places that it reads from and writes to.
class Prepared {
 public:
  Prepared(soci::session& session, const std::string& sql, std::size_t inputs, std::size_t outputs)
      : in(inputs), out(outputs), indicators_(outputs, soci::i_ok), statement_(session) {
    for (auto& value : in) statement_.exchange(soci::use(value));
    for (std::size_t i = 0; i < outputs; ++i) statement_.exchange(soci::into(out[i], indicators_[i]));
    statement_.alloc();
    statement_.prepare(sql);
    statement_.define_and_bind();
  }

  long long run() {
    statement_.execute(true);
    return statement_.get_affected_rows();
  }
  void select(std::vector<Database::Texts>& rows) {
    statement_.execute();
    while (statement_.fetch()) {
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (indicators_[i] == soci::i_null) out[i].clear();
      }
      rows.push_back(out);
    }
  }

  Database::Texts in;  // never resized: the statement holds their addresses
  Database::Texts out;

 private:
  std::vector<soci::indicator> indicators_;
  soci::statement statement_;
};

std::string place_text(const std::string& path, const std::string& what) { return path + ": " + what; }

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

struct stat about(const std::string& path) {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) throw DatabaseError(Kind::away, place_text(path, std::strerror(errno)));
  if (!S_ISREG(now.st_mode)) throw DatabaseError(Kind::away, place_text(path, "no regular file"));
  return now;
}

}  // namespace

struct Database::State {
  LedgerSettings settings;
  soci::session session;
  std::map<std::string, std::unique_ptr<Prepared>> statements;  // go before the session
  dev_t device = 0;
  ino_t inode = 0;

  ~State() { statements.clear(); }

  void connect_sqlite(bool may_create);
  void connect_postgresql();
  Prepared& prepared(const std::string& sql, std::size_t inputs, std::size_t outputs) {
    auto& statement = statements[sql];
    if (statement == nullptr) statement = std::make_unique<Prepared>(session, sql, inputs, outputs);
    return *statement;
  }
};

void Database::State::connect_sqlite(bool may_create) {
  const std::string& path = settings.path;
  if (may_create) {
    // Before SQLite makes it with the process's umask.
    const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!made) throw DatabaseError(Kind::away, place_text(path, std::strerror(errno)));
  }
  const struct stat before = about(path);
  device = before.st_dev;
  inode = before.st_ino;
  // checked(): the path has no quotation mark.
  session.open(soci::sqlite3, "db=\"" + path + "\" shared_cache=false");
  session << "PRAGMA busy_timeout = " << settings.timeout.count();
  std::string mode;
  session << "PRAGMA journal_mode = WAL", soci::into(mode);
  if (mode != "wal")
    throw DatabaseError(Kind::away, place_text(path, "SQLite cannot use a write-ahead log here (journal_mode " + mode + ")"));
  session << "PRAGMA synchronous = FULL";  // NORMAL would let the last commits go with the power
  session << "PRAGMA foreign_keys = ON";
}

void Database::State::connect_postgresql() {
  const auto milliseconds = std::to_string(settings.timeout.count());
  const auto seconds = std::to_string(std::max<long long>(2, settings.timeout.count() / 1000));
  // libpq takes the last of equal keys: what is ours stands last.
  session.open(soci::postgresql,
               settings.connection + " application_name=gatehouse-ca target_session_attrs=read-write client_encoding=UTF8" +
                   " connect_timeout=" + seconds + " tcp_user_timeout=" + milliseconds +
                   " keepalives_idle=10 keepalives_interval=5 keepalives_count=3 options='-c statement_timeout=" + milliseconds +
                   " -c lock_timeout=" + milliseconds + " -c idle_in_transaction_session_timeout=" + milliseconds +
                   " -c synchronous_commit=on -c client_min_messages=warning -c standard_conforming_strings=on'");
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::~Database() = default;

std::unique_ptr<Database> Database::connect(const LedgerSettings& settings, bool may_create) {
  auto state = std::make_unique<State>();
  state->settings = settings;
  translating([&] { settings.backend == LedgerBackend::sqlite ? state->connect_sqlite(may_create) : state->connect_postgresql(); });
  std::unique_ptr<Database> database(new Database(std::move(state)));
  database->check_same_file();
  ensure_schema(*database);
  return database;
}

void Database::check_same_file() const {
  if (backend() != LedgerBackend::sqlite) return;
  const std::string& path = state_->settings.path;
  const struct stat now = about(path);
  // SQLite would go on writing into a file that was removed or replaced.
  if (now.st_dev != state_->device || now.st_ino != state_->inode) {
    throw DatabaseError(Kind::away, place_text(path, "another file stands here than the one that was opened"));
  }
}

void Database::check_writable() const {
  if (backend() != LedgerBackend::sqlite) return;
  const std::string& path = state_->settings.path;
  // An open descriptor outlives a chmod; the next start would not. What is meant to be unwritable is not written to.
  for (const std::string& place : {path, folder_of(path)}) {
    if (::faccessat(AT_FDCWD, place.c_str(), W_OK, AT_EACCESS) != 0)
      throw DatabaseError(Kind::away, place_text(place, std::strerror(errno)));
  }
}

void Database::begin() {
  translating([&] { state_->session << (backend() == LedgerBackend::sqlite ? "BEGIN IMMEDIATE" : "BEGIN"); });
}
void Database::commit() {
  translating([&] { state_->session << "COMMIT"; });
}
void Database::rollback() {
  try {
    state_->session << "ROLLBACK";
  } catch (const soci::soci_error&) {
    // No transaction, or no connection: either way nothing of ours is left.
  }
}

long long Database::run(const std::string& sql, const Texts& values) {
  return translating([&] {
    Prepared& statement = state_->prepared(sql, values.size(), 0);
    for (std::size_t i = 0; i < values.size(); ++i) statement.in[i] = values[i];
    return statement.run();
  });
}

std::vector<Database::Texts> Database::select(const std::string& sql, std::size_t columns, const Texts& values) {
  return translating([&] {
    std::vector<Texts> rows;
    Prepared& statement = state_->prepared(sql, values.size(), columns);
    for (std::size_t i = 0; i < values.size(); ++i) statement.in[i] = values[i];
    statement.select(rows);
    return rows;
  });
}

LedgerBackend Database::backend() const { return state_->settings.backend; }
std::string Database::for_update() const { return backend() == LedgerBackend::postgresql ? " FOR UPDATE" : ""; }

}  // namespace gatehouse::ca
