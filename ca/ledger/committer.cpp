#include "ca/ledger/committer.h"

#include <utility>

#include "daemon/log.h"

namespace gatehouse::ca {

namespace {

constexpr std::size_t max_batch = 512;
constexpr std::size_t max_queue = 8192;
constexpr unsigned max_attempts = 4;
// While the database is away, callers are not made to wait for one connection attempt each.
constexpr std::chrono::milliseconds pause_after_failure{200};

LedgerError unavailable(std::string text) { return {LedgerFault::unavailable, std::move(text)}; }

}  // namespace

Committer::Committer(LedgerSettings settings) : settings_(std::move(settings)), thread_([this] { loop(); }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

LedgerResult<std::uint64_t> Committer::submit(Work work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  auto answer = job->answer.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= max_queue) return tl::unexpected(unavailable("too many wait for the ledger"));
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  // The thread's own limits are for a lock and a statement; a disk that hangs has none.
  if (answer.wait_for(3 * settings_.timeout) != std::future_status::ready) {
    return tl::unexpected(unavailable("no answer in time; it is not known whether the row was written"));
  }
  return answer.get();
}

void Committer::loop() {
  for (;;) {
    Jobs jobs;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && jobs.size() < max_batch) {
        jobs.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    run(jobs, 1);
  }
}

Database& Committer::connected() {
  if (database_ != nullptr) return *database_;
  if (std::chrono::steady_clock::now() - failed_at_ < pause_after_failure) throw DatabaseError(DatabaseError::Kind::away, failure_);
  // A missing file is made once, at the start; later it is a loss and no beginning.
  database_ = Database::connect(settings_, !was_connected_);
  if (!failure_.empty()) log::info("the ledger is there again");
  failure_.clear();
  was_connected_ = true;
  return *database_;
}

Database& Committer::begun() {
  const bool kept = database_ != nullptr;
  try {
    Database& database = connected();
    database.check_same_file();
    database.check_writable();
    database.begin();
    return database;
  } catch (const DatabaseError&) {
    // A server that was restarted since the last row: nothing of this transaction has gone out yet, so it may as well begin on a new
    // connection. With SQLite a failure here is a lock or the file itself.
    if (!kept || settings_.backend == LedgerBackend::sqlite) throw;
    database_.reset();
    Database& database = connected();
    database.begin();
    return database;
  }
}

void Committer::run(const Jobs& jobs, unsigned attempt) {
  using Kind = DatabaseError::Kind;
  std::vector<LedgerResult<std::uint64_t>> answers;
  try {
    Database& database = begun();
    ChainEnd end(database, settings_.node);
    for (const auto& job : jobs) answers.push_back(job->work(database, end));
    end.write_end();
    database.commit();
    database.check_same_file();  // what went into a file that is no longer there is not recorded
  } catch (const DatabaseError& error) {
    if (database_ != nullptr) database_->rollback();
    if (error.kind() != Kind::away && jobs.size() > 1) {
      // One row spoils the transaction of all: each its own, then.
      for (const auto& job : jobs) run({job}, 1);
      return;
    }
    if (error.kind() == Kind::conflict && attempt < max_attempts) return run(jobs, attempt + 1);
    LedgerError answer = unavailable(error.what());
    if (error.kind() == Kind::row) {
      answer.fault = LedgerFault::bad_row;
    } else {
      database_.reset();
      if (failure_.empty()) log::error("the ledger is unavailable: {}", error.what());
      if (failure_ != error.what() || std::chrono::steady_clock::now() - failed_at_ >= pause_after_failure) {
        failed_at_ = std::chrono::steady_clock::now();
      }
      failure_ = error.what();
    }
    for (const auto& job : jobs) job->answer.set_value(tl::unexpected(answer));
    return;
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i]->answer.set_value(std::move(answers[i]));
}

}  // namespace gatehouse::ca
